//! The arguments of `serve`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::forward::{AUTHORITY, PROXY_HOST};
use super::settings::{AccessLog, Bind, FamilyChoice, HostChoice, SchemeChoice, bytes, seconds};
use crate::keys;

/// Runs a reverse proxy in front of your servers
///
/// Requests under a prefix go to its target, without the prefix; an application that knows its prefix, such as Vite with a
/// base, needs --keep-prefix. The application learns the true client,
/// host, scheme and prefix from X-Forwarded-* or Forwarded. Forwarding headers of clients are replaced, unless --trust
/// says which proxies in front of this one are believed. HTTP/1.1, HTTP/2 without TLS and WebSockets are served; for
/// TLS to clients, put a proxy that speaks it in front. docs/SERVE.md has more.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[expect(clippy::doc_markdown, reason = "the help shows no Markdown")]
#[command(after_long_help = keys::help("\
Examples:
  Two servers under one address:
    proxyfix serve --proxy /api=http://127.0.0.1:5001/ --proxy /=http://127.0.0.1:5173/

  A directory before a server:
    proxyfix serve --files /static=./dist --proxy /=http://127.0.0.1:5001/

  Behind nginx on the same machine, which is believed:
    proxyfix serve --trust 'proxies=loopback for=1 proto=1' --proxy /=unix:/run/app.sock

  A service that redirects to its own address, and sets cookies for its own path:
    proxyfix serve --rewrite --proxy /old=http://10.0.0.7:8080/app/

  A proxy whose every website a server answers: http://a.example/x is /replay/http://a.example/x there:
    proxyfix serve --forward /replay/ --keep-prefix --proxy /replay=http://127.0.0.1:5001/

  The same settings in a file, only checked:
    proxyfix serve --config front.toml --check

  front.toml:
    bind = \"127.0.0.1:8000\"
    [[proxy]]
    prefix = \"/api\"
    url = \"http://127.0.0.1:5001/\"
    headers = [\"X-Tenant: blue\"]
    timeout = 10

Each request is logged to standard output: GET /api/x → http://127.0.0.1:5001/x 200 3 ms 512 B

Exit status: 0 stopped by a signal, or the settings are right; 2 wrong usage, wrong settings, or an address \
that cannot be used, such as one in use. The text of --trust has these keys:"))]
#[command(group(ArgGroup::new("what").args(["proxy", "files", "mount", "config", "transparent", "forward"]).required(true).multiple(true)))]
pub(crate) struct Serve {
    /// Sends requests under PREFIX to URL (a server or a Unix socket); may be repeated, and the
    /// longest prefix wins
    #[arg(long, value_name = "PREFIX=URL")]
    pub(super) proxy: Vec<String>,

    /// Serves the files of PATH under PREFIX (a directory with its index.html, or a file), before all targets; may be
    /// repeated
    #[arg(long, value_name = "PREFIX=PATH")]
    pub(super) files: Vec<String>,

    /// Serves the settings of a TOML file under PREFIX, before the targets; may be repeated
    #[arg(long, value_name = "PREFIX=FILE")]
    pub(super) mount: Vec<String>,

    /// Reads the settings from a TOML file; only --bind and --access-log may stand beside it
    #[arg(long, short, value_name = "FILE")]
    #[arg(conflicts_with_all = ["proxy", "files", "mount", "transparent", "trust", "family", "listener", "pseudonym", "keep_prefix",
        "host", "headers", "remove_headers", "methods", "timeout", "body_bytes", "rewrite", "http2", "cacert", "insecure",
        "allow", "allow_network", "force_host", "force_scheme", "forward", "proxy_host", "ca"])]
    pub(super) config: Option<PathBuf>,

    /// Where to listen: an address with a port, or unix: and a path [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) bind: Option<Bind>,

    /// Which proxies in front of this one are believed, and in what; by default nobody
    ///
    /// The secret of secret-header= comes from PROXYFIX_SECRET, or from the file that PROXYFIX_SECRET_FILE names.
    #[arg(long, value_name = "CONFIG")]
    pub(super) trust: Option<String>,

    /// The forwarding headers for the targets; all others are removed
    #[arg(long, value_enum, default_value_t, value_name = "FAMILY")]
    pub(super) family: FamilyChoice,

    /// The scheme that clients use, if a proxy in front speaks TLS and is not one of --trust
    #[arg(long, value_enum, default_value_t, value_name = "SCHEME")]
    pub(super) listener: SchemeChoice,

    /// The name of this proxy in Via and Proxy-Status [default: proxyfix- and a random number]
    #[arg(long, value_name = "NAME")]
    pub(super) pseudonym: Option<String>,

    /// Leaves the prefix in the path, for applications that know their prefix
    #[arg(long, requires = "proxy")]
    pub(super) keep_prefix: bool,

    /// What Host tells the targets: target, client, or a host
    #[arg(long, value_name = "HOST", default_value = "target", requires = "proxy")]
    pub(super) host: HostChoice,

    /// Sets a header of each request, as with curl
    // clap does not parse this value: its error repeats an invalid value, which may contain a secret.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(super) headers: Vec<String>,

    /// Removes a header from each request
    #[arg(long = "remove-header", value_name = "NAME")]
    pub(super) remove_headers: Vec<String>,

    /// The methods that go on; others get 405
    #[arg(long, value_name = "METHOD", value_delimiter = ',')]
    pub(super) methods: Vec<String>,

    /// The longest wait for a connection, an answer, or the next part of a body [default: 10, 30 and 60]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) timeout: Option<f64>,

    /// The longest body of a request; longer ones get 413
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(super) body_bytes: Option<u64>,

    /// Turns redirects and cookies that name the target back into what the client knows
    #[arg(long)]
    pub(super) rewrite: bool,

    /// The targets speak HTTP/2, also without TLS
    #[arg(long)]
    pub(super) http2: bool,

    /// Trusts the certificates of this file (PEM) for https targets, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(super) cacert: Option<PathBuf>,

    /// DANGER: accepts every certificate of https targets; for development only
    #[arg(long)]
    pub(super) insecure: bool,

    /// Sends requests under no prefix where they ask to go, within --allow or --force-host
    #[arg(long)]
    pub(super) transparent: bool,

    /// An authority that --transparent may reach, such as app.example or api.example:8080
    #[arg(long, value_name = "AUTHORITY", requires = "transparent")]
    pub(super) allow: Vec<String>,

    /// A network of private addresses that --transparent may reach
    #[arg(long, value_name = "NETWORK", requires = "transparent")]
    pub(super) allow_network: Vec<String>,

    /// The authority to which --transparent sends every request
    #[arg(long, value_name = "AUTHORITY", requires = "transparent")]
    pub(super) force_host: Option<String>,

    /// The scheme of --transparent, whatever the request says
    #[arg(long, value_enum, value_name = "SCHEME", requires = "transparent")]
    pub(super) force_scheme: Option<SchemeChoice>,

    /// Answers what clients send through this server as their proxy, http and https, under PREFIX
    #[arg(long, value_name = "PREFIX")]
    pub(super) forward: Option<String>,

    /// The host that --forward answers without its prefix
    #[arg(long, value_name = "HOST", default_value = PROXY_HOST, requires = "forward")]
    pub(super) proxy_host: String,

    /// The certificate authority of --forward; made if it is not there
    #[arg(long, value_name = "FILE", default_value = AUTHORITY, requires = "forward")]
    pub(super) ca: PathBuf,

    /// The lines of requests [default: text]
    #[arg(long, value_enum, value_name = "FORM")]
    pub(super) access_log: Option<AccessLog>,

    /// Checks the settings, prints the table of targets, and ends
    #[arg(long)]
    pub(super) check: bool,
}
