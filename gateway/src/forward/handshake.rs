//! How a tunnel begins (RFC 8446 §4.1.2, RFC 6066 §3).
//!
//! 1. The first byte tells: 0x16 begins a handshake of TLS, anything else is HTTP without TLS. No port decides.
//! 2. The name in the handshake (SNI) must be the host of the CONNECT, unless that is an address: then the name says
//!    which host is meant, unless it is one that this proxy answers itself: those are asked for by CONNECT alone. Without a
//!    name, the host of the CONNECT is meant. A handshake for another name is refused.
//! 3. The leaf is for the host that is meant.
//! 4. All of this has one deadline, the limit `handshake`. What fails here is closed; nothing of it is read as a
//!    request.

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use proxyfix::Scheme;
use rustls::server::Acceptor;
use tokio::io::AsyncReadExt as _;
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::{
    ca::leaves::refusing,
    front::Front,
    host::{Host, Origin},
    stream::Held,
};
use crate::common::failure::{Failure, FailureKind};

/// The content type of a TLS record that has a handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 0x16;

/// The bytes of a tunnel.
pub(super) type Stream = Held<TokioIo<Upgraded>>;

/// A tunnel that has begun.
pub(super) enum Opened {
    Plain(Box<Stream>, Origin),
    Tls(Box<TlsStream<Stream>>, Origin),
}

/// The host and the port of a CONNECT.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) host: Host,
    pub(super) port: u16,
}

/// Begins a tunnel. `hold` makes its bytes of the connection.
pub(super) async fn open(
    front: &Front,
    asked: &Asked,
    upgrade: OnUpgrade,
    hold: impl FnOnce(TokioIo<Upgraded>) -> Stream,
) -> Result<Opened, Failure> {
    let broken = |error: std::io::Error| {
        Failure::new(FailureKind::ClientBody, "the tunnel broke off").with_source(error)
    };
    let upgraded = upgrade
        .await
        .map_err(|error| Failure::new(FailureKind::ClientBody, "no tunnel").with_source(error))?;
    let mut stream = hold(TokioIo::new(upgraded));
    let first = stream.read_u8().await.map_err(broken)?;
    stream.unread(first);
    let origin = |scheme, host: Host| Origin { scheme, host, port: asked.port };
    if first != HANDSHAKE {
        return Ok(Opened::Plain(Box::new(stream), origin(Scheme::Http, asked.host.clone())));
    }
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await.map_err(broken)?;
    let meant = meant(&asked.host, hello.client_hello().server_name());
    let Some(host) = meant.filter(|host| *host == asked.host || !front.answers(host, &asked.host))
    else {
        if let Some(config) = refusing() {
            // It fails, and tells the client so.
            let _ = hello.into_stream(config).await;
        }
        return Err(Failure::new(FailureKind::Misdirected, "another name in the TLS handshake"));
    };
    let config = front.leaves.config(&host).await?;
    let stream = hello.into_stream(config).await.map_err(broken)?;
    Ok(Opened::Tls(Box::new(stream), origin(Scheme::Https, host)))
}

/// Rule 2.
fn meant(asked: &Host, named: Option<&str>) -> Option<Host> {
    let Some(named) = named else { return Some(asked.clone()) };
    let named = Host::parse(named)?;
    (matches!(asked, Host::Address(_)) || *asked == named).then_some(named)
}
