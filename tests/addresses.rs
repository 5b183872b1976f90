//! Addresses are read as the standard library reads them. This is tested with every text of a few pieces,
//! and with random longer texts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::{
    collection::vec,
    prelude::{Strategy, prop_oneof},
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use proxyfix::Node;

/// What addresses are made of, and pieces that come close.
const PIECES: [&str; 18] = [
    ":", "::", ":::", "0", "1", "00", "ab12", "ABcd", "0001", "00001", "12345", "g", ".", "255",
    "256", "01", "1.2.3.4", "%1",
];

const GROUPS: [&str; 10] =
    ["0", "1", "ab12", "FFFF", "0000", "1.2.3.4", "255", "00001", "1.2.3.1234", ""];

const OCTETS: [&str; 13] =
    ["0", "9", "10", "99", "100", "199", "249", "255", "256", "300", "2551", "00", ""];

fn ours(text: &str) -> Option<IpAddr> {
    text.parse::<Node>().ok().filter(|node| node.port().is_none())?.ip()
}

/// Compares the two readings of one text. Returns whether it is an address.
#[track_caller]
fn compare(text: &str) -> bool {
    let v4 = text.parse::<Ipv4Addr>().ok();
    assert_eq!(ours(text), v4.map(IpAddr::V4), "{text:?}");
    // The standard library reads a zone only if it is a number and a port follows.
    let zone = text.split_once('%').filter(|(_, zone)| {
        let unreserved = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
        !zone.is_empty() && zone.chars().all(unreserved)
    });
    let v6 = zone.map_or(text, |(address, _)| address).parse::<Ipv6Addr>().ok();
    let canonical = v6.map(|ip| IpAddr::V6(ip).to_canonical());
    assert_eq!(ours(&format!("[{text}]")), canonical, "[{text}]");
    v4.is_some() || v6.is_some()
}

/// Compares all texts with up to `left` more pieces. Returns how many of them are addresses.
fn all(text: &mut String, left: usize) -> usize {
    let mut addresses = usize::from(compare(text));
    if left > 0 {
        for piece in PIECES {
            let length = text.len();
            text.push_str(piece);
            addresses += all(text, left - 1);
            text.truncate(length);
        }
    }
    addresses
}

#[test]
fn every_text_of_few_pieces() {
    let addresses = all(&mut String::new(), 4);
    assert!(addresses > 1_000, "{addresses} addresses");
}

/// Texts of whole groups and octets, so that many are full-length addresses. 5,000 of them, or more if
/// `PROPTEST_CASES` says so. They are the same in every run.
#[test]
fn longer_texts() {
    let texts = prop_oneof![
        4 => (vec(select(&GROUPS[..4]), 0..9), vec(select(&GROUPS[..6]), 0..9)).prop_map(gap),
        2 => (vec(select(&GROUPS), 0..9), vec(select(&GROUPS), 0..9)).prop_map(gap),
        2 => vec(select(&GROUPS[..6]), 6..10).prop_map(|groups| groups.join(":")),
        2 => vec(select(&OCTETS), 4).prop_map(|octets| octets.join(".")),
        1 => vec(select(&PIECES), 1..20).prop_map(|pieces| pieces.concat()),
    ];
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let cases = runner.config().cases.max(5_000);
    let addresses =
        (0..cases).filter(|_| compare(&texts.new_tree(&mut runner).unwrap().current())).count();
    assert!((cases / 10..cases).contains(&u32::try_from(addresses).unwrap()), "{addresses}");
}

/// An IPv6 address with `::`.
fn gap((head, tail): (Vec<&str>, Vec<&str>)) -> String {
    [head.join(":"), tail.join(":")].join("::")
}
