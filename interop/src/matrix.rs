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
    program::{Abilities, Program, Running, Site, Snippet, Upstream, source},
    recipe::{Family, Recipe},
    request::{self, Mode, OTHER_HOST, Request, Target, Truth},
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
        write!(f, "{}, {}: ", self.mode.title(), self.request)?;
        match &self.verdict {
            Verdict::True => f.write_str("true"),
            Verdict::Rejected(reason) => write!(f, "rejected: {reason}"),
            Verdict::Refused(Some(status)) => write!(f, "refused by the proxy with {status}"),
            Verdict::Refused(None) => f.write_str("refused by the proxy, which hung up"),
            Verdict::Wrong(wrong) => f.write_str(&wrong.join("; ")),
        }
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

    let setup = Setup::start(&[(program, text)], config, None).await?;
    for mode in Mode::ALL.into_iter().filter(|mode| can(program.can, *mode)) {
        if mode != Mode::Unix {
            cells.extend(setup.attack(mode).await?);
        }
    }
    drop(setup);
    if program.can.unix {
        let unix = recipe.snippet(&["unix"]);
        let setup = Setup::start(&[(program, text)], config, Some(unix)).await?;
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
        let words: &[&str] = if position == 0 { &["x-forwarded"] } else { &["x-forwarded", "inner"] };
        let text = recipe.snippet(words);
        hops.push((
            *program,
            text.context(format_args!("{} has no recipe for {words:?}", program.name))?,
        ));
    }
    let setup = Setup::start(&hops, config, None).await?;
    let edge = programs.first().context("no proxy")?;
    let mut cells = Vec::new();
    for mode in [Mode::Plain, Mode::Tls] {
        if can(edge.can, mode) {
            cells.extend(setup.attack(mode).await?);
        }
    }
    Ok(cells)
}

/// Whether a client can come to such a program in this mode.
pub fn can(can: Abilities, mode: Mode) -> bool {
    match mode {
        Mode::Plain | Mode::Http10 => true,
        Mode::Tls => can.tls,
        Mode::Ipv6 => can.ipv6,
        Mode::Unix => can.unix,
        Mode::Http2 => can.http2,
    }
}

/// The application, and the proxies in front of it.
struct Setup {
    /// The outermost first, so that they end in this order.
    proxies: Vec<Running>,
    client: Client,
    _app: app::App,
    _folder: TempDir,
}

impl Setup {
    /// Starts all, innermost first. With `unix` the last proxy reaches the application by a Unix
    /// socket, by these lines of its recipe.
    async fn start(
        hops: &[(&'static Program, &str)],
        config: &str,
        unix: Option<Option<&str>>,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("proxyfix-").tempdir()?;
        let tls = certificate::write(folder.path())?;
        let (app, mut upstream) = match unix {
            None => {
                let config: Config = config.parse().context(config)?;
                let (app, address) = app::on_tcp(config, Ipv4Addr::LOCALHOST.into()).await?;
                (app, Upstream::Tcp(address))
            }
            Some(_) => {
                let config = config.replace("proxies=loopback", "proxies=unix");
                let config: Config = config.parse().context(config)?;
                let path = folder.path().join("app.sock");
                (app::on_unix(config, &path)?, Upstream::Unix(path))
            }
        };
        // Programs that serve as users of their own read the certificate and reach the socket.
        open(&folder)?;
        let mut proxies = Vec::new();
        for (index, (program, text)) in hops.iter().enumerate().rev() {
            let position = u8::try_from(index + 1)?;
            let edge = index.checked_sub(1).and_then(|edge| hops.get(edge));
            let edge = edge.map(|(edge, _)| source(edge, position - 1));
            let snippet = Snippet { text, unix: unix.flatten(), edge };
            let running =
                program.start(snippet, Site::Loopback(position), &upstream, folder.path())?;
            let place = running.place();
            upstream = Upstream::Tcp(SocketAddr::from((place.ip, place.http)));
            proxies.insert(0, running);
        }
        let Upstream::Tcp(to) = upstream else { return Err("no proxy".into()) };
        Ok(Self { proxies, client: Client { from: CLIENT, to, tls }, _app: app, _folder: folder })
    }

    async fn attack(&self, mode: Mode) -> Result<Vec<Cell>> {
        let place = self.proxies.first().context("no proxy")?.place();
        let mut client = self.client.clone();
        client.to.set_port(if mode.is_tls() { place.https } else { place.http });
        if mode == Mode::Ipv6 {
            client.from = Ipv6Addr::LOCALHOST.into();
            client.to.set_ip(Ipv6Addr::LOCALHOST.into());
        }
        attack(&client, mode).await.map_err(|error| {
            let logs: Vec<String> = self.proxies.iter().map(Running::logs).collect();
            format!("{error}\n{}", logs.concat()).into()
        })
    }
}

/// Sends every request from this client in this mode, and judges the replies.
///
/// # Errors
///
/// Where no connection is made, or none answers.
pub async fn attack(client: &Client, mode: Mode) -> Result<Vec<Cell>> {
    let (scheme, lie) = mode.schemes();
    let mut cells = Vec::new();
    for request in request::all(lie).iter().filter(|request| request.can_come_by(mode)) {
        let reply = client.send(request, mode).await;
        let reply = reply.context(format_args!("{}, {}", mode.title(), request.name))?;
        let truth = Truth {
            client: client.from,
            scheme,
            authority: authority(request, mode).map(|host| (host, client.to.port())),
        };
        let verdict = match reply {
            Reply::Answer(answer) => match truth.check(&answer) {
                wrong if wrong.is_empty() => Verdict::True,
                wrong => Verdict::Wrong(wrong),
            },
            Reply::Rejected(reason) => Verdict::Rejected(reason),
            Reply::Refused(status) => Verdict::Refused(status),
        };
        cells.push(Cell { mode, request: request.name, honest: request.is_honest(), verdict });
    }
    Ok(cells)
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
