//! A real nginx as a child process, with everything it writes in a temporary folder.

use std::{
    env, fs,
    net::{IpAddr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, time::sleep};

use crate::{
    error::{Context, Result},
    folder::Folder,
};

/// Places where nginx may be that are not on an ordinary user's PATH.
const ELSEWHERE: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/bin"];

/// Long enough for a machine under load.
const START: Duration = Duration::from_secs(10);

/// A running nginx, stopped when dropped.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    process: Child,
    folder: Folder,
}

/// Looks for the program.
pub(crate) fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let name = format!("nginx{}", env::consts::EXE_SUFFIX);
    env::split_paths(&path)
        .chain(ELSEWHERE.map(PathBuf::from))
        .map(|folder| folder.join(&name))
        .find(|program| program.is_file())
}

/// Asks the program for its name and version, such as `nginx/1.22.1`.
pub(crate) fn version(program: &Path) -> Result<String> {
    let output = Command::new(program).arg("-v").output().context("cannot run nginx")?;
    let text = String::from_utf8_lossy(&output.stderr);
    Ok(text.trim().trim_start_matches("nginx version: ").to_owned())
}

/// The configuration with its placeholders filled in.
fn configuration(listen: SocketAddr, app: SocketAddr, from: IpAddr) -> String {
    include_str!("nginx.conf")
        .replace("@LISTEN@", &listen.to_string())
        .replace("@APP@", &app.to_string())
        .replace("@FROM@", &from.to_string())
}

/// The location block of the configuration: what a proxy has to do.
pub(crate) fn location(app: SocketAddr) -> String {
    let lines = include_str!("nginx.conf").lines().filter_map(|line| line.strip_prefix("        "));
    let block = lines.skip_while(|line| !line.starts_with("location"));
    let mut text = String::new();
    for line in block {
        text = text + line + "\n";
        if line == "}" {
            break;
        }
    }
    text.replace("@APP@", &app.to_string())
}

impl Nginx {
    /// Starts it on a free port. It connects to the application from another address.
    pub(crate) async fn start(program: &Path, app: SocketAddr, from: IpAddr) -> Result<Self> {
        for _ in 0..5 {
            let mut nginx = Self::spawn(program, app, from)?;
            match nginx.wait_until_ready().await {
                Ok(()) => return Ok(nginx),
                // Another program took the port first.
                Err(_) if nginx.log().contains("Address already in use") => {}
                Err(error) => return Err(format!("{error}\n{}", nginx.log()).trim_end().into()),
            }
        }
        Err("nginx found no free port".into())
    }

    /// The folder with its configuration.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn spawn(program: &Path, app: SocketAddr, from: IpAddr) -> Result<Self> {
        let folder = Folder::new().context("cannot make a temporary folder")?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration(address, app, from)).context("cannot configure nginx")?;
        let log = fs::File::create(folder.path().join("error.log"))?;
        let process = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&file)
            .args(["-e", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start nginx")?;
        Ok(Self { address, process, folder })
    }

    /// nginx writes its pid file once it has the port. After that it must answer there.
    async fn wait_until_ready(&mut self) -> Result<()> {
        let give_up = Instant::now() + START;
        while Instant::now() < give_up {
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("nginx ended with {status}").into());
            }
            if self.folder().join("nginx.pid").exists() && self.answers().await {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err(format!("nginx did not answer within {START:?}").into())
    }

    async fn answers(&self) -> bool {
        let Ok(stream) = TcpStream::connect(self.address).await else { return false };
        // If nobody listens on a port of the ephemeral range, a socket can connect to itself.
        stream.local_addr().is_ok_and(|local| local != self.address)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail only if nginx has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
