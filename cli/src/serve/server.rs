//! The listener: HTTP/1.1 and HTTP/2 (by prior knowledge), and how it ends.

use std::{fmt, fs, io, path::PathBuf, time::Duration};

use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use proxyfix::Peer;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    signal::unix::{Signal, SignalKind, signal},
    time::{sleep, timeout},
};
use tower::{ServiceExt, service_fn};

use super::{
    log::Line,
    settings::{AccessLog, Bind},
    table::{Service, Table},
};
use crate::{escape, status::Failure};

/// How long a client may take for the head of a request: `client_header_timeout` of nginx.
const HEAD: Duration = Duration::from_secs(60);

/// How long requests may take to finish once the server is told to stop. Supervisors kill after 10 s (Docker) or later.
const FINISH: Duration = Duration::from_secs(10);

/// A listener that is open.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
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
                let name = escape::text(path.as_os_str().as_encoded_bytes());
                let failed =
                    |error| Failure::Usage(format!("cannot listen on unix:{name}: {error}"));
                let listener = UnixListener::bind(path).map_err(failed)?;
                Ok(Self::Unix(listener, path.clone()))
            }
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => write!(f, "http://{address}/"),
                Err(error) => write!(f, "an address that is not known: {error}"),
            },
            Self::Unix(_, path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Serves until a signal comes.
pub(super) async fn run(listener: Listener, table: Table, log: AccessLog) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    let graceful = GracefulShutdown::new();
    tokio::select! {
        () = accept(&listener, &table.service, log, &graceful) => {}
        () = either(&mut interrupt, &mut terminate) => {}
    }
    if let Listener::Unix(_, path) = &listener {
        let _ = fs::remove_file(path);
    }
    drop(listener);
    eprintln!(
        "stopping: requests may finish for {} s; a second signal ends them",
        FINISH.as_secs()
    );
    tokio::select! {
        done = timeout(FINISH, graceful.shutdown()) => {
            if done.is_err() {
                eprintln!("stopped: requests did not finish");
            }
        }
        () = either(&mut interrupt, &mut terminate) => {}
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Accepts connections for ever.
async fn accept(
    listener: &Listener,
    service: &Service,
    log: AccessLog,
    graceful: &GracefulShutdown,
) {
    loop {
        let accepted = match listener {
            Listener::Tcp(listener) => match listener.accept().await {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true);
                    spawn(stream, Peer::from(peer), service.clone(), log, graceful);
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Listener::Unix(listener, _) => match listener.accept().await {
                Ok((stream, _)) => {
                    spawn(stream, Peer::UNIX, service.clone(), log, graceful);
                    Ok(())
                }
                Err(error) => Err(error),
            },
        };
        if let Err(error) = accepted {
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
        eprintln!("no connection can be accepted: {error}");
        sleep(Duration::from_secs(1)).await;
    }
}

fn spawn<S>(stream: S, peer: Peer, service: Service, log: AccessLog, graceful: &GracefulShutdown)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        let line = Line::begin(&request, log);
        request.extensions_mut().insert(peer);
        let answer = service.clone().oneshot(request);
        async move {
            let response = answer.await?;
            if let Some(line) = line {
                line.end(&response);
            }
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder.http2().timer(TokioTimer::new()).enable_connect_protocol();
    let service = hyper_util::service::TowerToHyperService::new(service);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let connection = graceful.watch(connection.into_owned());
    tokio::spawn(async move {
        // A client that goes away is no error of ours.
        let _ = connection.await;
    });
}
