//! The arguments of the command line, and how each is read.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use clap::{ArgGroup, Args, Parser, Subcommand};
use http::{HeaderName, HeaderValue};
use proxyfix::{Peer, Scheme};

use crate::{
    config::ConfigArgument, doctor::args::Doctor, escape, keys, lint, model, serve::args::Serve,
    status::Failure,
};

/// Shows what proxyfix believes of a request and why, what is dangerous in a configuration, and which
/// spoofed requests get through it; serves files and forwards requests (serve)
///
/// The configuration is the text form of proxyfix, such as "proxies=10.0.0.0/8 for=1 proto=1".
#[derive(Debug, Parser)]
#[command(
    name = "proxyfix",
    version,
    after_help = "\
Exit status: 0 resolved, clean, safe or stopped; 1 rejected, with findings or spoofed; 2 wrong usage."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) color: colorchoice_clap::Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Explain(Explain),
    Lint(Lint),
    Attack(Attack),
    Doctor(Box<Doctor>),
    Serve(Box<Serve>),
}

/// Shows what is believed of a request, why, and what the application gets
///
/// The request is a raw head (request line and header lines) in a file or on standard input, or
/// the header lines of -H. Below each header line that was read, rulers mark which part is believed.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_long_help = keys::help("\
Examples:
  A request given as header lines, from the peer 10.0.0.1:
    proxyfix explain --config 'proxies=10.0.0.0/8 for=1 proto=1' --peer 10.0.0.1 \\
        -H 'X-Forwarded-For: 6.6.6.6, 203.0.113.9' -H 'X-Forwarded-Proto: https'

  A request head in a file, or on standard input, as JSON:
    proxyfix explain --config 'proxies=unix for=1' --unix request.txt
    proxyfix explain --config 'proxies=loopback for=1' --peer 127.0.0.1 --json - < request.txt

  Many requests, one JSON object on each line, answered line by line:
    proxyfix explain --config 'proxies=loopback for=1' --peer 127.0.0.1 --jsonl < requests.jsonl

Exit status: 0 resolved, 1 rejected, 2 wrong usage."))]
#[command(group(ArgGroup::new("connection").args(["peer", "unix", "jsonl"]).required(true).multiple(true)))]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) config: ConfigArgument,

    /// The other end of our connection, usually the last proxy: an address, with or without a port
    #[arg(long, value_name = "ADDRESS", value_parser = peer, conflicts_with = "unix")]
    pub(crate) peer: Option<Peer>,

    /// The other end of our connection is a Unix socket
    #[arg(long)]
    pub(crate) unix: bool,

    /// Our connection to it speaks TLS
    #[arg(long)]
    pub(crate) tls: bool,

    /// A header line, as with curl; added after those of REQUEST
    // clap does not parse this value: its error repeats an invalid value, which may contain a secret.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", conflicts_with = "jsonl")]
    headers: Vec<String>,

    /// Prints one JSON object on one line
    #[arg(long, conflicts_with = "jsonl")]
    pub(crate) json: bool,

    /// Reads a JSON object from each line of REQUEST, and answers each with one line
    #[arg(long)]
    pub(crate) jsonl: bool,

    /// A file with the request's head, or - for standard input
    #[arg(value_name = "REQUEST")]
    pub(crate) request: Option<PathBuf>,
}

impl Arguments {
    /// Reads the arguments of the process. If they are wrong, prints a message and ends the process.
    pub(crate) fn of_process() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            let texts: Vec<_> =
                std::env::args_os().map(|text| text.to_string_lossy().into_owned()).collect();
            if texts.iter().all(|text| escape::is_plain(text.as_bytes()) && secret(text).is_none())
            {
                error.exit();
            }
            // The message repeats the arguments, and they may contain a stranger's text or a secret.
            let message = escape::lines(&error.render().to_string());
            let hide = |message: String, text: &String| match secret(text) {
                Some(Secret { value, is_named: true }) => {
                    message.replace(&escape::lines(value), "...")
                }
                Some(Secret { .. }) => message.replace(&escape::lines(text), &shown(text)),
                None => message,
            };
            anstream::eprint!("{}", texts.iter().fold(message, hide));
            std::process::exit(error.exit_code());
        })
    }
}

/// The part of an argument that may be a secret.
struct Secret<'a> {
    value: &'a str,
    /// Whether the name before it says that it is a secret.
    is_named: bool,
}

/// The secret in a word of a configuration outside `--config`, or in a header line without `-H`.
fn secret(argument: &str) -> Option<Secret<'_>> {
    let at = argument.find(['=', ':'])?;
    let (name, value) = (&argument[..at], &argument[at + 1..]);
    let is_named = name.to_ascii_lowercase().contains("secret");
    let is_secret = is_named || value.starts_with(' ');
    let value = value.trim();
    (is_secret && !value.is_empty()).then_some(Secret { value, is_named })
}

/// An argument as a message may repeat it.
pub(crate) fn shown(argument: &str) -> String {
    let shown = escape::text(argument.as_bytes());
    match secret(argument) {
        Some(Secret { value, .. }) => shown.replace(&escape::text(value.as_bytes()), "..."),
        None => shown,
    }
}

impl Explain {
    /// The other end of our connection, if the arguments name it.
    pub(crate) fn peer(&self) -> Option<Peer> {
        let peer = if self.unix { Some(Peer::UNIX) } else { self.peer };
        if self.tls { peer.map(|peer| peer.with_scheme(Scheme::Https)) } else { peer }
    }

    /// The header lines of `-H`.
    pub(crate) fn headers(&self) -> Result<Vec<(String, HeaderValue)>, Failure> {
        let numbered = self.headers.iter().zip(1..);
        let read = numbered.map(|(text, number)| {
            header(text).map_err(|error| Failure::Usage(format!("-H, number {number}: {error}")))
        });
        read.collect()
    }
}

/// Says what is dangerous in a configuration, and what to write instead
///
/// A danger means that strangers are believed in every network. A warning means that they are believed in
/// some networks, or that a part of the security property is given up. A note is something you should know.
/// --explain says more about a finding.
#[derive(Args, Debug)]
#[command(after_long_help = keys::help("\
Examples:
  proxyfix lint --config 'proxies=any for=1'
  proxyfix lint --config 'proxies=10.0.1.0/24 for=1 proto=1 host=1 hosts=app.example'

  In a pipeline, without a finding that was checked and is right here:
    proxyfix lint --config \"$PROXYFIX\" --allow no-client --json

  More about a finding:
    proxyfix lint --explain every-peer

Exit status: 0 nothing or only notes, 1 a warning or a danger, 2 wrong usage."))]
pub(crate) struct Lint {
    #[command(flatten)]
    pub(crate) config: ConfigArgument,

    /// Explains the finding with this code; no configuration is checked
    #[arg(long, value_name = "CODE", value_parser = lint::codes(), hide_possible_values = true)]
    #[arg(conflicts_with_all = ["allow", "json"])]
    pub(crate) explain: Option<String>,

    /// Leaves out findings with this code
    #[arg(long, value_name = "CODE", value_parser = lint::codes(), hide_possible_values = true)]
    #[arg(value_delimiter = ',')]
    pub(crate) allow: Vec<String>,

    /// Prints one JSON object on one line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Sends spoofed requests through a model of your proxies, and says which get through
///
/// The proxies are honest, and write what their recipes in docs/recipes/ say. Headers that they do not
/// write pass as the client wrote them. A proxy behind another one follows its recipe for that position.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_long_help = attack_help())]
pub(crate) struct Attack {
    #[command(flatten)]
    pub(crate) config: ConfigArgument,

    /// The styles of the proxies, the edge first; NAME:edge writes what an edge writes, in any position
    #[arg(long, short, value_name = "STYLE", value_delimiter = ',', required = true)]
    #[arg(value_parser = model::link)]
    pub(crate) style: Vec<model::Link>,

    /// The addresses that they connect from, the edge first; by default addresses that the configuration
    /// trusts. The address of the last proxy decides which of several ways in is attacked
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', value_parser = peer)]
    pub(crate) address: Vec<Peer>,

    /// A trusted header, or one of proxy-only=, that the edge sets on every request, in addition to what its
    /// style says
    #[arg(long, value_name = "HEADER", value_delimiter = ',')]
    pub(crate) sets: Vec<HeaderName>,

    /// An honest client; by default an IPv4 and an IPv6 address of the documentation ranges
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub(crate) client: Vec<IpAddr>,

    /// Clients use only TLS
    #[arg(long)]
    pub(crate) https_only: bool,

    /// The proxies speak TLS with each other
    #[arg(long)]
    pub(crate) inner_tls: bool,

    /// Shows every attack, including those without effect
    #[arg(long)]
    pub(crate) all: bool,

    /// Prints one JSON object on one line
    #[arg(long)]
    pub(crate) json: bool,
}

/// The examples and the styles.
fn attack_help() -> String {
    let names: Vec<_> = model::all().map(|style| style.name).collect();
    keys::help(&format!(
        "Examples:
  One nginx, with the lines of its recipe:
    proxyfix attack --config 'proxies=loopback for=1 proto=1 host=1' --style nginx

  HAProxy, then nginx behind it:
    proxyfix attack --config 'proxies=loopback for=2 proto=1' --style haproxy,nginx

  A walk, with clients in the network of the proxies:
    proxyfix attack --config 'proxies=10.0.0.0/8 for=walk' --style nginx --client 10.1.2.3

Styles: {}.

Exit status: 0 nothing got through; 1 something got through, honest requests are misread, or more is read than written; 2 wrong usage.",
        names.join(", ")
    ))
}

/// Reads an address with or without a port, or `unix`. The zone of an IPv6 address is dropped, as in headers.
pub(crate) fn peer(text: &str) -> Result<Peer, String> {
    let text = &without_zone(text);
    let address = || text.parse::<SocketAddr>().map(Peer::from).ok();
    let ip = || text.parse::<IpAddr>().map(Peer::from).ok();
    let unix = || (text == "unix").then_some(Peer::UNIX);
    address().or_else(ip).or_else(unix).ok_or_else(|| {
        "expected an address such as 10.0.0.1 or [2001:db8::1]:4711, or unix".to_owned()
    })
}

/// An IPv6 address without its zone, such as `eth0` in `[fe80::1%eth0]:4000`.
fn without_zone(text: &str) -> Cow<'_, str> {
    let Some((address, rest)) = text.split_once('%') else { return text.into() };
    let (zone, port) = rest.split_at(rest.find(']').unwrap_or(rest.len()));
    let is_v6 = address.trim_start_matches('[').parse::<Ipv6Addr>().is_ok();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if is_v6 && !zone.is_empty() && zone.chars().all(allowed) {
        format!("{address}{port}").into()
    } else {
        text.into()
    }
}

/// Reads `Name: value`. As with curl, `Name;` has an empty value.
fn header(text: &str) -> Result<(String, HeaderValue), String> {
    let (name, value) = match text.split_once(':') {
        Some(pair) => pair,
        None => (text.strip_suffix(';').ok_or("expected 'Name: value'")?, ""),
    };
    let valid: Result<HeaderName, _> = name.parse();
    valid.map_err(|_| "expected a header name before the colon")?;
    let value = HeaderValue::from_bytes(value.trim_matches([' ', '\t']).as_bytes());
    Ok((name.to_owned(), value.map_err(|_| "a header value must not contain control characters")?))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Arguments, header, peer};

    #[test]
    fn consistent() {
        Arguments::command().debug_assert();
    }

    /// The help of each subcommand lists the keys of a configuration, except the one that derives it.
    #[test]
    fn help_has_the_keys() {
        let mut arguments = Arguments::command();
        let commands = arguments.get_subcommands_mut();
        for command in commands.filter(|command| command.get_name() != "doctor") {
            let help = command.render_long_help().to_string();
            assert!(help.contains("\n  client-ip: a header\n"), "{help}");
        }
    }

    #[test]
    fn peers_and_headers() {
        assert_eq!(peer("10.0.0.1").unwrap().to_string(), "10.0.0.1");
        assert_eq!(peer("[::1]:80").unwrap().port(), Some(80));
        assert!(peer("unix").unwrap().is_unix());
        for (text, shown) in [
            ("[fe80::1%2]:4000", "[fe80::1]:4000"),
            ("[fe80::1%eth0]:4000", "[fe80::1]:4000"),
            ("fe80::1%eth0", "fe80::1"),
            ("fe80::1%en-0.1", "fe80::1"),
        ] {
            assert_eq!(peer(text).unwrap().to_string(), shown);
        }
        for wrong in
            ["localhost", "10.0.0.1%eth0", "fe80::1%", "fe80::1%a b", "[fe80::1%a/b]:80", "%a"]
        {
            assert!(peer(wrong).is_err(), "{wrong}");
        }
        assert_eq!(header("A:b:c ").unwrap().1, "b:c");
        assert_eq!(header("A;").unwrap().1, "");
        for wrong in ["A", "A b: c", ": c", "A: b\u{1b}[2J"] {
            assert!(header(wrong).is_err(), "{wrong}");
        }
    }
}
