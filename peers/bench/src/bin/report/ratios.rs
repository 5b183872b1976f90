//! The tables of ratios. Times come from the results of `cargo bench`; instructions and allocations are
//! counted here. proxyfix is 1.00.

use proxyfix_benches::{
    Gives, Subject, Verdict, Visitor, Workload, count,
    document::{self, table},
};
use proxyfix_peers_bench::{
    results::{self, Times},
    title, visit, workloads,
};

/// The subject that is 1.00.
const OURS: &str = "resolve";

pub fn run(write: bool) {
    let mut measured = Measured { workloads: workloads().collect(), rows: Vec::new() };
    visit(&mut measured);
    let times = results::times();
    let parts = [
        ("peers-times", measured.times(&times)),
        ("peers-counts", measured.counts()),
        ("peers-answers", measured.answers()),
    ];
    for (name, text) in parts {
        print!("{text}");
        if write {
            document::replace(name, &text);
        }
    }
}

/// A subject's answer to a workload, and its cost.
struct Cell {
    verdict: Verdict,
    instructions: u64,
    allocations: u64,
}

struct Row {
    subject: &'static str,
    gives: Gives,
    cells: Vec<Option<Cell>>,
}

struct Measured {
    workloads: Vec<Workload>,
    rows: Vec<Row>,
}

impl Visitor for Measured {
    fn visit<S: Subject>(&mut self) {
        let cells = self.workloads.iter().map(cell::<S>).collect();
        self.rows.push(Row { subject: S::NAME, gives: S::GIVES, cells });
    }
}

fn cell<S: Subject>(workload: &Workload) -> Option<Cell> {
    let state = S::state(workload)?;
    let verdict = S::verdict(&state, workload);
    let mut input = S::input(&state);
    let allocations = allocation_counter::measure(|| count::run::<S>(&state, &mut input));
    let instructions = count::instructions::<S>(workload);
    Some(Cell { verdict, instructions, allocations: allocations.count_total })
}

/// Marks an answer that is not the truth.
fn mark(right: bool) -> &'static str {
    if right { "" } else { " ✗" }
}

fn ratio(theirs: f64, ours: f64) -> String {
    let ratio = theirs / ours;
    if ratio < 99.5 { format!("{ratio:.2}") } else { format!("{ratio:.0}") }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

impl Measured {
    fn head(&self) -> Vec<String> {
        let first = ["subject", "says"].map(str::to_owned);
        first.into_iter().chain(self.workloads.iter().map(title)).collect()
    }

    /// A table with a line for each subject. `cell` gives what a cell says in its column.
    fn table(
        &self,
        last: Option<Vec<String>>,
        say: impl Fn(&Row, usize, &Cell) -> Option<String>,
    ) -> String {
        let rows = self.rows.iter().map(|row| {
            let cells = row.cells.iter().enumerate().map(|(at, cell)| {
                cell.as_ref().and_then(|cell| say(row, at, cell)).unwrap_or_else(|| "–".to_owned())
            });
            [row.subject.to_owned(), row.gives.to_string()].into_iter().chain(cells).collect()
        });
        table([self.head()].into_iter().chain(rows).chain(last))
    }

    fn times(&self, times: &Times) -> String {
        let time = |subject: &str, at: usize| {
            times.get(&(title(&self.workloads[at]), subject.to_owned())).copied()
        };
        let werkzeug = results::werkzeug().map(|werkzeug| {
            let cells = (0..self.workloads.len()).map(|at| {
                let theirs = werkzeug.times.get(&title(&self.workloads[at]));
                theirs.zip(time(OURS, at)).map_or_else(
                    || "–".to_owned(),
                    |((theirs, right), ours)| ratio(*theirs, ours) + mark(*right),
                )
            });
            [werkzeug.name.clone(), Gives::All.to_string()].into_iter().chain(cells).collect()
        });
        let ours = (0..self.workloads.len()).map(|at| {
            time(OURS, at).map_or_else(|| "–".to_owned(), |ours| format!("{ours:.0} ns"))
        });
        let ours = ["1.00 is".to_owned(), String::new()].into_iter().chain(ours).collect();
        let ratios = self.table(werkzeug, |row, at, cell| {
            let text = ratio(time(row.subject, at)?, time(OURS, at)?);
            Some(text + mark(cell.verdict == Verdict::Right))
        });
        format!("{}{ratios}", table([self.head(), ours]))
    }

    fn counts(&self) -> String {
        let ours = self.rows.iter().find(|row| row.subject == OURS).expect("our own row");
        self.table(None, |_, at, cell| {
            let ours = ours.cells[at].as_ref()?.instructions;
            let ratio = ratio(float(cell.instructions), float(ours));
            let allocations = match cell.allocations {
                0 => String::new(),
                count => format!(" ({count})"),
            };
            Some(ratio + &allocations + mark(cell.verdict == Verdict::Right))
        })
    }

    /// The text of each wrong answer.
    fn answers(&self) -> String {
        let lines = self.rows.iter().filter_map(|row| {
            let cells = row.cells.iter().zip(&self.workloads);
            let wrong = cells.filter_map(|(cell, workload)| match &cell.as_ref()?.verdict {
                Verdict::Right => None,
                Verdict::Wrong(said) => Some(format!("{} → {said}", title(workload))),
            });
            let wrong = wrong.collect::<Vec<_>>().join("; ");
            (!wrong.is_empty()).then(|| format!("- {}: {wrong}\n", row.subject))
        });
        format!("\n{}\n", lines.collect::<String>())
    }
}
