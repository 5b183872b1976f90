//! Requirements on `benches/counts.toml`: how fast the code has become, and must stay.

use proxyfix_benches::{
    Beside, WORKLOADS,
    file::{Counts, ratio},
};

/// The aim: the decision costs at most this factor of the limit that gives the same answer.
const AIM: f64 = 1.5;

/// The same beside the headers of a browser. One of them is a `Connection`, and the limit does not read
/// the names in it.
const AIM_BESIDE_BROWSER: f64 = 1.7;

/// Workloads that do not reach the aim against the first probe. That probe did less, because it did not
/// check `Host`. Remove a workload from this list when it reaches the aim, and never add one.
const FAR_FROM_PROBE: [&str; 5] =
    ["none", "one", "lines-count", "xff-junk:65536", "forwarded-junk:65536"];

#[test]
fn decisions_are_near_the_limit() {
    let counts = Counts::read();
    let mut wrong = Vec::new();
    for (workload, _) in WORKLOADS {
        for (beside, aim) in [("ten", AIM), ("browser", AIM_BESIDE_BROWSER)] {
            let ours = counts.row("resolve", workload, beside);
            let limit = counts.find("limit", workload, beside);
            let to_limit = limit.map(|limit| ratio(ours.instructions, limit.instructions));
            if to_limit.is_some_and(|ratio| ratio > aim) {
                wrong.push(format!("{workload} beside {beside}: {to_limit:?} of the limit"));
            }
        }
        let ours = counts.row("resolve", workload, "ten");
        let far = FAR_FROM_PROBE.contains(&workload);
        if ours.ratio.is_some_and(|ratio| (ratio > AIM) != far) {
            wrong.push(format!("{workload}: {:?} of the first probe", ours.ratio));
        }
    }
    assert!(wrong.is_empty(), "lost, or to be struck out: {wrong:?}");
}

#[test]
fn decisions_allocate_nothing() {
    let counts = Counts::read();
    for (workload, _) in WORKLOADS {
        for beside in Beside::ALL {
            assert_eq!(counts.row("resolve", workload, beside.name()).allocations, 0, "{workload}");
        }
    }
}

/// Except for the separator that ends the last entry, if there are several.
#[test]
fn junk_costs_nothing() {
    const SEPARATOR: u64 = 100;
    let counts = Counts::read();
    for kind in ["xff-junk", "forwarded-junk"] {
        let [none, much] = ["0", "65536"]
            .map(|size| counts.row("resolve", &format!("{kind}:{size}"), "ten").instructions);
        assert!(much <= none + SEPARATOR, "{kind}: {none}, then {much}");
    }
}

/// A hundred times as many networks cost less than a quarter more.
#[test]
fn long_lists_of_networks_are_not_walked() {
    let counts = Counts::read();
    let [some, many] = ["cidrs:1000", "cidrs:100000"]
        .map(|workload| counts.row("resolve", workload, "ten").instructions);
    assert!(many * 4 < some * 5, "{some}, then {many}");
}

/// The limit allocates only for `Host`, the URI and the extension.
#[test]
fn rewriting_allocates_little() {
    let counts = Counts::read();
    let [ours, limit] = ["fix_request", "limit, rewritten"]
        .map(|subject| counts.row(subject, "one", "ten").allocations);
    assert!(ours <= limit + 2, "{ours}, where the limit is {limit}");
}
