//! A program, and how it is started from a recipe.
//!
//! A program is data: its skeleton configuration with a place for the recipe's snippet, the texts of
//! the snippet that stand for addresses, its commands, and what it can.

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

/// A proxy, as its recipe's name has it.
#[derive(Debug)]
pub struct Program {
    /// The name of its recipe.
    pub name: &'static str,
    /// Its name in a table.
    pub title: &'static str,
    /// What must be installed: the executables, the proxy's own first.
    pub executables: &'static [&'static str],
    /// Files that must be installed too, such as modules in packages of their own.
    pub modules: &'static [&'static str],
    /// What tells its version, without the executable.
    pub version: &'static str,
    /// The files that it needs, and their texts. In these and in all other texts, `{{…}}` stands for
    /// what [`Place`] has; `{{recipe}}` for the snippet.
    pub files: &'static [(&'static str, &'static str)],
    /// Folders that it needs, open to all.
    pub folders: &'static [&'static str],
    /// Texts of the snippet, and what stands for them on a loopback device. Each must be in the
    /// snippet.
    pub listening: &'static [(&'static str, &'static str)],
    /// The same for TLS, which inner proxies do not speak: all of these must be there, or none.
    pub listening_tls: &'static [(&'static str, &'static str)],
    /// The commands, each of which is kept running. An empty one is none.
    pub commands: &'static [&'static str],
    /// What it can.
    pub can: &'static [Ability],
}

/// What a program can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// It ends TLS.
    Tls,
    /// It listens on IPv6, and says truly who came by it from `::1`.
    Ipv6,
    /// It reaches the application by a Unix socket.
    Unix,
    /// It speaks HTTP/2 with the client.
    Http2,
    /// It connects from its own address, and not from 127.0.0.1.
    Source,
    /// As an inner proxy it refuses whoever is not the proxy in front.
    Restrict,
    /// As an inner proxy it does not become an HTTP/2 connection by `Upgrade: h2c`.
    Stay,
    /// By its recipe it keeps answers that may be kept, and gives them to every client.
    Keep,
}

impl Ability {
    /// Everything but to keep answers.
    pub(crate) const ALL_BUT_KEEP: &[Self] =
        &[Self::Tls, Self::Ipv6, Self::Unix, Self::Http2, Self::Source, Self::Restrict, Self::Stay];
}

/// Where a program listens, and what it connects from.
#[derive(Clone, Copy, Debug)]
pub enum Site {
    /// Beside others on the loopback device, at this place in their row: on ports that are free there,
    /// of 127.0.0.2 for the first, and of `::1`.
    Loopback(u8),
    /// On a host of its own, as the recipe has it: on the ports 80 and 443 of all its addresses. It
    /// connects from this one.
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

/// What a program's texts can name.
#[derive(Clone, Debug, Serialize)]
pub struct Place {
    /// The folder.
    pub dir: PathBuf,
    /// Its own address, which it connects from. On the loopback device, 127.0.0.2 for the outermost,
    /// 127.0.0.3 for the next.
    pub ip: IpAddr,
    /// The port for plain HTTP; on the loopback device, on that address and on `::1`.
    pub http: u16,
    /// The port for TLS, on both.
    pub https: u16,
    /// A port for what its own processes say to each other.
    pub inner: u16,
    /// The certificate's folder.
    pub tls: PathBuf,
    /// The address and port of what stands behind; empty for a Unix socket.
    pub up: String,
    /// The snippet, once it is rendered.
    pub recipe: String,
    /// The recipe's further texts, by name.
    pub extra: BTreeMap<String, String>,
    /// Whether the lines of Debian's own configuration stand beside the snippet.
    pub debian: bool,
    /// Whether this process may do what only root may.
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

    /// The address that it is seen at, by what stands behind it, at this place in a row on the loopback
    /// device.
    pub fn source(&self, position: u8) -> IpAddr {
        let own = if self.can(Ability::Source) { 1 + position } else { 1 };
        Ipv4Addr::new(127, 0, 0, own).into()
    }

    /// Those of its executables and modules that are not installed.
    pub fn missing(&self) -> Vec<&'static str> {
        let executables = self.executables.iter().filter(|name| find(name).is_none());
        let modules = self.modules.iter().filter(|path| !Path::new(path).exists());
        executables.chain(modules).copied().collect()
    }

    /// What it says of its own version: the first number with a dot.
    ///
    /// # Errors
    ///
    /// Where it cannot be asked.
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
        version.map(str::to_owned).context(format_args!("{name} does not tell its version: {text}"))
    }

    /// Starts it, with other ports where one was taken in between.
    ///
    /// # Errors
    ///
    /// Where it does not listen within 20 s, with all that it said.
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

/// A text with what [`Place`] has in place of `{{…}}`.
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
