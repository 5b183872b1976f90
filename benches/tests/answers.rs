//! Everything that is counted and timed gives the right answer.

use proxyfix_benches::{Beside, Subject, Verdict, Visitor, WORKLOADS, Workload, limit, ours};

/// The subjects and workloads that were seen.
struct Answers(usize);

impl Visitor for Answers {
    fn visit<S: Subject>(&mut self) {
        for (name, _) in WORKLOADS {
            for beside in Beside::ALL {
                let workload = Workload::new(name, beside);
                let Some(state) = S::state(&workload) else { continue };
                assert_eq!(S::verdict(&state, &workload), Verdict::Right, "{}, {name}", S::NAME);
                self.0 += 1;
            }
        }
    }
}

#[test]
fn every_subject_is_right() {
    let mut answers = Answers(0);
    ours::visit(&mut answers);
    limit::visit(&mut answers);
    assert_eq!(answers.0, 2 * (5 * 12 + 2 * 10));
}
