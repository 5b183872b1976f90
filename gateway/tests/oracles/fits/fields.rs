//! The fields and trailers of the request that upstream sees.

use super::{super::Oracle, D};

pub(crate) fn forwarding(d: &D<'_>) -> bool {
    let asked = d.case.target.split_once("://").filter(|_| !d.case.target.starts_with('/'));
    let host = match asked {
        Some((_, rest)) => rest.split('/').next().unwrap_or_default().to_owned(),
        None => {
            let line = d.case.fields.lines().find_map(|line| line.strip_prefix("Host:"));
            line.map_or("app.example", str::trim).to_owned()
        }
    };
    let port = host.rsplit_once(':').map_or("80", |(_, port)| port);
    match d.fact.strip_prefix("request field x-forwarded-") {
        Some("for") => d.ours == "127.0.0.1",
        Some("proto") => d.ours == "http",
        // In its canonical form.
        Some("host") => d.ours == host.to_ascii_lowercase().trim_end_matches('.'),
        Some("port") => d.ours == port,
        Some("prefix") => d.ours == if d.oracle == Oracle::Werkzeug { "/p" } else { "-" },
        _ => false,
    }
}

pub(crate) fn other_forwarding(d: &D<'_>) -> bool {
    ["forwarded", "x-real-ip", "true-client-ip"].iter().any(|name| d.is_field(name))
        && d.ours == "-"
}

pub(crate) fn via(d: &D<'_>) -> bool {
    let version =
        if d.case.bytes.windows(10).any(|bytes| bytes == b" HTTP/1.0\r") { "1.0" } else { "1.1" };
    let own = format!("{version} ours");
    let expected = if d.theirs == "-" { own } else { format!("{} | {own}", d.theirs) };
    d.is_field("via") && d.ours == expected
}

pub(crate) fn accept_encoding(d: &D<'_>) -> bool {
    let client = d.case.fields.lines().find_map(|line| line.strip_prefix("Accept-Encoding: "));
    d.is_field("accept-encoding") && d.ours == client.unwrap_or("-")
}

pub(crate) fn connection(d: &D<'_>) -> bool {
    d.is_field("connection") && d.is_dropped_here()
}

pub(crate) fn hop_by_hop(d: &D<'_>) -> bool {
    let dropped = [
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "upgrade",
    ];
    let only_trailers = d.is_field("te") && d.theirs.contains("trailers") && d.ours == "trailers";
    dropped.iter().any(|name| d.is_field(name)) && d.is_dropped_here() || only_trailers
}

pub(crate) fn te_named(d: &D<'_>) -> bool {
    d.is_field("connection") && d.asks("TE: trailers") && d.ours == "TE"
}

pub(crate) fn te_trailers(d: &D<'_>) -> bool {
    d.is_field("te") && d.asks("TE: trailers") && d.ours == "trailers"
}

pub(crate) fn nominated(d: &D<'_>) -> bool {
    d.is_field("x-hop") && d.is_dropped_here()
}

pub(crate) fn host_port(d: &D<'_>) -> bool {
    d.is_field("host") && d.theirs == "127.0.0.1" && d.ours == "UPSTREAM"
}

pub(crate) fn absolute_form(d: &D<'_>) -> bool {
    let authority = d.case.target.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    d.is_field("host") && authority == Some(d.ours.as_str())
}

pub(crate) fn joined_lines(d: &D<'_>) -> bool {
    d.ours.contains(" | ") && d.ours.replace(" | ", ", ") == d.theirs
}

pub(crate) fn underscores(d: &D<'_>) -> bool {
    d.is_field("x_a") && d.theirs == "-" && d.ours != "-"
}

pub(crate) fn aliases(d: &D<'_>) -> bool {
    let aliases = ["x_forwarded_for", "content_length", "transfer_encoding"];
    aliases.iter().any(|name| d.is_field(name)) && d.is_dropped_here()
}

pub(crate) fn trailer(d: &D<'_>) -> bool {
    d.is_field("trailer") && d.theirs == "-" && d.ours == "X-Sum"
}

pub(crate) fn request_trailers(d: &D<'_>) -> bool {
    d.fact == "request trailers" && d.theirs.is_empty() && d.ours == "x-sum: 1\r\n"
}

pub(crate) fn length_of_chunks(d: &D<'_>) -> bool {
    let is_length = d.is_field("content-length") && d.theirs != "-" && d.ours == "-";
    let is_coding = d.is_field("transfer-encoding") && d.theirs == "-" && d.ours == "chunked";
    let coding = d.all_ours.get("request field transfer-encoding").map(String::as_str);
    d.case.fields.to_ascii_lowercase().contains("transfer-encoding: chunked")
        && coding == Some("chunked")
        && (is_length || is_coding)
}

pub(crate) fn length_of_nothing(d: &D<'_>) -> bool {
    let has_no_content = !["POST", "PUT", "PATCH"].contains(&d.case.method.as_str());
    has_no_content && d.is_field("content-length") && d.theirs == "0" && d.ours == "-"
}

pub(crate) fn no_length(d: &D<'_>) -> bool {
    let has_content = ["POST", "PUT", "PATCH"].contains(&d.case.method.as_str());
    has_content && d.is_field("content-length") && d.theirs == "-" && d.ours == "0"
}

pub(crate) fn length_of_get(d: &D<'_>) -> bool {
    d.asks("Content-Length: 0") && d.is_field("content-length") && d.theirs == "-" && d.ours == "0"
}

pub(crate) fn empty_user_agent(d: &D<'_>) -> bool {
    d.is_field("user-agent") && d.theirs == "-" && d.ours.is_empty()
}

pub(crate) fn pragma(d: &D<'_>) -> bool {
    d.asks("Pragma: no-cache") && d.is_field("cache-control") && d.is_dropped_here()
}

pub(crate) fn length_spelling(d: &D<'_>) -> bool {
    d.asks("Content-Length: 005")
        && d.is_field("content-length")
        && d.theirs == "005"
        && d.ours == "5"
}
