//! The receiver by itself, in the application's place.
//!
//! 1. It answers HTTP/1.1 and HTTP/2 without TLS, as an application behind proxies does.
//! 2. So many connections are served at once; others wait. A connection without a request for ten seconds is closed, also
//!    if it never had one. A body must come within the receiver's own limit.
//! 3. A CONNECT with the token is accepted, so that the prober sees whether a proxy opens a tunnel for it. One
//!    request is answered behind it.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use proxyfix::Peer;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{Semaphore, watch},
    time::timeout,
};
use tower_service::Service as _;

use crate::receiver::Doctor;

/// Connections that are served at once.
const CONNECTIONS: usize = 64;
/// How long a head may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a tunnel may last: the prober does not wait longer for what is behind it.
const BEHIND: Duration = Duration::from_secs(2);
/// How long a connection may last.
const LONGEST: Duration = Duration::from_secs(300);

/// Where the receiver listens.
#[derive(Debug)]
pub struct Listener(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(tokio::net::UnixListener),
}

impl Listener {
    /// Listens on this address.
    ///
    /// # Errors
    ///
    /// If the address is taken, or is not this machine's.
    pub async fn tcp(address: SocketAddr) -> io::Result<Self> {
        TcpListener::bind(address).await.map(|listener| Self(Kind::Tcp(listener)))
    }

    /// Listens on a Unix socket that every user of this machine can open: proxies run as other users, and without
    /// the token nothing is said.
    ///
    /// # Errors
    ///
    /// If the path is taken, or cannot be written.
    #[cfg(unix)]
    pub fn unix(path: &std::path::Path) -> io::Result<Self> {
        use std::{fs, os::unix::fs::PermissionsExt as _};

        let listener = tokio::net::UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
        Ok(Self(Kind::Unix(listener)))
    }

    /// The address, unless it is a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kind::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Kind::Unix(_) => None,
        }
    }

    /// Answers, until the future is dropped.
    pub async fn serve(self, doctor: Doctor) -> Infallible {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { continue };
            let doctor = doctor.clone();
            match &self.0 {
                Kind::Tcp(listener) => match listener.accept().await {
                    Ok((stream, peer)) => {
                        tokio::spawn(async move {
                            connection(stream, peer.into(), doctor).await;
                            drop(place);
                        });
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
                #[cfg(unix)]
                Kind::Unix(listener) => match listener.accept().await {
                    Ok((stream, _)) => {
                        tokio::spawn(async move {
                            connection(stream, Peer::UNIX, doctor).await;
                            drop(place);
                        });
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
            }
        }
    }
}

async fn connection<S>(stream: S, peer: Peer, doctor: Doctor)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (requests, mut open) = watch::channel(0_usize);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let mut doctor = doctor.clone();
        let requests = requests.clone();
        requests.send_modify(|open| *open = open.saturating_add(1));
        async move {
            let answer = if doctor.opens(&request) {
                tokio::spawn(behind_connect(request, peer, doctor));
                Ok(Response::new(Full::default()))
            } else {
                doctor.call(request).await
            };
            requests.send_modify(|open| *open = open.saturating_sub(1));
            answer
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(16);
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let idle = async {
        loop {
            let is_busy = *open.borrow_and_update() > 0;
            match timeout(PATIENCE, open.changed()).await {
                // The connection is at its end.
                Ok(Err(_)) => return std::future::pending().await,
                Err(_) if !is_busy => return,
                _ => {}
            }
        }
    };
    tokio::select! {
        // A client that went away is no fault of ours.
        _ = timeout(LONGEST, serving) => {}
        () = idle => {}
    }
}

/// One request behind a CONNECT: it arrives only if a proxy opened a tunnel.
async fn behind_connect(request: Request<Incoming>, peer: Peer, doctor: Doctor) {
    let Ok(stream) = hyper::upgrade::on(request).await else { return };
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        doctor.clone().call(request)
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let _ = timeout(BEHIND, builder.serve_connection(stream, service)).await;
}
