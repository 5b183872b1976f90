//! The gate: compares what was counted with what is recorded.
//!
//! 1. If a count of allocations grows, that fails, with every compiler.
//! 2. If a count of instructions grows by more than 3 %, that fails if compiler, target, C library
//!    and processor are those that the file names. With others it is reported.
//! 3. If a count falls, of instructions by more than 3 %, it is reported as worth recording.
//! 4. A count that is not recorded fails, and so does a recorded one that was not counted.

use crate::file::{Counts, Row};

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    pub failures: Vec<String>,
    pub notes: Vec<String>,
}

pub fn compare(recorded: &Counts, found: &Counts) -> Compared {
    let mut compared = Compared::default();
    let same = recorded.with == found.with;
    if !same {
        let (then, now) = (&recorded.with, &found.with);
        compared.notes.push(format!(
            "recorded with {then:?}, counted with {now:?}: instructions may differ, and do not fail"
        ));
    }
    for row in &found.counts {
        match recorded.counts.iter().find(|old| old.is_for(row)) {
            Some(old) => compared.row(old, row, same),
            None => compared.failures.push(format!("{}: not recorded", label(row))),
        }
    }
    let gone = recorded.counts.iter().filter(|old| !found.counts.iter().any(|row| row.is_for(old)));
    compared.failures.extend(gone.map(|old| format!("{}: not counted", label(old))));
    compared
}

fn label(row: &Row) -> String {
    format!("{}, {}, {} beside", row.subject, row.workload, row.beside)
}

impl Compared {
    fn row(&mut self, old: &Row, row: &Row, same: bool) {
        let label = label(row);
        let (now, then) = (row.instructions, old.instructions);
        let told = format!("{label}: {now} instructions, {then} recorded");
        if now * 100 > then * 103 {
            let list = if same { &mut self.failures } else { &mut self.notes };
            list.push(told);
        } else if now * 100 < then * 97 {
            self.notes.push(format!("{told}; worth recording"));
        }
        let (now, then) = (row.allocations, old.allocations);
        let told = format!("{label}: {now} allocations, {then} recorded");
        if now > then {
            self.failures.push(told);
        } else if now < then {
            self.notes.push(format!("{told}; worth recording"));
        }
    }
}
