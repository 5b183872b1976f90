//! The arguments of `doctor`.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::{ArgGroup, Args, Subcommand};
use proxyfix_doctor::{
    infer::{CODES, PROXIES},
    prober::Url,
};

/// Derives the configuration by probing your own proxies, and proves it
///
/// The doctor sends requests through your proxies, honest ones and lies, to a receiver in the application's place. What
/// arrives says which proxy writes which header. It prints your chain, what becomes of each header, and the line for
/// proxyfix, if it is proved on every probe; else what is in the way, and what to write into which proxy.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  The chain is on this machine, and the application listens on 127.0.0.1:3000 (stop it first):
    proxyfix doctor run https://app.example/ --http http://app.example/ --bind 127.0.0.1:3000

  The proxies are elsewhere. In the application's place:
    proxyfix doctor listen --bind 0.0.0.0:3000
  where a client is, with the token that it prints (or open the page that it names in a browser):
    PROXYFIX_DOCTOR_TOKEN=… proxyfix doctor probe https://app.example/

  Nothing may be installed where the client is:
    PROXYFIX_DOCTOR_TOKEN=… proxyfix doctor curl https://app.example/ > probes.sh
    sh probes.sh > answers.txt
    proxyfix doctor judge answers.txt

Exit status: 0 a line is proved; 1 something is in the way; 2 wrong usage.")]
pub(crate) struct Doctor {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    Run(Run),
    Listen(Listen),
    Probe(Probe),
    Curl(Curl),
    Judge(Judge),
    Explain(Explain),
}

/// Listens in the application's place and sends the probes, for a chain that this machine can reach
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("place").args(["bind", "unix"]).required(true)))]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) ask: Ask,
    #[command(flatten)]
    pub(super) place: Place,
    #[command(flatten)]
    pub(super) show: Show,
}

/// Listens in the application's place, answers probes, and serves the page
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("place").args(["bind", "unix"]).required(true)))]
pub(super) struct Listen {
    #[command(flatten)]
    pub(super) place: Place,

    /// How long the token is good
    #[arg(long, value_name = "MINUTES", default_value_t = 15)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub(super) minutes: u64,
}

/// Sends the probes to a receiver that listens elsewhere
#[derive(Args, Debug)]
pub(super) struct Probe {
    #[command(flatten)]
    pub(super) ask: Ask,
    #[command(flatten)]
    pub(super) token: TokenArgument,
    #[command(flatten)]
    pub(super) show: Show,
}

/// Prints a shell script that sends the probes with curl
#[derive(Args, Debug)]
pub(super) struct Curl {
    /// The URL that clients use
    #[arg(value_name = "URL", value_parser = url)]
    pub(super) url: Url,

    /// The listener for plain HTTP, or any other
    #[arg(long, value_name = "URL", value_parser = url)]
    pub(super) http: Vec<Url>,

    #[command(flatten)]
    pub(super) reach: Reach,

    #[command(flatten)]
    pub(super) token: TokenArgument,
}

/// Judges what --save wrote, or what the script of `doctor curl` printed
#[derive(Args, Debug)]
pub(super) struct Judge {
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,

    /// Your own address as the outermost proxy sees it, if the client does not know it
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub(super) client_ip: Vec<IpAddr>,

    #[command(flatten)]
    pub(super) proxies: Proxies,

    #[command(flatten)]
    pub(super) show: Show,
}

/// Prints what docs/DOCTOR.md says about a finding
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// Its code; without it, the codes are printed
    #[arg(value_name = "CODE", value_parser = CODES, ignore_case = true)]
    pub(super) code: Option<String>,
}

/// Where the receiver listens.
#[derive(Args, Debug)]
pub(super) struct Place {
    /// The address and port to which the last proxy connects
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) bind: Option<SocketAddr>,

    /// The Unix socket to which it connects; it must not exist yet
    #[arg(long, value_name = "PATH")]
    pub(super) unix: Option<PathBuf>,
}

/// What is asked, and how.
#[derive(Args, Debug)]
pub(super) struct Ask {
    /// The URL that clients use
    #[arg(value_name = "URL", value_parser = url)]
    pub(super) url: Url,

    /// The listener for plain HTTP, or any other, by which clients can come too; may be repeated. Without it, port 80 is
    /// only asked whether it is closed, without the token
    #[arg(long, value_name = "URL", value_parser = url)]
    pub(super) http: Vec<Url>,

    #[command(flatten)]
    pub(super) reach: Reach,

    /// A header line of every probe, such as one that a login in front asks for; may be repeated. Like the token, it goes
    /// unencrypted to a URL with http:// that you name, and to no other
    #[arg(long, value_name = "NAME: VALUE")]
    pub(super) header: Vec<String>,

    /// Your own address as the outermost proxy sees it, if this machine does not know it
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub(super) client_ip: Vec<IpAddr>,

    #[command(flatten)]
    pub(super) proxies: Proxies,

    /// How long one probe may take; one way takes at most twelve times as long
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=300))]
    pub(super) timeout: u64,

    /// Writes what was asked and what arrived to a file, for `judge`
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
}

/// How the listeners are reached.
#[derive(Args, Debug)]
pub(super) struct Reach {
    /// Connects to this address for the name and the port, as with curl
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = resolve)]
    pub(super) resolve: Vec<(String, u16, IpAddr)>,

    /// Accepts the certificates of the authorities in this PEM file, and no others
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(super) cacert: Option<PathBuf>,

    /// Accepts every certificate
    #[arg(long)]
    pub(super) insecure: bool,
}

/// Who is on the way.
#[derive(Args, Debug)]
pub(super) struct Proxies {
    /// Your proxies, the outermost first, by commas; many do not show themselves. Findings then say what to write into
    /// which
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = PROXIES, ignore_case = true)]
    pub(super) proxy: Vec<String>,
}

/// How the report is shown.
#[derive(Args, Debug)]
pub(super) struct Show {
    /// Prints one JSON object on one line
    #[arg(long)]
    pub(super) json: bool,
}

/// The token of a receiver.
#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "the help shows no Markdown")]
pub(super) struct TokenArgument {
    /// The token that `doctor listen` printed; by default that of the variable PROXYFIX_DOCTOR_TOKEN, which other users
    /// of this machine do not see
    // clap does not parse this value: its error would repeat it.
    #[arg(long, value_name = "TOKEN")]
    pub(super) token: Option<String>,
}

fn url(text: &str) -> Result<Url, String> {
    text.parse()
}

fn resolve(text: &str) -> Result<(String, u16, IpAddr), String> {
    let mut parts = text.splitn(3, ':');
    let (host, port, address) = (parts.next(), parts.next(), parts.next());
    let read = || {
        let address = address?.trim_matches(['[', ']']).parse().ok()?;
        Some((host?.to_ascii_lowercase(), port?.parse().ok()?, address))
    };
    read().ok_or_else(|| "expected HOST:PORT:ADDRESS, such as app.example:443:10.0.0.1".to_owned())
}
