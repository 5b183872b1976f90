//! What the gate lets pass.

use proxyfix_benches::{
    file::{Counts, Row},
    gate::compare,
};

/// The numbers of failures and notes after the change of one row.
fn changed(change: impl Fn(&mut Counts)) -> (usize, usize) {
    let recorded = Counts::read();
    let mut found = recorded.clone();
    change(&mut found);
    let compared = compare(&recorded, &found);
    (compared.failures.len(), compared.notes.len())
}

fn row(counts: &mut Counts) -> &mut Row {
    counts.counts.iter_mut().find(|row| row.allocations > 0).expect("a row")
}

#[test]
fn growth_fails_and_gain_is_told() {
    let instructions = |percent: u64| {
        changed(move |found| {
            let row = row(found);
            row.instructions = row.instructions * percent / 100;
        })
    };
    assert_eq!([96, 98, 100, 102, 104].map(instructions), [(0, 1), (0, 0), (0, 0), (0, 0), (1, 0)]);
    assert_eq!(changed(|found| row(found).allocations += 1), (1, 0));
    assert_eq!(changed(|found| row(found).allocations -= 1), (0, 1));
}

#[test]
fn with_another_compiler_instructions_are_told() {
    let elsewhere = |found: &mut Counts| "rustc 1.0.0".clone_into(&mut found.with.rustc);
    let both = |change: fn(&mut Row)| {
        changed(move |found| {
            elsewhere(found);
            change(row(found));
        })
    };
    assert_eq!(both(|row| row.instructions *= 2), (0, 2));
    assert_eq!(both(|row| row.allocations += 1), (1, 1));
}

#[test]
fn every_count_is_recorded() {
    assert_eq!(changed(|found| drop(found.counts.pop())), (1, 0));
    assert_eq!(changed(|found| row(found).workload.push('2')), (2, 0));
}
