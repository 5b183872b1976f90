//! A name and a reason for every way in which another proxy differs. The first row that fits gives the name. A
//! difference that no row describes is unexplained.

use std::collections::BTreeSet;

use super::{
    Oracle::{self, Go, Paste, Transparent, Werkzeug},
    compare::Difference,
    fits,
};

struct Row {
    oracles: &'static [Oracle],
    name: &'static str,
    fits: fn(&Difference<'_>) -> bool,
    /// Why they differ, or why ours is right.
    reason: &'static str,
}

const ALL: &[Oracle] = &[Werkzeug, Paste, Transparent, Go];
/// The ones that are WSGI applications. waitress is their server.
const WSGI: &[Oracle] = &[Werkzeug, Paste, Transparent];
const PASTES: &[Oracle] = &[Paste, Transparent];

macro_rules! rows {
    ($($oracles:expr, $name:literal, $fits:path, $reason:literal;)*) => {
        const ROWS: &[Row] =
            &[$(Row { oracles: $oracles, name: $name, fits: $fits, reason: $reason },)*];
    };
}

rows! {
    // What goes upstream, and what is refused.
    ALL, "dot-segments", fits::dot_segments, "they send `..` upstream, where it leaves the base";
    ALL, "target-characters", fits::target_characters,
        "RFC 3986 has no such character; hyper's server answers 400, they quote it";
    WSGI, "target-bytes", fits::target_bytes,
        "waitress answers 400 to bytes that are not ASCII; ours sends the bytes";
    &[Go], "broken-triplet", fits::broken_triplet,
        "Go refuses `%` without two hexadecimals; ours sends the bytes";
    &[Werkzeug], "prefix-alone", fits::prefix_alone, "the original does not match /p itself; §1.1 does";
    &[Werkzeug], "decoded-prefix", fits::decoded_prefix,
        "the original compares the decoded path, and waitress collapses slashes; `%2F` never separates here";
    ALL, "nominations", fits::nominations,
        "they let `Connection` drop fields on which others rely, or what is no token";
    WSGI, "expectation", fits::expectation, "they send an expectation on that they cannot meet; ours is 417";
    WSGI, "expect-without-body", fits::expect_without_body,
        "waitress waits for a body where there is none";
    &[Go], "expect-dropped", fits::expect_dropped,
        "Go sends the expectation of a request without a body; ours drops it (RFC 9110 §10.1.1)";
    ALL, "invalid-host", fits::invalid_host, "they accept a `Host` that is no host, several, or none";
    &[Transparent], "no-host", fits::no_host, "the original fails without `Host`; ours is 400";
    ALL, "trace", fits::trace, "TRACE is 405 unless it is allowed";
    &[Paste, Transparent, Go], "connect", fits::connect, "CONNECT is 501: a gateway opens no tunnels";
    &[Werkzeug], "connect-status", fits::connect_status, "the application inside answers CONNECT; ours is 501";
    &[Paste], "asterisk", fits::asterisk, "Paste makes a path of `*`; ours is 400";
    &[Go], "asterisk-status", fits::asterisk_status, "Go's server answers `OPTIONS *` itself; ours is 400";
    WSGI, "method-case", fits::method_case, "waitress refuses or changes methods in lower case";
    WSGI, "equal-lengths", fits::equal_lengths,
        "waitress refuses two equal `Content-Length` lines, hyper's server makes them one (RFC 9110 §8.6)";
    WSGI, "broken-chunks", fits::broken_chunks,
        "waitress reads the whole body first; ours has sent a part, and cuts it";
    &[Go], "broken-chunks-status", fits::broken_chunks_status, "the client's fault is 400 here, not 502";
    ALL, "versions", fits::versions, "hyper's server has HTTP/1.0 and HTTP/1.1 alone";
    ALL, "identity-coding", fits::identity_coding, "`identity` is no transfer coding any more: 400 by hyper's server";
    &[Werkzeug], "refused-outside", fits::refused_outside, "a dot segment is refused before the prefix is compared";

    // The request line.
    &[Transparent], "question-mark", fits::question_mark, "the original adds `?` to every target";
    &[Werkzeug, Paste], "empty-query", fits::empty_query, "the originals drop an empty query";
    WSGI, "slashes", fits::slashes, "the originals or waitress collapse slashes";
    &[Werkzeug], "decoded-twice", fits::decoded_twice,
        "the original decodes and does not quote `%`, so upstream decodes a second time";
    WSGI, "re-encoded", fits::re_encoded,
        "the originals decode and quote the path, Latin-1 as UTF-8 even; ours sends the bytes";
    &[Go], "quoted", fits::re_encoded, "Go quotes characters that RFC 3986 does not have; ours sends the bytes";
    &[Go], "fragment", fits::fragment, "Go sends a fragment, which no client should send; hyper drops it";

    // Request fields.
    ALL, "forwarding", fits::forwarding,
        "ours writes all of X-Forwarded-*, and a stranger's are gone; they write one at most, and pass on the rest";
    ALL, "other-forwarding", fits::other_forwarding, "a stranger's forwarding headers go no further here";
    ALL, "via", fits::via, "a gateway adds itself to `Via` (RFC 9110 §7.6.3)";
    ALL, "accept-encoding", fits::accept_encoding, "their client adds a coding that nobody asked for";
    WSGI, "connection", fits::connection, "`Connection` of their own or of the client; ours has none of these";
    ALL, "hop-by-hop", fits::hop_by_hop, "RFC 9110 §7.6.1: these fields end at each hop";
    ALL, "te-named", fits::te_named, "`Connection` names `TE` (RFC 9110 §10.1.4)";
    &[Werkzeug], "te-trailers", fits::te_trailers, "`TE: trailers` tells upstream that its trailers arrive";
    WSGI, "nominated", fits::nominated, "what `Connection` nominates ends at this hop";
    &[Werkzeug], "host-port", fits::host_port, "the original's `Host` has no port (RFC 9110 §7.2)";
    &[Transparent], "absolute-form", fits::absolute_form,
        "the authority of the target wins over `Host` (RFC 9112 §3.2.2)";
    WSGI, "joined-lines", fits::joined_lines, "WSGI joins lines by commas, which Cookie cannot have";
    WSGI, "underscores", fits::underscores, "waitress drops names with underscores; ours drops aliases alone";
    &[Go], "aliases", fits::aliases, "names that WSGI and CGI read as a framing or forwarding field";
    &[Werkzeug, Go], "trailer", fits::trailer, "`Trailer` announces what ours passes on";
    ALL, "request-trailers", fits::request_trailers, "they drop the client's trailers";
    WSGI, "length-of-chunks", fits::length_of_chunks, "waitress has read all chunks, so it knows the length";
    PASTES, "length-of-nothing", fits::length_of_nothing, "the originals send `Content-Length: 0` with every GET";
    &[Werkzeug, Paste], "length-spelling", fits::length_spelling, "ours writes a length without leading zeros";
    &[Werkzeug], "no-length", fits::no_length, "POST, PUT and PATCH without a body say so (RFC 9110 §8.6)";
    &[Go], "length-of-get", fits::length_of_get, "Go drops `Content-Length: 0` of a GET";
    &[Go], "empty-user-agent", fits::empty_user_agent, "Go drops an empty `User-Agent`";
    &[Go], "pragma", fits::pragma, "Go makes `Cache-Control` of `Pragma`";

    // Answers.
    ALL, "invalid-answer", fits::invalid_answer,
        "what is no HTTP, or has no one framing, is 502; they answer 500, or pass it on repaired";
    &[Werkzeug, Go], "own-answer", fits::own_answer, "the text of a failure is each proxy's own";
    WSGI, "early-hints", fits::early_hints, "Python's client takes 103 for the answer";
    ALL, "cut", fits::cut, "a body that breaks off: ours breaks off too, wherever it was";
    WSGI, "two-framings", fits::two_framings, "`Content-Length` beside chunks: they keep it, and cut the body";
    WSGI, "answer-nominated", fits::answer_nominated, "what an answer's `Connection` nominates ends at this hop";
    WSGI, "answer-hop-by-hop", fits::answer_hop_by_hop, "`Proxy-Connection` ends at this hop";
    WSGI, "answer-via", fits::answer_via, "waitress adds itself to `Via` where upstream names its server";
    &[Werkzeug], "answer-trailer", fits::answer_trailer, "`Trailer` announces what ours passes on";
    WSGI, "answer-trailers", fits::answer_trailers, "they drop upstream's trailers";
    &[Go], "unasked-trailers", fits::unasked_trailers,
        "Go sends trailers to whoever did not ask; hyper's server needs `TE: trailers` (RFC 9110 §6.5.1)";
    PASTES, "length-known", fits::length_known, "the originals have read the whole answer, so they know its length";
    &[Go], "guessed-type", fits::guessed_type, "Go's server guesses a `Content-Type` where upstream has none";
    &[Go], "reason", fits::reason, "Go writes a reason phrase of its own";
    &[Go], "unzipped", fits::unzipped, "Go's client asks for gzip by itself, and unpacks it";
}

/// Rows that need not occur, because time decides: Go breaks such a body off as we do, sometimes before its head is out.
const SOMETIMES: &[(Oracle, &str)] = &[(Go, "cut")];

/// All names of these oracles.
pub(crate) fn all(oracles: &BTreeSet<Oracle>) -> impl Iterator<Item = String> {
    ROWS.iter().flat_map(|row| {
        let run = row.oracles.iter().filter(|oracle| oracles.contains(oracle));
        let run = run.filter(|oracle| !SOMETIMES.contains(&(**oracle, row.name)));
        run.map(|oracle| format!("{}-{}", oracle.name(), row.name))
    })
}

/// The name of a difference, and its reason.
pub(crate) fn name(difference: &Difference<'_>) -> Option<(String, &'static str)> {
    let oracle = difference.oracle;
    let row = ROWS.iter().find(|row| row.oracles.contains(&oracle) && (row.fits)(difference))?;
    Some((format!("{}-{}", oracle.name(), row.name), row.reason))
}
