//! A header line with rulers below it, as compilers mark source text.
//!
//! 1. Each part has one ruler, the nearest hop first: `^` is believed, `-` is passed over, `~` is
//!    not valid, with `^` at the byte that is at fault.
//! 2. Text that no step has read is shortened, because it may be long and has no effect.
//! 3. Marks never overlap, so that each byte is printed once: a fault inside a mark belongs to that mark.
//! 4. Columns are counted in the escaped text.

use std::{fmt::Write as _, ops::Range};

use anstyle::Style;
use http::header::CONNECTION;
use proxyfix::{Error, Step};

use super::request::Line;
use crate::{
    escape,
    style::{BAD, FAINT, GOOD, TITLE},
};

/// The longest part that is shown whole, in columns.
const PART: usize = 100;
/// How many lines are marked if there should be only one.
const FEW: usize = 8;
/// The longest part that is shown of text that was not read, in columns.
const UNREAD: usize = 40;

/// What a step decided about a part of a line; the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Passed,
    Believed,
    Invalid,
}

/// A part of a line.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    span: Range<usize>,
    role: Role,
    label: String,
    /// The byte of the line that is at fault.
    fault: Option<usize>,
}

/// What the steps and the error say about a line, the nearest hop first.
pub(crate) fn marks(line: &Line, steps: &[Step], error: Option<&Error>, alone: bool) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for step in steps.iter().filter(|step| step.header() == Some(&line.name)) {
        let (Some(number), Some(hop), Some(span)) = (step.line(), step.hop(), step.span()) else {
            continue;
        };
        if number != line.number {
            continue;
        }
        let role = match step.code() {
            "hop-passed" | "hop-trusted" | "nearer-scheme" => Role::Passed,
            "invalid" => Role::Invalid,
            _ => Role::Believed,
        };
        let reason = step.reason();
        let fault = step.error().and_then(Error::offset);
        match marks.iter_mut().find(|mark| mark.span == span) {
            Some(mark) => {
                mark.role = mark.role.max(role);
                mark.fault = mark.fault.or(fault);
                let _ = write!(mark.label, "; {reason}");
            }
            None => {
                let label = format!("hop {hop}: {reason}");
                marks.push(Mark { span, role, label, fault });
            }
        }
    }
    if let Some(fault) = error.and_then(|error| fault(line, error, alone, &marks)) {
        let holds =
            |mark: &&mut Mark| (mark.span.start..=mark.span.end).contains(&fault.span.start);
        match marks.iter_mut().find(holds) {
            Some(mark) => {
                mark.role = Role::Invalid;
                mark.fault = fault.fault;
                let _ = write!(mark.label, "; {}", fault.label);
            }
            None => marks.push(fault),
        }
    }
    marks
}

/// An error that no step has reported. Its line is certain only if the header has one line.
fn fault(line: &Line, error: &Error, alone: bool, marks: &[Mark]) -> Option<Mark> {
    let told = marks.iter().any(|mark| mark.role == Role::Invalid);
    if error.kind().code() == "nominated" && line.name == CONNECTION {
        let name = error.header()?.as_str();
        let mut parts = line.value.as_bytes().windows(name.len());
        let at = parts.position(|part| part.eq_ignore_ascii_case(name.as_bytes()))?;
        let label = "a proxy on the way may have dropped this header".to_owned();
        return Some(Mark { span: at..at + name.len(), role: Role::Invalid, label, fault: None });
    }
    let mine = !told && error.header() == Some(&line.name);
    let whole = 0..line.value.len();
    let mark = |span, label: &str| {
        Some(Mark { span, role: Role::Invalid, label: label.to_owned(), fault: error.offset() })
    };
    match (error.kind().code(), error.offset()) {
        _ if !mine => None,
        (_, Some(at)) if alone && at <= line.value.len() => {
            mark(at..whole.end.min(at + 1), &format!("byte {at}"))
        }
        // Faults of a whole line.
        ("repeated", _) if marks.is_empty() && line.number <= FEW => {
            mark(whole, "one value is expected, in one line")
        }
        (code @ ("host-not-allowed" | "host-mismatch"), _) => {
            let believed = marks.iter().find(|mark| mark.role == Role::Believed);
            let span = believed.map(|mark| mark.span.clone()).or_else(|| alone.then_some(whole))?;
            let differs = code == "host-mismatch";
            mark(span, if differs { "not the target's host" } else { "none of hosts=" })
        }
        _ => None,
    }
}

/// Prints the line, and a ruler for each mark.
pub(crate) fn print(out: &mut String, line: &Line, marks: &[Mark]) {
    let mut column = 2 + line.spelling.len() + 2;
    let _ = write!(out, "  {TITLE}{}{TITLE:#}: ", line.spelling);
    let mut rulers = vec![(0, String::new()); marks.len()];
    for (span, marked) in parts(line.value.len(), marks) {
        let bytes = &line.value.as_bytes()[span.clone()];
        let shown = escape::shortened(bytes, if marked.is_some() { PART } else { UNREAD });
        let width = shown.chars().count();
        match marked {
            Some(at) => {
                let style = style(marks[at].role);
                let _ = write!(out, "{style}{shown}{style:#}");
                rulers[at] = (column, ruler(&marks[at], bytes, width));
            }
            None => {
                let _ = write!(out, "{FAINT}{shown}{FAINT:#}");
            }
        }
        column += width;
    }
    out.push('\n');
    for (mark, (column, ruler)) in marks.iter().zip(rulers) {
        let style = style(mark.role);
        let space = " ".repeat(column);
        let _ = writeln!(out, "{space}{style}{ruler} {}{style:#}", mark.label);
    }
}

fn style(role: Role) -> Style {
    match role {
        Role::Passed => FAINT,
        Role::Believed => GOOD,
        Role::Invalid => BAD,
    }
}

/// The line cut at the marks, from the left: each part, and which mark it is.
fn parts(length: usize, marks: &[Mark]) -> Vec<(Range<usize>, Option<usize>)> {
    let mut order: Vec<_> = (0..marks.len()).collect();
    order.sort_by_key(|&at| marks[at].span.start);
    let (mut parts, mut done) = (Vec::new(), 0);
    for at in order {
        let span = marks[at].span.clone();
        debug_assert!(done <= span.start, "marks that overlap would print bytes twice");
        if done < span.start {
            parts.push((done..span.start, None));
        }
        done = span.end.max(done);
        parts.push((span, Some(at)));
    }
    if done < length {
        parts.push((done..length, None));
    }
    parts
}

/// A ruler of this width below a part. Even an empty part has a ruler of one column.
fn ruler(mark: &Mark, part: &[u8], width: usize) -> String {
    let (sign, width) = match mark.role {
        Role::Passed => ("-", width.max(1)),
        Role::Believed => ("^", width.max(1)),
        Role::Invalid => ("~", width.max(1)),
    };
    let mut ruler = sign.repeat(width);
    let fault = mark.fault.and_then(|fault| fault.checked_sub(mark.span.start));
    if let Some(before) = fault.and_then(|fault| part.get(..fault)) {
        let column = escape::columns(before);
        if column < width && escape::columns(part) <= width {
            ruler.replace_range(column..=column, "^");
        }
    } else if let (Role::Invalid, Some(_)) = (mark.role, fault) {
        ruler.replace_range(..1, "^");
    }
    ruler
}
