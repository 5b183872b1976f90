//! Makes the tables in `docs/INTEROP.md` from the results.
//!
//! The tests write the tables, or compare them with the kept ones. So the document says what was seen.

use std::{collections::BTreeMap, fs, path::PathBuf};

use crate::{
    Context, Result,
    cell::{Cell, Verdict},
    request::Mode,
};

/// The line before the generated part.
const MARK: &str = "<!-- generated: everything below is written by the tests -->";

/// What was tried, and the results.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its place in the table.
    pub order: usize,
    /// Which table.
    pub table: Table,
    /// The proxies, by the title and the version of each.
    pub programs: Vec<(&'static str, String)>,
    /// The first columns, which say what was tried.
    pub what: Vec<String>,
    /// The results.
    pub cells: Vec<Cell>,
}

/// The tables, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// One proxy with its recipe.
    Recipes,
    /// Several proxies behind each other.
    Chains,
}

impl Table {
    fn head(self) -> (&'static str, &'static [&'static str], &'static [Mode]) {
        match self {
            Self::Recipes => ("## One proxy", &["proxy", "version", "recipe"], &Mode::ALL),
            Self::Chains => ("## Chains", &["chain", "for proxyfix"], &[Mode::Plain, Mode::Tls]),
        }
    }
}

/// Prints all rows as Markdown.
pub fn print(rows: &[Row]) -> String {
    let mut tables: BTreeMap<Table, BTreeMap<usize, String>> = BTreeMap::new();
    for row in rows {
        tables.entry(row.table).or_default().insert(row.order, line(row));
    }
    let mut sections = Vec::new();
    for (table, lines) in tables {
        let (title, what, modes) = table.head();
        let modes = modes.iter().map(|mode| mode.title());
        let head: Vec<&str> = what.iter().copied().chain(modes).chain(["passed"]).collect();
        let lines: Vec<String> = lines.into_values().collect();
        sections.push(format!(
            "{title}\n\n| {} |\n|{}\n{}\n",
            head.join(" | "),
            "---|".repeat(head.len()),
            lines.join("\n")
        ));
    }
    sections.join("\n")
}

fn line(row: &Row) -> String {
    let (_, _, modes) = row.table.head();
    let mut columns = row.what.clone();
    for mode in modes {
        let cells: Vec<&Cell> = row.cells.iter().filter(|cell| cell.mode == *mode).collect();
        let count = |test: fn(&Verdict) -> bool| {
            cells.iter().filter(|cell| test(&cell.verdict)).count().to_string()
        };
        let counts = [
            count(|verdict| *verdict == Verdict::True),
            count(|verdict| matches!(verdict, Verdict::Rejected(_))),
            count(|verdict| matches!(verdict, Verdict::Refused(_))),
        ];
        columns.push(if cells.is_empty() { "–".to_owned() } else { counts.join(" + ") });
    }
    let passed = row.cells.iter().filter(|cell| cell.passes()).count();
    columns.push(format!("{passed} of {}", row.cells.len()));
    format!("| {} |", columns.join(" | "))
}

/// Where the tables are kept.
pub fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/INTEROP.md")
}

fn kept() -> Result<String> {
    fs::read_to_string(path()).context("docs/INTEROP.md")
}

/// Writes the tables below the text that people wrote.
///
/// # Errors
///
/// If the file does not exist, or has no place for them.
pub fn write(rows: &[Row]) -> Result<()> {
    let kept = kept()?;
    let (people, _) = kept.split_once(MARK).context("docs/INTEROP.md has lost its mark")?;
    fs::write(path(), format!("{people}{MARK}\n\n{}", print(rows))).context("docs/INTEROP.md")
}

/// The rows that the kept tables do not have.
#[derive(Clone, Debug, Default)]
pub struct Stale {
    /// Rows for the same versions as in the tables: the results have changed.
    pub changed: Vec<String>,
    /// Rows for other versions.
    pub newer: Vec<String>,
}

/// The rows that are missing in the kept tables.
///
/// # Errors
///
/// If the file does not exist.
pub fn stale(rows: &[Row]) -> Result<Stale> {
    Ok(compare(&kept()?, rows))
}

fn compare(kept: &str, rows: &[Row]) -> Stale {
    let (_, tables) = kept.split_once(MARK).unwrap_or_default();
    let lines: Vec<&str> = tables.lines().collect();
    let mut stale = Stale::default();
    for row in rows {
        let line = line(row);
        if lines.contains(&line.as_str()) {
            continue;
        }
        let same = row.programs.iter().all(|(title, version)| {
            let start = format!("| {title} | {version} |");
            lines.iter().any(|line| line.starts_with(&start))
        });
        if same { &mut stale.changed } else { &mut stale.newer }.push(line);
    }
    stale
}

/// Whether the kept tables differ from these rows.
///
/// # Errors
///
/// If the file does not exist.
pub fn has_more(rows: &[Row]) -> Result<bool> {
    Ok(!kept()?.ends_with(&format!("{MARK}\n\n{}", print(rows))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stale() {
        let row = |version: &str, what: &[&str]| Row {
            order: 0,
            table: Table::Chains,
            programs: vec![("nginx", version.to_owned())],
            what: what.iter().map(|&what| what.to_owned()).collect(),
            cells: Vec::new(),
        };
        let kept = row("1.22.1", &["a", "b"]);
        let table = format!("{MARK}\n| nginx | 1.22.1 | x |\n{}\n", line(&kept));
        let other = row("1.22.1", &["a", "c"]);
        let newer = row("1.30.0", &["a", "c"]);
        let Stale { changed, newer: unknown } = compare(&table, &[kept, other.clone(), newer]);
        assert_eq!([changed, unknown], [[line(&other)], [line(&other)]]);
    }
}
