//! All together: one recipe, in every mode, under every request.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use proxyfix::Config;
use tempfile::TempDir;

use crate::{
    Context, Result, app, certificate,
    client::{Client, Reply},
    process::Running,
    program::{Ability, Program, Site, Upstream},
    recipe::{Family, Recipe},
    request::{self, Mode, OTHER_HOST, Request, Target, Truth},
    snippet::Snippet,
};

/// The client's IPv4 address. It is one of `loopback`, but so would an attacker's be who sits there:
/// with a count nobody asks.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The application believes the truth.
    True,
    /// The layer rejected the attacker's own request, with this error.
    Rejected(String),
    /// The proxy did not let it through: its status, or none where it hung up.
    Refused(Option<u16>),
    /// The application believes something false.
    Wrong(Vec<String>),
}

impl Verdict {
    /// The verdict on this reply.
    pub fn of(reply: Reply, truth: &Truth) -> Self {
        match reply {
            Reply::Answer(answer) => match truth.check(&answer) {
                wrong if wrong.is_empty() => Self::True,
                wrong => Self::Wrong(wrong),
            },
            Reply::Rejected(reason) => Self::Rejected(reason),
            Reply::Refused(status) => Self::Refused(status),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::True => f.write_str("true"),
            Self::Rejected(reason) => write!(f, "rejected: {reason}"),
            Self::Refused(Some(status)) => write!(f, "refused by the proxy with {status}"),
            Self::Refused(None) => f.write_str("refused by the proxy, which hung up"),
            Self::Wrong(wrong) => f.write_str(&wrong.join("; ")),
        }
    }
}

/// One cell: how the client came, what it sent, and what became of it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// How the client came.
    pub mode: Mode,
    /// What it sent.
    pub request: &'static str,
    /// Whether it was honest.
    pub honest: bool,
    /// What became of it.
    pub verdict: Verdict,
}

impl Cell {
    /// Whether it is as it should be: the truth, or for an attacker a rejection.
    pub fn passes(&self) -> bool {
        match self.verdict {
            Verdict::True => true,
            Verdict::Wrong(_) => false,
            Verdict::Rejected(_) | Verdict::Refused(_) => !self.honest,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.mode.title(), self.request, self.verdict)
    }
}

/// One proxy alone in front of the application, by its recipe for this family; none where it has no
/// recipe for it.
///
/// # Errors
///
/// Where something does not start.
pub async fn single(program: &'static Program, family: Family) -> Result<Option<Vec<Cell>>> {
    let recipe = Recipe::read(program.name)?;
    let Some(text) = recipe.snippet(&[family.word()]) else { return Ok(None) };
    let config = recipe.config(&[family.word()])?;
    let mut cells = Vec::new();

    let hops = [Hop { program, text, extra: recipe.extra(false) }];
    let setup = Setup::start(&hops, Listens::OnTcp(config)).await?;
    for mode in Mode::ALL.into_iter().filter(|mode| can(program, *mode)) {
        if mode != Mode::Unix {
            cells.extend(setup.attack(mode).await?);
        }
    }
    drop(setup);
    if program.can(Ability::Unix) {
        let unix = recipe.snippet(&["unix"]).context("the recipe has no block `unix`")?;
        let setup = Setup::start(&hops, Listens::OnUnix(config, unix)).await?;
        cells.extend(setup.attack(Mode::Unix).await?);
    }
    Ok(Some(cells))
}

/// Proxies behind each other, the outermost first, each by its recipe for its place, and this
/// configuration.
///
/// # Errors
///
/// Where something does not start, or a recipe is missing.
pub async fn chain(programs: &[&'static Program], config: &str) -> Result<Vec<Cell>> {
    let recipes =
        programs.iter().map(|program| Recipe::read(program.name)).collect::<Result<Vec<_>>>()?;
    let mut hops = Vec::new();
    for (position, (program, recipe)) in programs.iter().zip(&recipes).enumerate() {
        let words: &[&str] =
            if position == 0 { &["x-forwarded"] } else { &["x-forwarded", "inner"] };
        let text = recipe.snippet(words);
        let text = text.context(format_args!("{} has no recipe for {words:?}", program.name))?;
        hops.push(Hop { program, text, extra: recipe.extra(position != 0) });
    }
    let config = with_sources(programs, config)?;
    let setup = Setup::start(&hops, Listens::OnTcp(&config)).await?;
    let edge = programs.first().context("no proxy")?;
    let mut cells = Vec::new();
    for mode in [Mode::Plain, Mode::Tls] {
        if can(edge, mode) {
            cells.extend(setup.attack(mode).await?);
        }
    }
    Ok(cells)
}

/// An inner proxy, asked by whoever is not the proxy in front.
///
/// # Errors
///
/// Where something does not start, or the recipe is missing.
pub async fn stranger(program: &'static Program) -> Result<Vec<Cell>> {
    let recipe = Recipe::read(program.name)?;
    let words = ["x-forwarded", "inner"];
    let text = recipe.snippet(&words);
    let text = text.context(format_args!("{} has no recipe for {words:?}", program.name))?;
    let hops = [Hop { program, text, extra: recipe.extra(true) }];
    // The snippet's own `10.0.0.2` stays, which nobody has here.
    let setup = Setup::start(&hops, Listens::OnTcp("proxies=loopback for=1")).await?;
    setup.attack(Mode::Plain).await
}

/// The configuration with the addresses that these proxies connect from in place of the documented
/// 10.0.0.2, 10.0.0.3 and so on.
fn with_sources(programs: &[&Program], config: &str) -> Result<String> {
    let mut config = config.to_owned();
    for (index, program) in programs.iter().enumerate() {
        let position = u8::try_from(index + 1)?;
        let source = program.source(position).to_string();
        config = config.replace(&format!("10.0.0.{}", position + 1), &source);
    }
    Ok(config)
}

/// Whether a client can come to this program in this mode.
pub fn can(program: &Program, mode: Mode) -> bool {
    let ability = match mode {
        Mode::Plain | Mode::Http10 => return true,
        Mode::Tls => Ability::Tls,
        Mode::Ipv6 => Ability::Ipv6,
        Mode::Unix => Ability::Unix,
        Mode::Http2 => Ability::Http2,
    };
    program.can(ability)
}

/// A proxy, and what its recipe says for its place.
#[derive(Clone, Debug)]
pub struct Hop<'a> {
    /// The proxy.
    pub program: &'static Program,
    /// Its configuration.
    pub text: &'a str,
    /// The recipe's further texts, by name.
    pub extra: Vec<(&'a str, &'a str)>,
}

/// What the application listens on.
#[derive(Clone, Copy, Debug)]
pub enum Listens<'a> {
    /// A port, with this configuration of proxyfix.
    OnTcp(&'a str),
    /// A Unix socket, with this configuration, by these lines of the last proxy's recipe.
    OnUnix(&'a str, &'a str),
    /// This address: somebody else started it.
    Already(SocketAddr),
}

/// The application, and the proxies in front of it. They end when this is dropped.
#[derive(Debug)]
pub struct Setup {
    /// The outermost first, so that they end in this order.
    proxies: Vec<Running>,
    client: Client,
    _app: Option<app::App>,
    _folder: TempDir,
}

impl Setup {
    /// Starts all, innermost first.
    ///
    /// # Errors
    ///
    /// Where something does not start.
    pub async fn start(hops: &[Hop<'_>], app: Listens<'_>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("proxyfix-").tempdir()?;
        let tls = certificate::write(folder.path())?;
        let (app, mut upstream, unix) = match app {
            Listens::OnTcp(config) => {
                let config: Config = config.parse().context(config)?;
                let (app, address) = app::on_tcp(config, Ipv4Addr::LOCALHOST.into()).await?;
                (Some(app), Upstream::Tcp(address), None)
            }
            Listens::OnUnix(config, lines) => {
                let config = config.replace("proxies=loopback", "proxies=unix");
                let config: Config = config.parse().context(config)?;
                let path = folder.path().join("app.sock");
                (Some(app::on_unix(config, &path)?), Upstream::Unix(path), Some(lines))
            }
            Listens::Already(address) => (None, Upstream::Tcp(address), None),
        };
        // Programs that serve as users of their own read the certificate and reach the socket.
        open(&folder)?;
        let mut proxies = Vec::new();
        for (index, hop) in hops.iter().enumerate().rev() {
            let position = u8::try_from(index + 1)?;
            let edge = index.checked_sub(1).and_then(|edge| hops.get(edge));
            let edge = edge.map(|edge| edge.program.source(position - 1));
            let Hop { program, text, extra } = hop;
            let snippet = Snippet { text, unix, edge, extra };
            let running =
                program.start(snippet, Site::Loopback(position), &upstream, folder.path())?;
            let place = running.place();
            upstream = Upstream::Tcp(SocketAddr::from((place.ip, place.http)));
            proxies.insert(0, running);
        }
        let Upstream::Tcp(to) = upstream else { return Err("no proxy".into()) };
        Ok(Self { proxies, client: Client { from: CLIENT, to, tls }, _app: app, _folder: folder })
    }

    /// A client of the outermost proxy.
    ///
    /// # Errors
    ///
    /// Where there is no proxy.
    pub fn client(&self, mode: Mode) -> Result<Client> {
        let place = self.proxies.first().context("no proxy")?.place();
        let mut client = self.client.clone();
        client.to.set_port(if mode.is_tls() { place.https } else { place.http });
        if mode == Mode::Ipv6 {
            client.from = Ipv6Addr::LOCALHOST.into();
            client.to.set_ip(Ipv6Addr::LOCALHOST.into());
        }
        Ok(client)
    }

    /// The last lines of all logs.
    pub fn logs(&self) -> String {
        self.proxies.iter().map(Running::logs).collect()
    }

    async fn attack(&self, mode: Mode) -> Result<Vec<Cell>> {
        let cells = attack(&self.client(mode)?, mode).await;
        cells.map_err(|error| format!("{error}\n{}", self.logs()).into())
    }
}

/// Sends every request from this client in this mode, and judges the replies.
///
/// # Errors
///
/// Where no connection is made, or none answers.
pub async fn attack(client: &Client, mode: Mode) -> Result<Vec<Cell>> {
    let (_, lie) = mode.schemes();
    let mut cells = Vec::new();
    for request in request::all(lie).iter().filter(|request| request.can_come_by(mode)) {
        let reply = client.send(request, mode).await;
        let reply = reply.context(format_args!("{}, {}", mode.title(), request.name))?;
        let verdict = Verdict::of(reply, &truth(client, request, mode));
        cells.push(Cell { mode, request: request.name, honest: request.is_honest(), verdict });
    }
    Ok(cells)
}

/// What is true of this request from this client.
pub fn truth(client: &Client, request: &Request, mode: Mode) -> Truth {
    let (scheme, _) = mode.schemes();
    let authority = authority(request, mode).map(|host| (host, client.to.port()));
    Truth { client: client.from, scheme, authority }
}

/// The host that the request asks for.
fn authority(request: &Request, mode: Mode) -> Option<&'static str> {
    match (request.target, mode) {
        (_, Mode::Http10) => None,
        (Target::OtherHost, mode) if mode != Mode::Http2 => Some(OTHER_HOST),
        // Such a `Host` names none.
        _ if request.host.is_some() => None,
        _ => Some(certificate::NAME),
    }
}

fn open(folder: &TempDir) -> Result<()> {
    use std::{fs, os::unix::fs::PermissionsExt};

    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(folder.path())?.flatten() {
        let mode = if entry.file_name() == "app.sock" { 0o777 } else { 0o644 };
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}
