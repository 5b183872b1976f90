//! The arguments, and what they mean by themselves.

use std::{
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::{ArgGroup, Args, Parser, Subcommand};
use http::{HeaderName, HeaderValue};
use proxyfix::{Config, ConfigError, Peer, Scheme};

use crate::{escape, keys, lint, model, status::Failure};

/// Shows what proxyfix believes of a request and why, what is dangerous in a configuration, and which
/// spoofed requests get through it
///
/// The configuration is the text form of proxyfix, such as "proxies=10.0.0.0/8 for=1 proto=1".
#[derive(Debug, Parser)]
#[command(
    name = "proxyfix",
    version,
    after_help = "\
Exit status: 0 resolved, clean or safe; 1 rejected, with findings or spoofed; 2 wrong usage."
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
}

/// Shows what is believed of a request, why, and what the application gets
///
/// The request is a raw head (request line and header lines) in a file or on standard input, or
/// what -H says. Below each header line that counts, a ruler marks which part is believed.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_long_help = keys::help("\
Examples:
  A request by its header lines, from the peer 10.0.0.1:
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

    /// The other end of our connection, mostly the last proxy: an address, or one with a port
    #[arg(long, value_name = "ADDRESS", value_parser = peer, conflicts_with = "unix")]
    pub(crate) peer: Option<Peer>,

    /// The other end of our connection is a Unix socket
    #[arg(long)]
    pub(crate) unix: bool,

    /// Our connection to it speaks TLS
    #[arg(long)]
    pub(crate) tls: bool,

    /// A header line, as curl takes it; comes after those of REQUEST
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    #[arg(conflicts_with = "jsonl")]
    pub(crate) headers: Vec<(String, HeaderValue)>,

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
    /// Reads the arguments of the process; where they are wrong, says so and ends it.
    pub(crate) fn of_process() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            let plain = |text: &OsString| escape::is_plain(text.as_encoded_bytes());
            let secrets: Vec<_> =
                std::env::args_os().filter_map(|text| secret(&text.to_string_lossy())).collect();
            if secrets.is_empty() && std::env::args_os().all(|text| plain(&text)) {
                error.exit();
            }
            // The message repeats them, and they may be a stranger's, or a secret.
            let message = escape::lines(&error.render().to_string());
            let hide = |message: String, secret: &String| message.replace(secret, "...");
            anstream::eprint!("{}", secrets.iter().fold(message, hide));
            std::process::exit(error.exit_code());
        })
    }
}

/// The secret in a word of a configuration that stands outside of `--config`.
fn secret(argument: &str) -> Option<String> {
    let (key, value) = argument.split_once('=')?;
    let is_secret = key.to_ascii_lowercase().contains("secret") && !value.is_empty();
    is_secret.then(|| escape::lines(value))
}

impl Explain {
    /// The other end of our connection, where the arguments say it.
    pub(crate) fn peer(&self) -> Option<Peer> {
        let peer = if self.unix { Some(Peer::UNIX) } else { self.peer };
        if self.tls { peer.map(|peer| peer.with_scheme(Scheme::Https)) } else { peer }
    }
}

/// Says what is dangerous in a configuration, and what to write instead
///
/// Dangers believe strangers in every network, warnings in some, or give a part of the security
/// property up; notes are to be known. --explain says more of a finding.
#[derive(Args, Debug)]
#[command(after_long_help = keys::help("\
Examples:
  proxyfix lint --config 'proxies=any for=1'
  proxyfix lint --config 'proxies=10.0.1.0/24 for=1 proto=1 host=1 hosts=app.example'

  In a pipeline, with one finding that is known and right here:
    proxyfix lint --config \"$PROXYFIX\" --allow no-client --json

  More about a finding:
    proxyfix lint --explain every-peer

Exit status: 0 nothing or notes alone, 1 a warning or a danger, 2 wrong usage."))]
pub(crate) struct Lint {
    #[command(flatten)]
    pub(crate) config: ConfigArgument,

    /// Says all about the finding with this code, and looks at no configuration
    #[arg(long, value_name = "CODE", value_parser = lint::codes(), hide_possible_values = true)]
    #[arg(conflicts_with_all = ["allow", "json"])]
    pub(crate) explain: Option<String>,

    /// Leaves findings with this code out
    #[arg(long, value_name = "CODE", value_parser = lint::codes(), hide_possible_values = true)]
    #[arg(value_delimiter = ',')]
    pub(crate) allow: Vec<String>,

    /// Prints one JSON object on one line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Sends spoofed requests through a model of your proxies, and says which get through
///
/// The proxies are honest, and write what their recipes in docs/recipes/ say; what they do not write
/// passes as the client wrote it. Behind another proxy, each has its recipe for that place.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_long_help = attack_help())]
pub(crate) struct Attack {
    #[command(flatten)]
    pub(crate) config: ConfigArgument,

    /// The proxies by their styles, the edge first; NAME:edge writes as an edge does, in any place
    #[arg(long, short, value_name = "STYLE", value_delimiter = ',', required = true)]
    #[arg(value_parser = model::link)]
    pub(crate) style: Vec<model::Link>,

    /// Where each of them connects from, the edge first; else addresses that the configuration trusts
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', value_parser = peer)]
    pub(crate) address: Vec<Peer>,

    /// A trusted header that the edge sets on every request, besides what its style says
    #[arg(long, value_name = "HEADER", value_delimiter = ',')]
    pub(crate) sets: Vec<HeaderName>,

    /// An honest client, in place of two of the documentation's
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub(crate) client: Vec<IpAddr>,

    /// Clients come by TLS alone
    #[arg(long)]
    pub(crate) https_only: bool,

    /// The proxies speak TLS with each other
    #[arg(long)]
    pub(crate) inner_tls: bool,

    /// Shows every attack, also those without effect
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

  A walk where clients are in the network of the proxies:
    proxyfix attack --config 'proxies=10.0.0.0/8 for=walk' --style nginx --client 10.1.2.3

Styles: {}.

Exit status: 0 nothing got through; 1 something did, honest requests are misread, or more is read than written; 2 wrong usage.",
        names.join(", ")
    ))
}

/// The configuration that every subcommand takes.
#[derive(Args, Debug)]
pub(crate) struct ConfigArgument {
    /// The configuration in its text form; else the environment's, in PROXYFIX or in a variable for
    /// each key
    #[arg(long = "config", short = 'c', value_name = "CONFIG")]
    given: Option<String>,
}

/// Where the configuration is, unless it is an argument: as the library reads it.
const VARIABLE: &str = "PROXYFIX";

impl ConfigArgument {
    /// The configuration, from the argument or the environment.
    pub(crate) fn read(&self) -> Result<ConfigText, Failure> {
        // Not parsed by clap, which repeats what it refuses: a secret could be in it.
        if let Some(text) = &self.given {
            let config = text.parse().map_err(|error: ConfigError| {
                Failure::Usage(escape::lines(&format!("--config: {error}")))
            })?;
            return Ok(ConfigText { text: text.clone(), config });
        }
        let config = Config::from_env(VARIABLE).map_err(|error| {
            let missing = matches!(error, ConfigError::MissingVariable { .. });
            let argument = if missing { "no --config, and " } else { "" };
            Failure::Usage(escape::lines(&format!("{argument}{error}")))
        })?;
        let text = std::env::var(VARIABLE).unwrap_or_else(|_| config.to_string());
        Ok(ConfigText { text, config })
    }
}

/// A configuration, and as it was written.
#[derive(Clone, Debug)]
pub(crate) struct ConfigText {
    pub(crate) text: String,
    pub(crate) config: Config,
}

/// Reads an address with or without a port, or `unix`.
pub(crate) fn peer(text: &str) -> Result<Peer, String> {
    let address = || text.parse::<SocketAddr>().map(Peer::from).ok();
    let ip = || text.parse::<IpAddr>().map(Peer::from).ok();
    let unix = || (text == "unix").then_some(Peer::UNIX);
    address().or_else(ip).or_else(unix).ok_or_else(|| {
        "expected an address such as 10.0.0.1 or [2001:db8::1]:4711, or unix".to_owned()
    })
}

/// Reads `Name: value`; as with curl, `Name;` has an empty value.
fn header(text: &str) -> Result<(String, HeaderValue), String> {
    let (name, value) = match text.split_once(':') {
        Some(pair) => pair,
        None => (text.strip_suffix(';').ok_or("expected 'Name: value'")?, ""),
    };
    let valid: Result<HeaderName, _> = name.parse();
    valid.map_err(|_| "expected a header name before the colon")?;
    let value = HeaderValue::from_bytes(value.trim_matches([' ', '\t']).as_bytes());
    Ok((name.to_owned(), value.map_err(|_| "a header value has no control characters")?))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Arguments, header, peer};

    #[test]
    fn consistent() {
        Arguments::command().debug_assert();
    }

    /// Whoever writes a configuration finds its keys in the help.
    #[test]
    fn help_has_the_keys() {
        for command in Arguments::command().get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            assert!(help.contains("\n  client-ip: a header\n"), "{help}");
        }
    }

    #[test]
    fn peers_and_headers() {
        assert_eq!(peer("10.0.0.1").unwrap().to_string(), "10.0.0.1");
        assert_eq!(peer("[::1]:80").unwrap().port(), Some(80));
        assert!(peer("unix").unwrap().is_unix());
        assert!(peer("localhost").is_err());
        assert_eq!(header("A:b:c ").unwrap().1, "b:c");
        assert_eq!(header("A;").unwrap().1, "");
        for wrong in ["A", "A b: c", ": c", "A: b\u{1b}[2J"] {
            assert!(header(wrong).is_err(), "{wrong}");
        }
    }
}
