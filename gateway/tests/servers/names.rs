//! A name and a reason for what most servers do otherwise than ours. The first row that fits gives the name.

use super::{beside::Difference, requests::Kind};

struct Row {
    name: &'static str,
    fits: fn(&Difference<'_>) -> bool,
    /// Why ours is right.
    reason: &'static str,
}

macro_rules! rows {
    ($($name:literal, $fits:path, $reason:literal;)*) => {
        const ROWS: &[Row] = &[$(Row { name: $name, fits: $fits, reason: $reason },)*];
    };
}

rows! {
    "vary", vary,
        "with compressed files, what is sent for a path depends on Accept-Encoding, so every answer says so";

    // Which file.
    "redirect", redirect, "the redirect to the slash is 307: one that caches may keep would outlive the directory";
    "no-listing", no_listing, "a directory without an index is the application's; they redirect to a listing, or to 403";
    "hidden", hidden, "names with a dot are hidden, unless `dotfiles` is on";
    "fallback-type", fallback_type, "`fallback_mimetype` is text/plain, as the original documents it";
    "methods", methods, "what is neither GET nor HEAD is the application's; without one, 404";
    "dot-segment", dot_segment, "a file has one path: a dot segment names none";
    "encoded-slash", encoded_slash, "a file has one path: `%2F` never separates";
    "empty-segment", empty_segment, "a file has one path: an empty segment names none";
    "nul", nul, "NUL is in no name, so there is no such file: no failure, and no file whose name ends before it";

    // Ranges.
    "range-of-head", range_of_head, "`Range` is defined for GET alone (RFC 9110 §14.2)";
    "range-without-unit", range_without_unit, "what names no unit that we know is ignored (RFC 9110 §14.2)";
    "range-white-space", range_white_space, "RFC 9110 §14.1.2 has no white space within a range: malformed, so 416";
    "range-malformed", range_malformed, "one malformed range makes the set malformed (RFC 9110 §14.1.1): 416";
    "range-suffix-zero", range_suffix_zero, "the last 0 bytes are nothing that could be sent (RFC 9110 §14.1.2): 416";
    "range-of-nothing", range_of_nothing, "an empty file has no ranges: it is sent whole, as nginx and Apache do";
    "range-of-more", range_of_more, "ranges that are longer than the file together: the file once is less (CVE-2011-3192)";
    "range-beyond-numbers", range_beyond_numbers,
        "a position has no limit (RFC 9110 §14.1.2): one beyond 64 bits is beyond the file, not malformed";
    "range-unit-case", range_unit_case, "names of range units have no case (RFC 9110 §14.1)";
    "range-empty-element", range_empty_element, "a list may have empty elements (RFC 9110 §5.6.1.2)";
    "range-overlap", range_overlap, "each range that was asked for is a part; they make one of those that overlap";

    // Conditions.
    "unmodified-since", unmodified_since,
        "412 comes before all other conditions (RFC 9110 §13.2.2); they do not know the field, or not 1970";
    "none-match-first", none_match_first, "If-Modified-Since does not count beside If-None-Match (RFC 9110 §13.1.3)";

    // Codings.
    "coding-any", coding_any, "`*` is every coding that is not named (RFC 9110 §12.5.3)";
    "coding-x-gzip", coding_x_gzip, "`x-gzip` is gzip (RFC 9110 §8.4.1.3)";
    "coding-twice", coding_twice, "x-gzip and gzip are one coding (RFC 9110 §8.4.1.3); of two weights, the first counts";
    "coding-not-there", coding_not_there, "they do not look for compressed files, or not for `.br`";
}

fn vary(difference: &Difference<'_>) -> bool {
    difference.fact == "vary"
}

/// The path as it was written.
fn path<'a>(difference: &Difference<'a>) -> &'a str {
    let target = &difference.request.target;
    let target = target.strip_prefix("http://files.example").unwrap_or(target);
    target.split('?').next().unwrap_or_default()
}

fn is_status(difference: &Difference<'_>, ours: &str) -> bool {
    difference.fact == "status" && difference.ours == ours
}

fn redirect(difference: &Difference<'_>) -> bool {
    is_status(difference, "307") && path(difference) == "/sub"
}

fn no_listing(difference: &Difference<'_>) -> bool {
    is_status(difference, "404") && path(difference) == "/bare"
}

fn hidden(difference: &Difference<'_>) -> bool {
    is_status(difference, "404") && matches!(path(difference), "/.hidden" | "/.dir/x.txt")
}

fn fallback_type(difference: &Difference<'_>) -> bool {
    difference.fact == "content-type" && path(difference) == "/noext"
}

fn methods(difference: &Difference<'_>) -> bool {
    is_status(difference, "404") && difference.request.kind == Kind::Method
}

fn is_not_there(difference: &Difference<'_>, spelling: &str) -> bool {
    is_status(difference, "404") && path(difference).to_ascii_lowercase().contains(spelling)
}

fn dot_segment(difference: &Difference<'_>) -> bool {
    let plain = path(difference).to_ascii_lowercase().replace("%2e", ".");
    is_status(difference, "404") && plain.split('/').any(|segment| matches!(segment, "." | ".."))
}

fn encoded_slash(difference: &Difference<'_>) -> bool {
    is_not_there(difference, "%2f")
}

fn empty_segment(difference: &Difference<'_>) -> bool {
    is_not_there(difference, "//")
}

fn nul(difference: &Difference<'_>) -> bool {
    is_not_there(difference, "%00")
}

fn range<'a>(difference: &Difference<'a>) -> &'a str {
    difference.request.value("Range").unwrap_or_default()
}

fn range_of_head(difference: &Difference<'_>) -> bool {
    is_status(difference, "200")
        && difference.request.method == "HEAD"
        && !range(difference).is_empty()
}

fn range_without_unit(difference: &Difference<'_>) -> bool {
    is_status(difference, "200")
        && !range(difference).to_ascii_lowercase().starts_with("bytes=")
        && !range(difference).is_empty()
}

fn range_white_space(difference: &Difference<'_>) -> bool {
    is_status(difference, "416") && range(difference).contains(" - ")
}

fn range_malformed(difference: &Difference<'_>) -> bool {
    let set = range(difference).split_once('=').map_or("", |(_, set)| set);
    is_status(difference, "416") && set.split(',').any(|range| is_malformed(range.trim()))
}

/// Whether this is no range. Nothing at all is allowed in a list.
fn is_malformed(range: &str) -> bool {
    let Some((first, last)) = range.split_once('-') else { return !range.is_empty() };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_backwards = || match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) => last < first,
        _ => false,
    };
    !is_number(first) || !is_number(last) || range == "-" || is_backwards()
}

fn range_suffix_zero(difference: &Difference<'_>) -> bool {
    is_status(difference, "416") && range(difference).ends_with("-0")
}

fn range_of_nothing(difference: &Difference<'_>) -> bool {
    is_status(difference, "200") && path(difference) == "/empty.txt"
}

fn range_of_more(difference: &Difference<'_>) -> bool {
    is_status(difference, "200") && range(difference).contains(',')
}

fn range_unit_case(difference: &Difference<'_>) -> bool {
    is_status(difference, "206") && range(difference).starts_with("Bytes=")
}

fn range_beyond_numbers(difference: &Difference<'_>) -> bool {
    is_status(difference, "206") && range(difference).contains("99999999999999999999")
}

fn range_empty_element(difference: &Difference<'_>) -> bool {
    let set = range(difference).split_once('=').map_or("", |(_, set)| set);
    is_status(difference, "206") && set.split(',').any(|range| range.trim().is_empty())
}

fn range_overlap(difference: &Difference<'_>) -> bool {
    difference.status == "206" && difference.fact != "status" && range(difference).contains(',')
}

fn unmodified_since(difference: &Difference<'_>) -> bool {
    is_status(difference, "412") && difference.request.value("If-Unmodified-Since").is_some()
}

fn none_match_first(difference: &Difference<'_>) -> bool {
    let has = |name| difference.request.value(name).is_some();
    is_status(difference, "304") && has("If-None-Match") && has("If-Modified-Since")
}

/// Whether a compressed file is sent, and most send another, or none.
fn is_coded(difference: &Difference<'_>) -> bool {
    match difference.fact {
        "body" => matches!(difference.ours, "BROTLI" | "BR" | "GZIP" | "GZ"),
        "content-encoding" => matches!(difference.ours, "br" | "gzip"),
        "content-length" => matches!(difference.ours, "6" | "4"),
        "content-range" => matches!(difference.ours, "bytes 0-1/6" | "bytes 0-1/4"),
        _ => false,
    }
}

fn codings<'a>(difference: &Difference<'a>) -> &'a str {
    difference.request.value("Accept-Encoding").unwrap_or_default()
}

fn coding_any(difference: &Difference<'_>) -> bool {
    is_coded(difference) && codings(difference).contains('*')
}

fn coding_x_gzip(difference: &Difference<'_>) -> bool {
    is_coded(difference)
        && codings(difference).contains("x-gzip")
        && matches!(difference.ours, "GZIP" | "gzip" | "4")
}

fn coding_twice(difference: &Difference<'_>) -> bool {
    let codings = codings(difference).to_ascii_lowercase();
    let gzips = codings.matches("gzip").count();
    matches!(difference.fact, "body" | "content-encoding" | "content-length" | "content-range")
        && gzips > 1
}

fn coding_not_there(difference: &Difference<'_>) -> bool {
    is_coded(difference)
}

/// All names.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

/// The name of a difference, and its reason.
pub(crate) fn name(difference: &Difference<'_>) -> Option<(&'static str, &'static str)> {
    let row = ROWS.iter().find(|row| (row.fits)(difference))?;
    Some((row.name, row.reason))
}
