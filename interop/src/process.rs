//! Processes, which always end.
//!
//! 1. A program runs in a folder of its own, in process groups of its own, which are killed when it is
//!    dropped; and it dies with its parent, where `setpriv` is there to arrange that.
//! 2. It is ready when each of its sockets accepts a connection. (A free ephemeral port that is
//!    polled can connect to itself: then both ends have one address.)
//! 3. What it says is kept, and shown where it does not start.

use std::{
    env,
    fmt::Write,
    fs,
    net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::{
    Context, Result,
    program::{Place, render},
};

/// A running program.
#[derive(Debug)]
pub struct Running {
    children: Vec<Child>,
    place: Place,
    folder: TempDir,
}

impl Running {
    pub(crate) fn new(place: Place, folder: TempDir) -> Self {
        Self { children: Vec::new(), place, folder }
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Runs a command of the program: to its end, if it begins with `!`.
    pub(crate) fn run(&mut self, command: &str) -> Result<()> {
        let (waits, command) = match command.strip_prefix('!') {
            Some(command) => (true, command),
            None => (false, command),
        };
        let command = render(command, &self.place)?;
        let words: Vec<String> = shlex::split(&command).context("odd quotes in the command")?;
        let Some((name, arguments)) = words.split_first() else { return Ok(()) };
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

    /// Waits until it listens, for TLS too if it can and its texts have the port.
    pub(crate) fn wait(&mut self, tls: bool) -> Result<()> {
        let Place { ip, http, https, recipe, extra, .. } = &self.place;
        let (ip, http, https) = (*ip, *http, *https);
        let mut sockets = vec![SocketAddr::from((ip, http))];
        // As a number of its own: 443 is also in 44312.
        let speaks = |text: &String| {
            let mut numbers = text.split(|c: char| !c.is_ascii_digit());
            numbers.any(|number| number == https.to_string())
        };
        if tls && extra.values().chain([recipe]).any(speaks) {
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
                let _ = writeln!(text, "--- {}\n{}", path.display(), last.join("\n"));
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
    let folders =
        env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Programs started by root serve as users of their own.
pub(crate) fn open(folder: &Path) -> Result<()> {
    Ok(fs::set_permissions(folder, fs::Permissions::from_mode(0o777))?)
}

/// A port that is free on this address and on `::1`.
pub(crate) fn free_port(ip: IpAddr) -> Result<u16> {
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
