//! The listener, how many connections it takes, and how it ends.
//!
//! 1. A connection of a client may need one to a target too. So there are at most half as many as the process may have
//!    files (`ulimit -n`). Others wait in the kernel. Those that were upgraded count too: a `WebSocket`, and the tunnels of a
//!    forward proxy, which are at most half of all (`forward.rs`).
//! 2. The socket of a listener is removed at the end, unless another program has put its own there.

use std::{
    fmt, fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use proxyfix::Peer;
use proxyfix_gateway::Tunnels;
use tokio::{
    net::{TcpListener, UnixListener, UnixStream},
    signal::unix::{Signal, SignalKind, signal},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};

use super::{connection, log::Log, say, settings::Bind, table::Service};
use crate::{escape, status::Failure};

/// How long requests may take to finish once the server is told to stop. Supervisors kill after 10 s (Docker) or later.
const FINISH: Duration = Duration::from_secs(10);

/// A listener that is open.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, Socket),
}

/// A socket of ours in the file system.
pub(super) struct Socket {
    path: PathBuf,
    /// Device and inode.
    identity: Option<(u64, u64)>,
}

impl Socket {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), identity: identity(path) }
    }

    /// Rule 2.
    fn remove(&self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Rule 1. Some files are the program's own.
pub(super) fn most_connections() -> usize {
    const OWN: u64 = 32;
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let most = files.map_or(u64::MAX, |files| files.saturating_sub(OWN) / 2).max(1);
    usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}

impl Listener {
    /// Opens a listener.
    pub(super) async fn bind(bind: &Bind) -> Result<Self, Failure> {
        match bind {
            Bind::Tcp(address) => {
                let failed = |error| Failure::Usage(format!("cannot listen on {address}: {error}"));
                TcpListener::bind(address).await.map(Self::Tcp).map_err(failed)
            }
            Bind::Unix(path) => {
                let failed = |error| {
                    Failure::Usage(format!("cannot listen on unix:{}: {error}", shown(path)))
                };
                let listener = match UnixListener::bind(path) {
                    Err(error) if is_left_over(path, &error).await => {
                        fs::remove_file(path).and_then(|()| UnixListener::bind(path))
                    }
                    bound => bound,
                };
                Ok(Self::Unix(listener.map_err(failed)?, Socket::new(path)))
            }
        }
    }

    /// Whether others than this machine may reach it.
    pub(super) fn is_public(&self) -> bool {
        match self {
            Self::Tcp(listener) => {
                let address = listener.local_addr().map(|address| address.ip().to_canonical());
                !address.is_ok_and(|ip| ip.is_loopback())
            }
            Self::Unix(..) => false,
        }
    }

    /// Accepts a connection, and serves it.
    async fn accept(
        &self,
        service: &Service,
        log: &Log,
        stop: &watch::Receiver<()>,
        permit: OwnedSemaphorePermit,
    ) -> io::Result<()> {
        let (service, log, stop) = (service.clone(), log.clone(), stop.clone());
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                let peer = Peer::from(peer);
                tokio::spawn(connection::serve(stream, permit, peer, service, log, stop));
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                let peer = Peer::UNIX;
                tokio::spawn(connection::serve(stream, permit, peer, service, log, stop));
            }
        }
        Ok(())
    }
}

/// Whether a socket is in the way, and nobody listens at it any more: a program that was killed leaves its socket behind.
async fn is_left_over(path: &Path, error: &io::Error) -> bool {
    let is_socket = || fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if error.kind() != io::ErrorKind::AddrInUse || !is_socket() {
        return false;
    }
    let connected = UnixStream::connect(path).await;
    connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn shown(path: &Path) -> String {
    escape::text(path.as_os_str().as_encoded_bytes())
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => write!(f, "http://{address}/"),
                Err(error) => write!(f, "an address that is not known: {error}"),
            },
            Self::Unix(_, socket) => write!(f, "unix:{}", shown(&socket.path)),
        }
    }
}

/// The signals that stop a server.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on, these signals do not end the process by themselves.
    pub(super) fn catch() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Serves until a signal comes.
pub(super) async fn run(
    listener: Listener,
    service: &Service,
    tunnels: Option<Tunnels>,
    log: &Log,
    mut signals: Signals,
) {
    let (stop, stopped) = watch::channel(());
    tokio::select! {
        () = accept(&listener, service, log, &stopped) => {}
        () = signals.next() => {}
    }
    if let Listener::Unix(_, socket) = &listener {
        socket.remove();
    }
    drop((listener, stopped));
    // Each connection holds a receiver.
    if !stop.is_closed() || tunnels.as_ref().is_some_and(|tunnels| tunnels.open() > 0) {
        say(&format!(
            "stopping: requests may finish for {} s; a second signal ends them",
            FINISH.as_secs()
        ));
    }
    say(finish(stop, tunnels, signals.next()).await);
}

/// Waits until the connections are at their end, and says how it went.
async fn finish(
    stop: watch::Sender<()>,
    tunnels: Option<Tunnels>,
    signal: impl Future<Output = ()>,
) -> &'static str {
    let _ = stop.send(());
    let drained = async {
        match &tunnels {
            Some(tunnels) => tunnels.drain().await,
            None => true,
        }
    };
    let all = async { tokio::join!(timeout(FINISH, stop.closed()), drained) };
    tokio::select! {
        biased;
        done = all => match done {
            (Ok(()), true) => "stopped",
            _ => "stopped: some requests did not finish in time",
        },
        () = signal => "stopped: requests that were open are cut",
    }
}

/// Accepts connections for ever.
async fn accept(listener: &Listener, service: &Service, log: &Log, stop: &watch::Receiver<()>) {
    let permits = Arc::new(Semaphore::new(most_connections()));
    // The semaphore is never closed.
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        if let Err(error) = listener.accept(service, log, stop, permit).await {
            wait_after(&error).await;
        }
    }
}

/// A connection that is gone is no reason to wait. Anything else, such as too many open files, needs time.
async fn wait_after(error: &io::Error) {
    let is_gone = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !is_gone {
        say(&format!("no connection can be accepted: {error}"));
        sleep(Duration::from_secs(1)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::{sync::watch, time::Instant};

    use super::{FINISH, finish};

    #[tokio::test(start_paused = true)]
    async fn connections_have_a_limit() {
        let start = Instant::now();
        let (stop, stopped) = watch::channel(());
        assert!(finish(stop, None, pending()).await.ends_with(" in time"));
        assert!((FINISH..2 * FINISH).contains(&start.elapsed()), "{:?}", start.elapsed());
        drop(stopped);

        let (stop, mut stopped) = watch::channel(());
        tokio::spawn(async move { stopped.changed().await });
        assert_eq!(finish(stop, None, pending()).await, "stopped");

        let (stop, _stopped) = watch::channel(());
        assert!(finish(stop, None, ready(())).await.ends_with(" cut"));
        assert!(start.elapsed() < 2 * FINISH, "{:?}", start.elapsed());
    }
}
