//! Counts every subject on every workload, and the parts of the work.

use std::thread;

use proxyfix_benches::{
    Beside, Subject, Verdict, Visitor, WORKLOADS, Workload, count,
    file::{Counts, Row, Step, With},
    limit, ours,
};

/// Shows every subject that is counted to the visitor.
pub(crate) fn visit(visitor: &mut impl Visitor) {
    ours::visit(visitor);
    limit::visit(visitor);
}

pub(crate) fn all() -> Counts {
    let workloads = Beside::ALL
        .into_iter()
        .flat_map(|beside| WORKLOADS.iter().map(move |(name, _)| Workload::new(name, beside)));
    let mut rows = Rows { workloads: workloads.collect(), rows: Vec::new() };
    visit(&mut rows);
    Counts { with: With::here(), counts: rows.rows, steps: steps() }
}

struct Rows {
    workloads: Vec<Workload>,
    rows: Vec<Row>,
}

impl Visitor for Rows {
    fn visit<S: Subject>(&mut self) {
        // Counts do not change if two subjects run at once.
        let halves = self.workloads.split_at(self.workloads.len() / 2);
        let rows = thread::scope(|scope| {
            let halves = [halves.0, halves.1].map(|half| {
                scope.spawn(move || half.iter().filter_map(row::<S>).collect::<Vec<_>>())
            });
            halves.map(|half| half.join().expect("counts"))
        });
        self.rows.extend(rows.into_iter().flatten());
    }
}

/// The cost of a subject, if it can run the workload. Its answer must be right.
fn row<S: Subject>(workload: &Workload) -> Option<Row> {
    let state = S::state(workload)?;
    let verdict = S::verdict(&state, workload);
    assert_eq!(verdict, Verdict::Right, "{}, {}", S::NAME, workload.name);
    let (instructions, allocations) = counts::<S>(workload, &state);
    Some(Row::new(S::NAME, workload, instructions, allocations))
}

fn counts<S: Subject>(workload: &Workload, state: &S::State) -> Cost {
    let mut input = S::input(state);
    let allocations = allocation_counter::measure(|| count::run::<S>(state, &mut input));
    (count::instructions::<S>(workload), allocations.count_total)
}

/// The cost of each part of the work: the difference that a word of the configuration makes.
fn steps() -> Vec<Step> {
    let resolve = cost::<ours::Resolve>;
    let fix = |trust| cost::<ours::Fix<false>>("one", trust);
    let all = "for=1 proto=1 host=1";
    let one = [("one", "for=1"), ("one", "for=1 proto=1"), ("one", all)]
        .map(|(workload, trust)| resolve(workload, trust));
    let none = resolve("none", "for=1");
    let walk = "for=walk max-hops=200";
    let untouched = fix("for=1 headers=keep uri=keep");
    let host_only = fix("for=1 proto=1 host=1 headers=keep uri=keep");
    let uri = fix("for=1 proto=1 host=1 headers=keep");
    let (fixed, stripped) = (fix(all), fix("for=1 proto=1 host=1 headers=strip"));
    let [layer, bare] =
        [cost::<ours::Served<true>>("one", all), cost::<ours::Served<false>>("one", all)];
    vec![
        step("one pass over ten field names, and the own `Host`", &[none], &[]),
        step("the client, IPv4", &[one[0]], &[none]),
        step("the client, IPv6", &[resolve("ipv6", "for=1")], &[none]),
        step("the scheme", &[one[1]], &[one[0]]),
        step("the host", &[one[2]], &[one[1]]),
        step("ten hops of a walk", &[resolve("hops:10", walk)], &[resolve("hops:0", walk)]),
        step("`Resolved` into the extensions", &[untouched], &[one[0]]),
        step("`Host` replaced", &[host_only, one[0]], &[untouched, one[2]]),
        step("the URI rebuilt", &[uri], &[host_only]),
        step("three headers found to be reduced already", &[fixed], &[uri]),
        step("three headers removed", &[stripped], &[uri]),
        step("the layer without `fix_request`", &[layer], &[bare, fixed]),
    ]
}

/// Instructions and allocations.
type Cost = (u64, u64);

fn step(step: &str, more: &[Cost], less: &[Cost]) -> Step {
    let sum = |part: fn(&Cost) -> u64| {
        let sum = |costs: &[Cost]| costs.iter().map(part).sum::<u64>();
        let signed = |sum: u64| i64::try_from(sum).expect("a count");
        signed(sum(more)) - signed(sum(less))
    };
    Step {
        step: step.to_owned(),
        instructions: sum(|cost| cost.0),
        allocations: sum(|cost| cost.1),
    }
}

fn cost<S: Subject>(workload: &str, trust: &str) -> Cost {
    let workload = Workload::new(workload, Beside::Ten).trusting(trust);
    let state = S::state(&workload).expect("a subject that can do such work");
    counts::<S>(&workload, &state)
}
