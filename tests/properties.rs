//! The laws of `tests/laws/`, with random cases. `PROPTEST_CASES` is the number of cases for each law. The seed
//! is fixed, so that every run gives the same result, unless `PROPTEST_SEED` names another seed.

mod laws;
#[cfg(feature = "axum")]
#[path = "laws/layer.rs"]
mod layer;
#[cfg(feature = "trailers")]
#[path = "laws/trailers.rs"]
mod trailers;

use std::{cell::RefCell, collections::BTreeMap};

use laws::Verdict;
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// A count, then values, each followed by a separator: usually a well-formed header, with some noise.
fn header_bytes(
    values: &'static [&'static str],
    separators: &'static [&'static str],
    noise: &'static [&'static str],
) -> impl Strategy<Value = Vec<u8>> {
    let noise = prop_oneof![
        30 => Just(Vec::new()),
        2 => select(noise).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    let part = (select(values), noise, select(separators)).prop_map(|(value, noise, separator)| {
        [value.as_bytes(), &noise, separator.as_bytes()].concat()
    });
    (any::<u8>(), vec(part, 0..8), select(values)).prop_map(|(count, parts, last)| {
        [vec![count], parts.concat(), last.as_bytes().to_vec()].concat()
    })
}

/// Runs a law, and returns the share of each verdict in percent.
#[track_caller]
fn holds(
    law: fn(&[u8]) -> Verdict,
    bytes: impl Strategy<Value = Vec<u8>>,
) -> BTreeMap<Verdict, u64> {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 4000;
    }
    config.failure_persistence = None;
    let cases = u64::from(config.cases);
    let seed = match std::env::var("PROPTEST_SEED") {
        Ok(seed) => {
            let mut bytes = [0; 32];
            let seed: u64 = seed.parse().expect("PROPTEST_SEED is a number");
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
        }
        Err(_) => TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    };
    let verdicts = RefCell::new(BTreeMap::new());
    let mut runner = TestRunner::new_with_rng(config, seed);
    let result = runner.run(&bytes, |data| {
        *verdicts.borrow_mut().entry(law(&data)).or_insert(0_u64) += 1;
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    verdicts.into_inner().into_iter().map(|(verdict, n)| (verdict, n * 100 / cases)).collect()
}

#[test]
fn non_interference() {
    let shares = holds(laws::non_interference, vec(any::<u8>(), 0..900));
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 30 && shares[&Verdict::Fallback] >= 1, "{shares:?}");
}

/// Each hard case is reached in at least one of two hundred cases of `non_interference`. With
/// `--nocapture`, this prints how often.
#[test]
fn hard_cases_are_reached() {
    thread_local!(static REACHED: RefCell<BTreeMap<&'static str, u32>> = RefCell::default());
    fn count(data: &[u8]) -> Verdict {
        for case in laws::hard_cases(data).into_iter().chain(["all"]) {
            REACHED.with_borrow_mut(|reached| *reached.entry(case).or_default() += 1);
        }
        Verdict::None
    }
    holds(count, vec(any::<u8>(), 0..900));
    let mut reached = REACHED.take();
    let all = reached.remove("all").expect("cases");
    for (case, times) in &reached {
        println!("{:>5.1}  {case}", f64::from(*times) * 100.0 / f64::from(all));
    }
    assert_eq!(reached.len(), 39, "a case is never reached");
    assert!(reached.values().all(|times| times * 200 >= all), "a case is hardly reached");
}

#[test]
fn truth() {
    let shares = holds(laws::truth, vec(any::<u8>(), 0..400));
    assert_eq!(shares[&Verdict::Truth], 100);
}

#[test]
fn fix_twice() {
    let shares = holds(laws::fix_request_twice, vec(any::<u8>(), 0..900));
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 30 && shares[&Verdict::Rejected] >= 10, "{shares:?}");
}

#[test]
fn untrusted() {
    let shares = holds(laws::untrusted, vec(any::<u8>(), 0..900));
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 50 && shares[&Verdict::Rejected] >= 10, "{shares:?}");
}

#[test]
fn redirects() {
    let shares = holds(laws::redirects, vec(any::<u8>(), 0..900));
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 40, "{shares:?}");
}

#[cfg(feature = "trailers")]
#[test]
fn trailers_of_a_stranger() {
    let shares = holds(trailers::after_the_body, vec(any::<u8>(), 0..1200));
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 40, "{shares:?}");
}

#[cfg(feature = "axum")]
#[test]
fn the_layer_in_axum() {
    let shares = holds(layer::corrections, vec(any::<u8>(), 0..900));
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 60, "{shares:?}");
}

#[test]
fn round_trip() {
    let shares = holds(laws::round_trip, vec(any::<u8>(), 0..600));
    assert_eq!(shares[&Verdict::Truth], 100);
}

#[test]
fn an_independent_reading_of_x_forwarded_for() {
    let values = &[
        "192.0.2.1",
        "192.0.2.1:80",
        "[2001:db8::7]",
        "2001:db8::7",
        "[2001:db8::7]:_p",
        "unknown",
        "_x",
        "unix:",
        "::ffff:192.0.2.1",
        "192.0.2.01",
        "192.0.2.1:99999",
        "_",
        "x",
    ];
    let noise = &[" ", "\t", "\"", ":", "\\", "=", ","];
    let shares = holds(laws::x_forwarded, header_bytes(values, &[",", ", ", "\n", " \t,"], noise));
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 25 && shares[&Verdict::Rejected] >= 20, "{shares:?}");
}

#[test]
fn an_independent_reading_of_an_edge() {
    let values = &[
        "10.0.0.2",
        "10.0.0.3:80",
        "::ffff:10.0.0.4",
        "203.0.113.9",
        "2001:db8::7",
        "unknown",
        "_x",
        "unix:",
        "x",
    ];
    let noise = &[" ", "\t", "|", ":", "="];
    let separators = &[",", "\n", "|", "|", "|"];
    let shares = holds(laws::x_edge, header_bytes(values, separators, noise));
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 15 && shares[&Verdict::Rejected] >= 20, "{shares:?}");
}

#[test]
fn an_independent_reading_of_who_is_believed() {
    let shares = holds(laws::gate, vec(any::<u8>(), 40..80));
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 30 && shares[&Verdict::Fallback] >= 30, "{shares:?}");
}

#[test]
fn an_independent_reading_of_the_rest() {
    let values = &[
        "192.0.2.1",
        "10.0.0.2",
        "10.0.0.3:80",
        "::ffff:10.0.0.4",
        "unknown",
        "_x",
        "unix:",
        "http",
        "WSS",
        "ftp",
        "a.example",
        "A.example:81",
        "a.example.:80",
        "[2001:db8::7]:443",
        "a..example",
        "user@a",
        "443",
        "0",
        "65536",
        "00080",
        "/a",
        "/",
        "/a/b/",
        "//a",
        "/%2e",
        "/%41;x",
    ];
    let noise = &[" ", "\t", "\"", ":", "/", "=", ","];
    let shares = holds(laws::x_scalars, header_bytes(values, &[",", ", ", "\n", " \t,"], noise));
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 10 && shares[&Verdict::Rejected] >= 20, "{shares:?}");
}

#[test]
fn an_independent_reading_of_forwarded() {
    let values = &[
        "for=192.0.2.1",
        "for=\"[2001:db8::7]:80\"",
        "For=_x",
        "for=unknown",
        "for=x",
        "proto=https",
        "Proto=\"WSS\"",
        "proto=ftp",
        "host=a.example",
        "HOST=\"a.example:81\"",
        "host=\"\"",
        "host=\"a\\.b\"",
        "host=\"a,b\"",
        "by=_p",
        "x=\"a,b;\\\"=\\\\\"",
        "y=\"=\\\",for=_z\"",
    ];
    let noise = &["\"", "\\", "=", " ", ",", ";", "\t", "x"];
    let shares =
        holds(laws::forwarded, header_bytes(values, &[",", ", ", "\n", ";", ";", " ,"], noise));
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 25 && shares[&Verdict::Rejected] >= 20, "{shares:?}");
}

/// Valid and invalid words of the text form, and the printed forms of a node and of a list of proxies.
#[test]
fn print_and_parse() {
    const WORDS: &[&str] = &[
        "proto=1",
        "proto=aligned",
        "host=2",
        "port=1",
        "prefix=join:2",
        "forwarded=walk",
        "client-ip=X-Real-IP",
        "hosts=a.example,*.b.example",
        "missing=peer",
        "invalid=unknown",
        "verify=hops",
        "headers=keep",
        "max-hops=3",
        "strip-also=x-a",
        "exempt=x-real-ip",
        "for-name=x-b",
        "uri=keep",
        "hosts=a.example:443,b.example:*",
        "edge=192.0.2.0/24",
        "proxy-only=Remote-User",
        "forwarded-ipv6=bare",
        "listener=https",
        "; none",
        "; proxies=unix for=1",
        "; proxies=shared forwarded=2 proto=1",
        "for=-1",
        "x",
    ];
    const STARTS: &[&str] = &[
        "proxies=any for=1",
        "proxies=10.0.0.0/8,unix for=walk",
        "proxies=none forwarded=1",
        "for=1",
        "[2001:db8::7]:80",
        "::ffff:10.0.0.0/104,unix",
        "_x",
        "wss",
        "\u{e9}",
    ];
    let bytes = (select(STARTS), vec(select(WORDS), 0..4))
        .prop_map(|(start, words)| [vec![start], words].concat().join(" ").into_bytes());
    let shares = holds(laws::config_text, bytes);
    println!("{shares:?}");
    assert!(shares[&Verdict::Truth] >= 25 && shares[&Verdict::Rejected] >= 20, "{shares:?}");
}
