//! The laws of `tests/laws/`, over random cases. `PROPTEST_CASES` says how many of each; the seed
//! is fixed, so that a run says the same twice.

mod laws;

use std::collections::BTreeMap;

use laws::Verdict;
use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// Runs a law, and returns the share of each verdict in percent.
#[track_caller]
fn holds(law: fn(&[u8]) -> Verdict, longest: usize) -> BTreeMap<Verdict, u32> {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 4000;
    }
    config.failure_persistence = None;
    let cases = config.cases;
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let verdicts = std::cell::RefCell::new(BTreeMap::new());
    let mut runner = TestRunner::new_with_rng(config, seed);
    let result = runner.run(&vec(any::<u8>(), 0..longest), |data| {
        *verdicts.borrow_mut().entry(law(&data)).or_insert(0_u32) += 1;
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    verdicts.into_inner().into_iter().map(|(verdict, n)| (verdict, n * 100 / cases)).collect()
}

#[test]
fn non_interference() {
    let shares = holds(laws::non_interference, 600);
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 30 && shares[&Verdict::Fallback] >= 1, "{shares:?}");
}

#[test]
fn truth() {
    holds(laws::truth, 200);
}

#[test]
fn fix_twice() {
    holds(laws::fix_twice, 600);
}

#[test]
fn untrusted() {
    holds(laws::untrusted, 600);
}

#[test]
fn round_trip() {
    holds(laws::round_trip, 600);
}
