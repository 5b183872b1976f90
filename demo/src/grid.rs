//! Text in columns: cells of several lines, with a rule below each row.

use std::fmt::Write;

/// Draws rows that all have the same number of cells. The first row is the head.
pub(crate) fn draw(rows: &[Vec<String>]) -> String {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.lines().map(columns).fold(*width, usize::max);
        }
    }
    let rule = widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("+");
    let mut text = String::new();
    for row in rows {
        let height = row.iter().map(|cell| cell.lines().count()).max().unwrap_or_default();
        for number in 0..height {
            let cells = row.iter().zip(&widths).map(|(cell, width)| {
                let line = cell.lines().nth(number).unwrap_or_default();
                format!(" {line}{} ", " ".repeat(width - columns(line)))
            });
            text += cells.collect::<Vec<_>>().join("|").trim_end();
            text.push('\n');
        }
        _ = writeln!(text, "{rule}");
    }
    text
}

/// Every character here is one column wide.
fn columns(line: &str) -> usize {
    line.chars().count()
}

#[cfg(test)]
#[test]
fn rows_of_several_lines() {
    let rows = [["sent", "believed"], ["a\nlonger", "x…"]];
    let rows = rows.map(|row| row.map(str::to_owned).to_vec());
    let drawn =
        " sent   | believed\n--------+----------\n a      | x…\n longer |\n--------+----------\n";
    assert_eq!(draw(&rows), drawn);
}
