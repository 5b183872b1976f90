//! What the client gets.

use super::D;

/// The status that ours gives where upstream's answer is no HTTP, or could be read in two ways.
const FAILED: &str = "502";

/// Answers that must not go on, by a part of each that no other has.
const INVALID: [&str; 14] = [
    "Transfer-Encoding: gzip, chunked",
    "Content-Length: 5\r\nContent-Length:",
    "Content-Length: x",
    "101 Switching",
    "no HTTP at all",
    "HTTP/1.1 abc",
    "HTTP/1.1 99 ",
    "HTTP/1.1 1000 ",
    "HTTP/2 200",
    "X-A: b\r\n c",
    "X-A: b\rX-C",
    "X-A: b\0c",
    "no colon",
    "X-A : b",
];

pub(crate) fn invalid_answer(d: &D<'_>) -> bool {
    let answer = d.answer();
    let is_invalid = INVALID.iter().any(|part| answer.contains(part));
    let is_short = answer.is_empty() || answer.ends_with("Content-Le");
    d.fact == "status" && d.ours == FAILED && (is_invalid || is_short)
}

pub(crate) fn own_answer(d: &D<'_>) -> bool {
    let is_text =
        ["body", "reason", "field content-length", "field content-type", "field proxy-status"]
            .contains(&d.fact.as_str());
    is_text && d.all_ours.contains_key("field proxy-status") && d.all_ours["status"] == FAILED
}

pub(crate) fn early_hints(d: &D<'_>) -> bool {
    d.answer().contains("103 Early Hints")
        && d.fact == "status"
        && d.theirs == "none"
        && d.ours == "200"
}

pub(crate) fn cut(d: &D<'_>) -> bool {
    let answer = d.answer();
    let is_cut =
        answer.ends_with("5\r\nhe") || answer.contains("xyz") || answer.contains("Length: 10\r\n");
    let is_not_ended =
        d.ours == "none" || d.all_ours.get("complete").is_some_and(|end| end == "cut");
    is_cut && is_not_ended && !d.fact.starts_with("field ")
}

pub(crate) fn two_framings(d: &D<'_>) -> bool {
    let is_body = d.fact == "body" && d.theirs == "hel" && d.ours == "hello";
    let is_length = d.is_answer_field("content-length") && d.theirs == "3" && d.ours == "-";
    d.answer().contains("chunked\r\nContent-Length: 3") && (is_body || is_length)
}

pub(crate) fn answer_nominated(d: &D<'_>) -> bool {
    d.is_answer_field("x-hop") && d.is_dropped_here()
}

pub(crate) fn answer_hop_by_hop(d: &D<'_>) -> bool {
    d.is_answer_field("proxy-connection") && d.is_dropped_here()
}

pub(crate) fn answer_via(d: &D<'_>) -> bool {
    d.is_answer_field("via") && d.theirs == "waitress" && d.ours == "-"
}

pub(crate) fn answer_trailer(d: &D<'_>) -> bool {
    d.is_answer_field("trailer") && d.theirs == "-" && d.ours == "X-Sum"
}

pub(crate) fn answer_trailers(d: &D<'_>) -> bool {
    d.fact == "trailers"
        && d.asks("TE: trailers")
        && d.theirs.is_empty()
        && d.ours == "x-sum: 1\r\n"
}

pub(crate) fn unasked_trailers(d: &D<'_>) -> bool {
    d.fact == "trailers" && !d.asks("TE: trailers") && d.ours.is_empty()
}

pub(crate) fn length_known(d: &D<'_>) -> bool {
    let has_no_length = !d.answer().contains("Content-Length");
    has_no_length && d.is_answer_field("content-length") && d.theirs != "-" && d.ours == "-"
}

pub(crate) fn guessed_type(d: &D<'_>) -> bool {
    d.is_answer_field("content-type") && !d.answer().contains("Content-Type") && d.ours == "-"
}

pub(crate) fn reason(d: &D<'_>) -> bool {
    let answer = d.answer();
    let line = answer.split("\r\n").next().unwrap_or_default();
    d.fact == "reason" && d.ours == line.splitn(3, ' ').nth(2).unwrap_or_default()
}

pub(crate) fn unzipped(d: &D<'_>) -> bool {
    let facts = ["body", "complete", "field content-encoding", "field content-length"];
    d.answer().contains("Content-Encoding: gzip")
        && facts.contains(&d.fact.as_str())
        && d.all_ours["field content-encoding"] == "gzip"
        && d.all_ours["body"] == "\u{1f}\u{8b}xx"
}
