//! The requests, and how they are sent.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::http::{Request, StatusCode, header::HOST};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpSocket, time::timeout};

use crate::{
    answer::Answer,
    error::{Context, Result},
};

/// What a request lies about. The table shows what each reader believes about it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    Client,
    Scheme,
    Host,
}

impl Aim {
    /// The header in the X-Forwarded family.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Client => "x-forwarded-for",
            Self::Scheme => "x-forwarded-proto",
            Self::Host => "x-forwarded-host",
        }
    }

    /// The parameter in `Forwarded`.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Client => "for",
            Self::Scheme => "proto",
            Self::Host => "host",
        }
    }
}

/// A request, described by the field lines that it adds.
#[derive(Debug)]
pub(crate) struct Attack {
    pub(crate) aim: Aim,
    pub(crate) lines: Vec<(&'static str, String)>,
}

/// One honest request, then the lies: the client is 198.51.100.7, the host is evil.example.
pub(crate) fn all() -> Vec<Attack> {
    let attack = |aim, lines: &[(&'static str, &str)]| Attack {
        aim,
        lines: lines.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
    };
    let xff = "X-Forwarded-For";
    let long = "198.51.100.7, ".repeat(64 * 1024 / 14) + "198.51.100.7";
    vec![
        attack(Aim::Client, &[]),
        attack(Aim::Client, &[(xff, "198.51.100.7")]),
        attack(Aim::Client, &[(xff, "198.51.100.7"), (xff, "198.51.100.8")]),
        attack(Aim::Client, &[(xff, &long)]),
        attack(Aim::Client, &[(xff, "\"198.51.100.7")]),
        attack(Aim::Client, &[(xff, "127.0.0.1")]),
        attack(Aim::Client, &[(xff, "198.51.100.7"), ("Connection", xff)]),
        attack(Aim::Client, &[("X_Forwarded_For", "198.51.100.7")]),
        attack(Aim::Client, &[("Forwarded", "for=198.51.100.7;proto=https;host=evil.example")]),
        attack(Aim::Client, &[("Forwarded", "for=\"198.51.100.7")]),
        attack(Aim::Scheme, &[("Forwarded", "proto=https")]),
        attack(Aim::Scheme, &[("X-Forwarded-Proto", "https")]),
        attack(Aim::Host, &[("Forwarded", "host=evil.example")]),
        attack(Aim::Host, &[("X-Forwarded-Host", "evil.example")]),
    ]
}

/// What came back.
pub(crate) type Reply = std::result::Result<Answer, Refusal>;

/// A response without an answer: the layer or the proxy did not let the request through.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

/// Sends a request through the proxy, from this address.
pub(crate) async fn send(
    attack: &Attack,
    from: IpAddr,
    proxy: SocketAddr,
    host: &str,
) -> Result<Reply> {
    let mut request = Request::get("/").header(HOST, host);
    for (name, value) in &attack.lines {
        request = request.header(*name, value);
    }
    let exchange = exchange(request.body(Empty::new())?, from, proxy);
    let (status, body) =
        timeout(Duration::from_secs(10), exchange).await.context("no answer")??;
    let text = String::from_utf8_lossy(&body).into_owned();
    Ok(match status {
        StatusCode::OK => Ok(text.parse().context("odd answer")?),
        _ => Err(Refusal { status, text }),
    })
}

async fn exchange(
    request: Request<Empty<Bytes>>,
    from: IpAddr,
    proxy: SocketAddr,
) -> Result<(StatusCode, Bytes)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0)).context(format_args!("cannot bind to {from}"))?;
    let stream = socket.connect(proxy).await.context("cannot connect to the proxy")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await.context("no response")?;
    let status = response.status();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}
