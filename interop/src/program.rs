//! How a program is started from a recipe, and always ended.
//!
//! 1. A program is data: its skeleton configuration with a place for the recipe's snippet, the texts
//!    of the snippet that stand for addresses, its command, and what it can.
//! 2. It runs in a folder of its own, in a process group of its own, which is killed when it is
//!    dropped; and dies with its parent, where `setpriv` is there to arrange that.
//! 3. It is ready when each of its sockets accepts a connection. (A free ephemeral port that is
//!    polled can connect to itself: then both ends have one address.)
//! 4. What it says is kept, and shown where it does not start.

use std::{
    env, fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use minijinja::{Environment, UndefinedBehavior};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use tempfile::TempDir;

use crate::{Context, Result};

/// A proxy, as its recipe's name has it.
#[derive(Debug)]
pub struct Program {
    /// The name of its recipe.
    pub name: &'static str,
    /// Its name in a table.
    pub title: &'static str,
    /// What must be installed: the executables, the proxy's own first.
    pub executables: &'static [&'static str],
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
    /// The commands, each of which is kept running; but those that start with `!` run to their end.
    pub commands: &'static [&'static str],
    /// What it can.
    pub can: Abilities,
}

/// What a program can.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// It ends TLS.
    pub tls: bool,
    /// It listens on IPv6, and says truly who came by it from `::1`.
    pub ipv6: bool,
    /// It reaches the application by a Unix socket.
    pub unix: bool,
    /// It speaks HTTP/2 with the client.
    pub http2: bool,
    /// It connects from its own address, and not from 127.0.0.1.
    pub source: bool,
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
    /// The address and port of what stands behind.
    pub up: String,
    /// The address alone; empty for a Unix socket.
    pub up_ip: String,
    /// The port alone; 0 for a Unix socket.
    pub up_port: u16,
    /// The snippet, once it is rendered.
    pub recipe: String,
}

/// The snippet, and how its place among other proxies changes it.
#[derive(Clone, Copy, Debug)]
pub struct Snippet<'a> {
    /// As the recipe has it. Lines with `3000` hold the address of the application.
    pub text: &'a str,
    /// What stands for those lines where the application is at `/run/app.sock`.
    pub unix: Option<&'a str>,
    /// The proxy in front, for which the recipe writes `10.0.0.2`.
    pub edge: Option<IpAddr>,
}

/// A running program.
#[derive(Debug)]
pub struct Running {
    children: Vec<Child>,
    place: Place,
    folder: TempDir,
}

impl Program {
    /// Those of its executables that are not installed.
    pub fn missing(&self) -> Vec<&'static str> {
        self.executables.iter().copied().filter(|name| find(name).is_none()).collect()
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
        let number = |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
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
        let mut failure = String::new();
        for _ in 0..3 {
            match self.try_start(snippet, site, upstream, tls) {
                Ok(running) => return Ok(running),
                Err(error) => failure = error.to_string(),
            }
        }
        Err(failure).context(format_args!("{} does not start", self.name))
    }

    fn try_start(
        &self,
        snippet: Snippet<'_>,
        site: Site,
        upstream: &Upstream,
        tls: &Path,
    ) -> Result<Running> {
        let folder = tempfile::Builder::new().prefix("proxyfix-").tempdir()?;
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
            up_ip: String::new(),
            up_port: 0,
            recipe: String::new(),
        };
        if let Upstream::Tcp(address) = upstream {
            place.up = address.to_string();
            place.up_ip = address.ip().to_string();
            place.up_port = address.port();
        }
        place.recipe = self.snippet(snippet, site, upstream, &place)?;
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
        let mut running = Running { children: Vec::new(), place, folder };
        for command in self.commands {
            running.run(command)?;
        }
        running.wait(self.can)?;
        Ok(running)
    }

    /// The snippet with the addresses of this place.
    fn snippet(
        &self,
        snippet: Snippet<'_>,
        site: Site,
        upstream: &Upstream,
        place: &Place,
    ) -> Result<String> {
        let mut text = match upstream {
            Upstream::Tcp(address) => with_address(snippet.text, *address),
            Upstream::Unix(path) => with_path(
                snippet.text,
                snippet.unix.context("the recipe has no block `unix`")?,
                &path.display().to_string(),
            ),
        };
        if let Some(edge) = snippet.edge {
            text = text.replace("10.0.0.2", &edge.to_string());
        }
        let listening = match site {
            Site::Loopback(_) => self.listening,
            Site::Host(_) => &[],
        };
        for (documented, here) in listening {
            // The inner proxies of a chain do not listen for TLS.
            let optional = documented.contains("443") || documented.contains("/etc/ssl");
            if !text.contains(documented) && !optional {
                return Err(format!("the recipe does not say `{documented}`").into());
            }
            text = text.replace(documented, &render(here, place)?);
        }
        for name in ["app.pem", "app.crt", "app.key"] {
            let path = place.tls.join(name).display().to_string();
            text = text.replace(&format!("/etc/ssl/{name}"), &path);
        }
        Ok(text)
    }
}

/// The address of the application in place of the documented one.
fn with_address(text: &str, address: SocketAddr) -> String {
    let line = |line: &str| {
        if line.contains("3000") {
            line.replace("127.0.0.1:3000", &address.to_string())
                .replace("127.0.0.1", &address.ip().to_string())
                .replace("3000", &address.port().to_string())
        } else {
            line.to_owned()
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The documented lines for a Unix socket in place of those for an address.
fn with_path(text: &str, unix: &str, path: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut replaced = false;
    for line in text.lines() {
        if !line.contains("3000") {
            lines.push(line.to_owned());
        } else if !replaced {
            let indent = line.len() - line.trim_start().len();
            let unix = unix.replace("/run/app.sock", path);
            lines.extend(unix.lines().map(|line| " ".repeat(indent) + line));
            replaced = true;
        }
    }
    lines.join("\n")
}

impl Running {
    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    fn run(&mut self, command: &str) -> Result<()> {
        let (waits, command) = match command.strip_prefix('!') {
            Some(command) => (true, command),
            None => (false, command),
        };
        let command = render(command, &self.place)?;
        let words: Vec<String> = shlex::split(&command).context("odd quotes in the command")?;
        let (name, arguments) = words.split_first().context("an empty command")?;
        let path = find(name).context(format_args!("{name} is not installed"))?;
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.place.dir.join("output.log"))?;
        let mut process = match find("setpriv") {
            Some(setpriv) => {
                let mut process = Command::new(setpriv);
                process.args(["--pdeathsig", "KILL"]).arg(path);
                process
            }
            None => Command::new(path),
        };
        process
            .args(arguments)
            .current_dir(&self.place.dir)
            .envs(["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"].map(|name| (name, &self.place.dir)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let mut child = process.spawn().context(name)?;
        if waits {
            let status = child.wait()?;
            if !status.success() {
                return Err(format!("`{command}`: {status}\n{}", self.logs()).into());
            }
        } else {
            self.children.push(child);
        }
        Ok(())
    }

    fn wait(&mut self, can: Abilities) -> Result<()> {
        let Place { ip, http, https, .. } = self.place;
        let mut sockets = vec![SocketAddr::from((ip, http))];
        // As a number of its own: 443 is also in 44312.
        let mut numbers = self.place.recipe.split(|c: char| !c.is_ascii_digit());
        if can.tls && numbers.any(|number| number == https.to_string()) {
            sockets.push(SocketAddr::from((ip, https)));
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        for socket in sockets {
            while !accepts(socket) {
                let mut ended = None;
                for child in &mut self.children {
                    ended = ended.or(child.try_wait()?);
                }
                if ended.is_some() || Instant::now() > deadline {
                    let ended = ended.map_or(String::new(), |status| format!(" ({status})"));
                    return Err(
                        format!("nothing listens on {socket}{ended}\n{}", self.logs()).into()
                    );
                }
                sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    }

    /// The last 40 lines of each of its logs.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        let Ok(entries) = fs::read_dir(self.folder.path()) else { return text };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == "log") {
                let log = fs::read(&path).unwrap_or_default();
                let log = String::from_utf8_lossy(&log);
                let lines: Vec<&str> = log.lines().collect();
                let last = lines.get(lines.len().saturating_sub(40)..).unwrap_or_default();
                text += &format!("--- {}\n{}\n", path.display(), last.join("\n"));
            }
        }
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for signal in [Signal::TERM, Signal::KILL] {
            for child in &mut self.children {
                if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                    // It may have ended already.
                    let _ = kill_process_group(group, signal);
                }
            }
            if signal == Signal::TERM {
                let deadline = Instant::now() + Duration::from_secs(2);
                let running = |child: &mut Child| matches!(child.try_wait(), Ok(None));
                while Instant::now() < deadline && self.children.iter_mut().any(running) {
                    sleep(Duration::from_millis(5));
                }
            }
        }
        for child in &mut self.children {
            let _ = child.wait();
        }
    }
}

/// An executable on the path, or where Debian has those that are not on everybody's.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn render(text: &str, place: &Place) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_keep_trailing_newline(true);
    Ok(environment.render_str(text, place)?)
}

/// Programs started by root serve as users of their own.
fn open(folder: &Path) -> Result<()> {
    Ok(fs::set_permissions(folder, fs::Permissions::from_mode(0o777))?)
}

/// A port that is free on this address and on `::1`.
fn free_port(ip: IpAddr) -> Result<u16> {
    for _ in 0..100 {
        let port = TcpListener::bind((ip, 0))?.local_addr()?.port();
        if TcpListener::bind((Ipv6Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no port is free".into())
}

fn accepts(socket: SocketAddr) -> bool {
    let from_elsewhere = |stream: TcpStream| stream.local_addr().is_ok_and(|local| local != socket);
    TcpStream::connect_timeout(&socket, Duration::from_secs(1)).is_ok_and(from_elsewhere)
}

/// The address that a program at this position is seen at by what stands behind it.
pub fn source(program: &Program, position: u8) -> IpAddr {
    let own = if program.can.source { 1 + position } else { 1 };
    Ipv4Addr::new(127, 0, 0, own).into()
}
