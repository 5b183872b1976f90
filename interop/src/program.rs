//! A program, and how it is started from a recipe.
//!
//! A program is data: its skeleton configuration with a place for the recipe's snippet, the texts in the
//! snippet that contain addresses, its commands, and its abilities.

use std::{
    collections::BTreeMap,
    env, fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
};

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use crate::{
    Context, Result,
    process::{self, Running, find, free_port, open},
    snippet::{self, Snippet},
};

/// A proxy that has a recipe.
#[derive(Debug)]
pub struct Program {
    /// The name of its recipe.
    pub name: &'static str,
    /// Its name in a table.
    pub title: &'static str,
    /// What must be installed: the executables, the proxy's own first.
    pub executables: &'static [&'static str],
    /// Files that must be installed too, such as modules in separate packages.
    pub modules: &'static [&'static str],
    /// The argument that makes it print its version.
    pub version: &'static str,
    /// The files that it needs, and their texts. In these and in all other texts, `{{…}}` is replaced by
    /// the field of [`Place`], and `{{recipe}}` by the snippet.
    pub files: &'static [(&'static str, &'static str)],
    /// Folders that it needs, open to all.
    pub folders: &'static [&'static str],
    /// Texts in the snippet, and what replaces them on a loopback device. Each must be in the snippet.
    pub listening: &'static [(&'static str, &'static str)],
    /// The same for TLS. Inner proxies do not speak TLS, so either all or none must be in the snippet.
    pub listening_tls: &'static [(&'static str, &'static str)],
    /// The commands. Each keeps running. An empty one is skipped.
    pub commands: &'static [&'static str],
    /// What it can do.
    pub can: &'static [Ability],
}

/// What a program can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// It terminates TLS.
    Tls,
    /// It listens on IPv6, and reports a client from `::1` truly.
    Ipv6,
    /// It reaches the application over a Unix socket.
    Unix,
    /// It speaks HTTP/2 with the client.
    Http2,
    /// It connects from its own address instead of 127.0.0.1.
    Source,
    /// As an inner proxy it refuses everyone except the proxy in front.
    Restrict,
    /// As an inner proxy it does not accept an upgrade to HTTP/2 by `Upgrade: h2c`.
    Stay,
    /// With its recipe it keeps answers that may be kept, and gives them to every client.
    Keep,
}

impl Ability {
    /// Every ability except keeping answers.
    pub(crate) const ALL_BUT_KEEP: &[Self] =
        &[Self::Tls, Self::Ipv6, Self::Unix, Self::Http2, Self::Source, Self::Restrict, Self::Stay];
}

/// Where a program listens, and what it connects from.
#[derive(Clone, Copy, Debug)]
pub enum Site {
    /// On the loopback device, at this position in the row of proxies. It listens on free ports, of
    /// 127.0.0.2 for the first proxy, and of `::1`.
    Loopback(u8),
    /// On its own host, as the recipe says: on the ports 80 and 443 of all addresses. It connects from
    /// this address.
    Host(IpAddr),
}

/// Where the application is, or the next proxy.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// At this address.
    Tcp(SocketAddr),
    /// At this path.
    Unix(PathBuf),
}

/// The values that a program's texts can use.
#[derive(Clone, Debug, Serialize)]
pub struct Place {
    /// The program's folder.
    pub dir: PathBuf,
    /// The address that it connects from. On the loopback device this is 127.0.0.2 for the outermost
    /// proxy, 127.0.0.3 for the next, and so on.
    pub ip: IpAddr,
    /// The port for plain HTTP. On the loopback device it is on that address and on `::1`.
    pub http: u16,
    /// The port for TLS, on the same addresses.
    pub https: u16,
    /// A port on which its own processes talk to each other.
    pub inner: u16,
    /// The certificate's folder.
    pub tls: PathBuf,
    /// The address and port of the upstream. Empty for a Unix socket.
    pub up: String,
    /// The rendered snippet.
    pub recipe: String,
    /// The recipe's further texts, by name.
    pub extra: BTreeMap<String, String>,
    /// Whether the lines of Debian's own configuration are added to the snippet.
    pub debian: bool,
    /// Whether this process runs as root.
    pub root: bool,
}

impl Place {
    /// Its sockets for plain HTTP and for TLS.
    pub fn sockets(&self) -> [SocketAddr; 2] {
        [self.http, self.https].map(|port| (self.ip, port).into())
    }
}

impl Program {
    /// Whether it can do this.
    pub fn can(&self, ability: Ability) -> bool {
        self.can.contains(&ability)
    }

    /// The address that its upstream sees, if it has this position in a row on the loopback device.
    pub fn source(&self, position: u8) -> IpAddr {
        let own = if self.can(Ability::Source) { 1 + position } else { 1 };
        Ipv4Addr::new(127, 0, 0, own).into()
    }

    /// The executables and modules that it needs and that are not installed.
    pub fn missing(&self) -> Vec<&'static str> {
        let executables = self.executables.iter().filter(|name| find(name).is_none());
        let modules = self.modules.iter().filter(|path| !Path::new(path).exists());
        executables.chain(modules).copied().collect()
    }

    /// The version that it prints: the first number with a dot.
    ///
    /// # Errors
    ///
    /// If it cannot be run, or prints no version.
    pub fn version(&self) -> Result<String> {
        let name = self.executables.first().context("a program without executable")?;
        let path = find(name).context(format_args!("{name} is not installed"))?;
        let output = Command::new(path).arg(self.version).output().context(name)?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let number =
            |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
        let words = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
        let version = words.map(|word| word.trim_matches('.')).find(number);
        version
            .map(str::to_owned)
            .context(format_args!("{name} does not print its version: {text}"))
    }

    /// Starts it. If another program took one of its ports meanwhile, it tries again with other ports.
    ///
    /// # Errors
    ///
    /// If it does not listen within 20 s. The error has its output.
    pub fn start(
        &self,
        snippet: Snippet<'_>,
        site: Site,
        upstream: &Upstream,
        tls: &Path,
    ) -> Result<Running> {
        let once = || -> Result<Running> {
            let folder = process::folder()?;
            open(folder.path())?;
            let (ip, http, https) = match site {
                Site::Loopback(position) => {
                    let ip = Ipv4Addr::new(127, 0, 0, 1 + position).into();
                    (ip, free_port(ip)?, free_port(ip)?)
                }
                Site::Host(ip) => (ip, 80, 443),
            };
            let mut place = Place {
                dir: folder.path().to_owned(),
                ip,
                http,
                https,
                inner: free_port(ip)?,
                tls: tls.to_owned(),
                up: String::new(),
                recipe: String::new(),
                extra: BTreeMap::new(),
                debian: snippet.debian,
                root: rustix::process::geteuid().is_root(),
            };
            if let Upstream::Tcp(address) = upstream {
                place.up = address.to_string();
            }
            (place.recipe, place.extra) = snippet::place(self, snippet, site, upstream, &place)?;
            for name in self.folders {
                let path = place.dir.join(name);
                fs::create_dir_all(&path)?;
                open(&path)?;
            }
            for (name, text) in self.files {
                let path = place.dir.join(name);
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent)?;
                }
                fs::write(path, render(text, &place).context(name)?)?;
            }
            let mut running = Running::new(place, folder);
            for command in self.commands {
                running.run(command)?;
            }
            running.wait()?;
            Ok(running)
        };
        let mut failure = String::new();
        for _ in 0..3 {
            match once() {
                Ok(running) => return Ok(running),
                Err(error) => failure = error.to_string(),
            }
        }
        Err(failure).context(format_args!("{} does not start", self.name))
    }
}

/// Replaces each `{{…}}` in a text with the field of [`Place`].
pub(crate) fn render(text: &str, place: &Place) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_keep_trailing_newline(true);
    Ok(environment.render_str(text, place)?)
}

/// Whether a program that is not installed is an error: with `INTEROP_ALL_PROXIES=1`.
pub fn all_must_be_there() -> bool {
    env::var_os("INTEROP_ALL_PROXIES").is_some_and(|value| value == "1")
}
