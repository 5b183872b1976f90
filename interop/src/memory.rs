//! Whether the memory of a process that serves requests grows.
//!
//! Its memory is sampled from time to time. The greatest value in the last quarter of the requests is
//! compared with the greatest in the first quarter. The first twentieth of all requests is left out,
//! because the process warms up then.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::{Context, Result};

/// The memory that a process holds.
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

/// The memory that a process held after a number of requests.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// How many requests were answered.
    pub done: u64,
    /// The memory that it held.
    pub memory: Memory,
}

/// The greatest values in the first quarter after the warm-up, and in the last quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarters {
    /// In the first quarter.
    pub first: Memory,
    /// In the last quarter.
    pub last: Memory,
}

impl Quarters {
    /// `None` if one of the quarters has no sample.
    pub fn of(samples: &[Sample], requests: u64) -> Option<Self> {
        let greatest = |from: u64, to: u64| {
            let within = samples.iter().filter(|sample| (from..=to).contains(&sample.done));
            within.map(|sample| sample.memory).reduce(Memory::max)
        };
        let first = greatest(requests / 20, requests / 4)?;
        let last = greatest(requests - requests / 4, requests)?;
        Some(Self { first, last })
    }

    /// How much the number that grew more has grown, in KiB.
    pub fn growth(&self) -> u64 {
        let resident = self.last.resident.saturating_sub(self.first.resident);
        resident.max(self.last.heap.saturating_sub(self.first.heap))
    }
}

/// The resident memory of a process, in KiB.
///
/// # Errors
///
/// If there is no such process.
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
        // The 9 is from the warm-up, the 8 from the middle.
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
