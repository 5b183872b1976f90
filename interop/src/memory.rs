//! Whether a process that serves requests grows.
//!
//! Its memory is looked at from time to time. The greatest that was seen in the last quarter of the
//! requests is compared with the greatest in the first quarter, without the first twentieth of all,
//! in which it warms up.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::{Context, Result};

/// What a process holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident memory, in KiB.
    pub resident: u64,
    /// What it has allocated and not freed, in KiB.
    pub heap: u64,
}

impl Memory {
    fn max(self, other: Self) -> Self {
        Self { resident: self.resident.max(other.resident), heap: self.heap.max(other.heap) }
    }
}

/// What a process held after so many requests.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// How many requests were answered.
    pub done: u64,
    /// What it held.
    pub memory: Memory,
}

/// The greatest in the first quarter after the warm-up, and in the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarters {
    /// In the first.
    pub first: Memory,
    /// In the last.
    pub last: Memory,
}

impl Quarters {
    /// None where there was no sample in one of them.
    pub fn of(samples: &[Sample], requests: u64) -> Option<Self> {
        let greatest = |from: u64, to: u64| {
            let within = samples.iter().filter(|sample| (from..=to).contains(&sample.done));
            within.map(|sample| sample.memory).reduce(Memory::max)
        };
        let first = greatest(requests / 20, requests / 4)?;
        let last = greatest(requests - requests / 4, requests)?;
        Some(Self { first, last })
    }

    /// By how much either of the two numbers grew, in KiB.
    pub fn growth(&self) -> u64 {
        let resident = self.last.resident.saturating_sub(self.first.resident);
        resident.max(self.last.heap.saturating_sub(self.first.heap))
    }
}

/// The resident memory of a process, in KiB.
///
/// # Errors
///
/// Where there is no such process.
pub fn resident(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("the app ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
    Ok(number.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters() {
        let sample = |done, resident, heap| Sample { done, memory: Memory { resident, heap } };
        // The 9 is of the warm-up, the 8 of the middle.
        let samples = [
            sample(4, 9, 9),
            sample(5, 3, 1),
            sample(25, 2, 2),
            sample(50, 8, 8),
            sample(75, 3, 6),
            sample(100, 4, 1),
        ];
        let quarters = Quarters::of(&samples, 100).unwrap();
        let memory = |resident, heap| Memory { resident, heap };
        assert_eq!(quarters, Quarters { first: memory(3, 2), last: memory(4, 6) });
        assert_eq!(quarters.growth(), 4);
        assert_eq!(Quarters::of(&samples[..4], 100), None);
    }

    #[test]
    fn this_process_is_resident() {
        assert!(resident(std::process::id()).unwrap() > 0);
    }
}
