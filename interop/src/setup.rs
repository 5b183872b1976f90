//! The application and the proxies in front of it, on the loopback device.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use proxyfix::Config;
use tempfile::TempDir;

use crate::{
    Context, Result, app,
    arrived::Arrives,
    certificate,
    client::Client,
    process::{Running, folder},
    program::{Ability, Program, Site, Upstream},
    recipe::Recipe,
    request::Mode,
    snippet::Snippet,
};

/// The client's IPv4 address. It is in `loopback`, as the address of an attacker on this machine would be.
/// With a count, nobody checks whether a client's address is a proxy's.
pub const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

/// A proxy, and what its recipe says about its place.
#[derive(Clone, Debug)]
pub struct Hop<'a> {
    /// The proxy.
    pub program: &'static Program,
    /// Its configuration.
    pub text: &'a str,
    /// The recipe's further texts, by name.
    pub extra: Vec<(&'a str, &'a str)>,
    /// Whether it goes into Debian's configuration.
    pub debian: bool,
}

impl<'a> Hop<'a> {
    /// A proxy with the block of its recipe that has these words. With `inner`, it is behind another one.
    ///
    /// # Errors
    ///
    /// If the recipe has no such block.
    pub fn new(program: &'static Program, recipe: &'a Recipe, words: &[&str]) -> Result<Self> {
        let extra = recipe.extra(words.contains(&"inner"));
        Ok(Self { program, text: recipe.required(words)?, extra, debian: false })
    }
}

/// What the application listens on.
#[derive(Clone, Copy, Debug)]
pub enum Listens<'a> {
    /// A port, with this configuration of proxyfix.
    OnTcp(&'a str),
    /// A Unix socket, with this configuration and these lines of the last proxy's recipe.
    OnUnix(&'a str, &'a str),
    /// A Unix socket, for a proxy that connects from inside the folder of the socket (`chroot`).
    OnUnixInside(&'a str, &'a str),
    /// This address. The application is already running.
    Already(SocketAddr),
}

/// The application, and the proxies in front of it. They end when this is dropped.
#[derive(Debug)]
pub struct Setup {
    /// The outermost first, so that they end in this order.
    proxies: Vec<Running>,
    client: Client,
    keeps: bool,
    _app: Option<app::App>,
    _folder: TempDir,
}

impl Setup {
    /// Starts all, the innermost first.
    ///
    /// # Errors
    ///
    /// If something does not start.
    pub async fn start(hops: &[Hop<'_>], app: Listens<'_>) -> Result<Self> {
        let folder = folder()?;
        let tls = certificate::write(folder.path())?;
        // Programs that serve as other users must read the certificate and reach the socket.
        open(&folder)?;
        let (app, mut upstream, unix) = match app {
            Listens::OnTcp(config) => {
                let config: Config = config.parse().context(config)?;
                let (app, address) = app::on_tcp(config, Ipv4Addr::LOCALHOST.into()).await?;
                (Some(app), Upstream::Tcp(address), None)
            }
            Listens::OnUnix(config, lines) | Listens::OnUnixInside(config, lines) => {
                let config = config.replace("proxies=loopback", "proxies=unix");
                let config: Config = config.parse().context(config)?;
                let path = folder.path().join("app.sock");
                let mut here = path.clone();
                if matches!(app, Listens::OnUnixInside(..)) {
                    // The same path, as seen from inside.
                    here = folder.path().join(path.strip_prefix("/")?);
                    fs::create_dir_all(here.parent().context("no folder")?)?;
                }
                (Some(app::on_unix(config, &here)?), Upstream::Unix(path), Some(lines))
            }
            Listens::Already(address) => (None, Upstream::Tcp(address), None),
        };
        let mut proxies = Vec::new();
        let mut own = Vec::new();
        if let Upstream::Tcp(address) = upstream {
            own.push(address);
        }
        for (index, hop) in hops.iter().enumerate().rev() {
            let position = u8::try_from(index + 1)?;
            let edge = index.checked_sub(1).and_then(|edge| hops.get(edge));
            let edge = edge.map(|edge| edge.program.source(position - 1));
            let Hop { program, text, extra, debian } = hop;
            let snippet = Snippet { text, unix, edge, extra, debian: *debian };
            let running =
                program.start(snippet, Site::Loopback(position), &upstream, folder.path())?;
            let place = running.place();
            upstream = Upstream::Tcp(SocketAddr::from((place.ip, place.http)));
            own.extend(place.sockets());
            proxies.insert(0, running);
        }
        let Upstream::Tcp(to) = upstream else { return Err("no proxy".into()) };
        let client = Client { from: CLIENT, to, tls, own, arrives: Arrives::default() };
        let keeps = hops.iter().any(|hop| hop.program.can(Ability::Keep));
        Ok(Self { proxies, client, keeps, _app: app, _folder: folder })
    }

    /// Makes a client of the outermost proxy.
    ///
    /// # Errors
    ///
    /// If there is no proxy.
    pub fn client(&self, mode: Mode) -> Result<Client> {
        let place = self.proxies.first().context("no proxy")?.place();
        let mut client = self.client.clone();
        client.to.set_port(if mode.is_tls() { place.https } else { place.http });
        if mode.is_ipv6() {
            client.from = Ipv6Addr::LOCALHOST.into();
            client.to.set_ip(Ipv6Addr::LOCALHOST.into());
        }
        Ok(client)
    }

    /// The additional port that the skeleton of the outermost proxy opens.
    ///
    /// # Errors
    ///
    /// If there is no proxy.
    pub fn further(&self) -> Result<SocketAddr> {
        let place = self.proxies.first().context("no proxy")?.place();
        Ok((place.ip, place.inner).into())
    }

    /// Whether one of the proxies keeps answers and gives them to every client.
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// The last lines of all logs.
    pub fn logs(&self) -> String {
        self.proxies.iter().map(Running::logs).collect()
    }
}

fn open(folder: &TempDir) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(folder.path())?.flatten() {
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}
