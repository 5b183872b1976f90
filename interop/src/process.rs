//! Processes that always end.
//!
//! 1. A program runs in its own folder and in its own process groups, which are killed when it is
//!    dropped.
//! 2. If this process is killed, all programs die with it. Each command has a PID namespace. Its first
//!    process dies with its parent, and then the kernel kills the others, no matter which user they have
//!    become. This needs `setpriv` and `unshare`, and root or user namespaces. Without them, only
//!    programs die that do not fork and stay the same user.
//! 3. A folder's name has the number of its process and of the namespace in which the process has that
//!    number. The next process in that namespace that makes a folder deletes the folders of processes
//!    that have ended.
//! 4. A program is ready when each of its sockets accepts a connection. (If a free ephemeral port is
//!    polled, a socket can connect to itself: then both ends have the same address.)
//! 5. Its output is kept, and shown if it does not start.

use std::{
    env,
    fmt::Write,
    fs,
    net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Once, OnceLock},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::{
    Context, Result,
    program::{Place, render},
    snippet::is_word_of,
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

    /// Where the program is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Runs a command of the program.
    pub(crate) fn run(&mut self, command: &str) -> Result<()> {
        let command = render(command, &self.place)?;
        let words: Vec<String> = shlex::split(&command).context("odd quotes in the command")?;
        let Some((name, arguments)) = words.split_first() else { return Ok(()) };
        let path = find(name).context(format_args!("{name} is not installed"))?;
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.place.dir.join("output.log"))?;
        let child = mortal(&path)
            .args(arguments)
            .current_dir(&self.place.dir)
            .envs(["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"].map(|name| (name, &self.place.dir)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .context(name)?;
        self.children.push(child);
        Ok(())
    }

    /// Waits until it listens for plain HTTP, and on each other socket that its texts name.
    pub(crate) fn wait(&mut self) -> Result<()> {
        let Place { ip, http, https, recipe, extra, .. } = &self.place;
        let speaks = |word: &str| extra.values().chain([recipe]).any(|text| is_word_of(word, text));
        let mut ips = vec![*ip];
        if ip.is_loopback() && speaks("::1") {
            ips.push(Ipv6Addr::LOCALHOST.into());
        }
        let mut ports = vec![*http];
        if speaks(&https.to_string()) {
            ports.push(*https);
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        for socket in ips.iter().flat_map(|ip| ports.iter().map(|port| (*ip, *port).into())) {
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
                    // The group may have ended already.
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

/// Finds an executable on the `PATH`, or in the folders that Debian does not put on every user's `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders =
        env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A command for this executable. It dies with this process, and so does everything that it forks, as far
/// as that can be arranged here.
fn mortal(path: &Path) -> Command {
    static BEFORE: OnceLock<Vec<&str>> = OnceLock::new();

    let before = BEFORE.get_or_init(|| {
        let parent = ["setpriv", "--pdeathsig", "KILL"];
        let space = ["unshare", "--pid", "--fork", "--kill-child"];
        // The first process of the namespace. It keeps its user, so it still dies with its parent.
        let first = ["sh", "-c", "\"$@\"; exit $?", "sh"];
        let user = ["--user", "--map-current-user"];
        let ways = [
            [&parent[..], &space, &first].concat(),
            [&parent[..], &space, &user, &first].concat(),
            parent.to_vec(),
        ];
        ways.into_iter().find(|way| works(way)).unwrap_or_default()
    });
    match before.split_first() {
        Some((name, rest)) => {
            let mut command = Command::new(name);
            command.args(rest).arg(path);
            command
        }
        None => Command::new(path),
    }
}

/// Whether these words work in front of a command.
fn works(words: &[&str]) -> bool {
    let Some((name, rest)) = words.split_first() else { return false };
    let status = Command::new(name).args(rest).arg("true").stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The start of the name of a folder or a host. After it come this process's namespace and number, each
/// followed by a `-`.
const PREFIX: &str = "proxyfix-";

/// The start of a name for something that ends with this process.
pub(crate) fn own_name() -> String {
    format!("{PREFIX}{}-{}-", own_namespace().unwrap_or_default(), std::process::id())
}

/// The number of the namespace in which this process has its process number. In another namespace, such as
/// a container's, another process may have the same number, or none.
fn own_namespace() -> Option<String> {
    let link = fs::read_link("/proc/self/ns/pid").ok()?;
    let number = link.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?;
    Some(number.to_owned())
}

/// Whether [`own_name`] made this name in a process of this namespace that has ended.
pub(crate) fn is_orphan(name: &str) -> bool {
    let Some(own) = own_namespace() else { return false };
    let rest = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix(&own));
    let process = rest.and_then(|rest| rest.strip_prefix('-')?.split_once('-'));
    let process = process.and_then(|(process, _)| process.parse::<u32>().ok());
    process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists())
}

/// Makes a folder that is deleted when this process ends.
///
/// # Errors
///
/// If no folder can be made.
pub fn folder() -> Result<TempDir> {
    static SWEEP: Once = Once::new();

    SWEEP.call_once(|| {
        for entry in fs::read_dir(env::temp_dir()).into_iter().flatten().flatten() {
            if is_orphan(&entry.file_name().to_string_lossy()) {
                // It may belong to another user, or another process may be deleting it too.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    });
    Ok(tempfile::Builder::new().prefix(&own_name()).tempdir()?)
}

/// Opens the folder to all: programs that root starts serve as other users.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orphans() {
        assert!(!is_orphan(&own_name()));
        // No process can have this number.
        let own = own_namespace().unwrap();
        assert!(is_orphan(&format!("proxyfix-{own}-4294967295-abc")));
        for other in [
            // In another namespace, a process may have this number.
            "proxyfix-1-4294967295-abc",
            &format!("proxyfix-{own}0-4294967295-abc"),
            "proxyfix-4294967295-abc",
            &format!("proxyfix-{own}-1-abc"),
            &format!("proxyfix-{own}-x-y"),
            &format!("proxyfix-{own}"),
            "proxyfix-",
            &format!("other-{own}-4294967295-abc"),
        ] {
            assert!(!is_orphan(other), "{other}");
        }
    }
}
