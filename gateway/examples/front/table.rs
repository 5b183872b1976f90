//! The table that is printed.

/// One thing that was tried.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    /// What upstream saw, or which service it was.
    pub(crate) upstream: String,
    /// What the client got.
    pub(crate) client: String,
    /// What both should be.
    pub(crate) truth: (String, String),
}

impl Row {
    pub(crate) fn is_right(&self) -> bool {
        self.upstream == self.truth.0 && self.client == self.truth.1
    }
}

/// Prints the table. Says whether all is right.
pub(crate) fn print(upstream: &str, rows: &[Row]) -> bool {
    let head = ["tried", upstream, "the client got", ""].map(str::to_owned);
    let mut lines = vec![head];
    for row in rows {
        let mark = if row.is_right() { "right" } else { "WRONG" };
        lines.push([
            row.what.to_owned(),
            row.upstream.clone(),
            row.client.clone(),
            mark.to_owned(),
        ]);
        if !row.is_right() {
            let (upstream, client) = row.truth.clone();
            lines.push(["  the truth".to_owned(), upstream, client, String::new()]);
        }
    }
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    for (number, line) in lines.iter().enumerate() {
        let cells: Vec<_> =
            line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("{}", cells.join("  ").trim_end());
        if number == 0 {
            println!("{}", widths.map(|width| "-".repeat(width)).join("  ").trim_end());
        }
    }
    let wrong = rows.iter().filter(|row| !row.is_right()).count();
    println!("\n{} of {} right", rows.len() - wrong, rows.len());
    wrong == 0
}
