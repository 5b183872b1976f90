//! A small reverse proxy, for machines without nginx. It does what the usual nginx recipe does.

use std::net::{IpAddr, SocketAddr};

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, Version,
    header::{self, HOST},
    uri::Authority,
};
use http_body_util::Either;
use hyper::{body::Incoming, client, server, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::error::{Context, Result};

/// The body of the application's response, or of our own.
type Body = Either<Incoming, String>;

/// Starts the proxy on a free port. It connects to the application from another address.
pub(crate) async fn start(app: SocketAddr, from: IpAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for the proxy")?;
    let proxy = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, client)) = listener.accept().await {
            tokio::spawn(serve(stream, Hop { client: client.ip(), proxy, from, app }));
        }
    });
    Ok(proxy)
}

/// The four ends of the two connections.
#[derive(Clone, Copy)]
struct Hop {
    client: IpAddr,
    proxy: SocketAddr,
    from: IpAddr,
    app: SocketAddr,
}

async fn serve(stream: TcpStream, hop: Hop) -> Result<()> {
    let service = service_fn(move |request| async move {
        let response = match recipe(request, hop) {
            Some(request) => forward(request, hop).await,
            None => Ok(refuse(StatusCode::BAD_REQUEST)),
        };
        Ok::<_, hyper::Error>(response.unwrap_or_else(|_| refuse(StatusCode::BAD_GATEWAY)))
    });
    server::conn::http1::Builder::new()
        .max_buf_size(128 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .await
        .context("connection failed")
}

fn refuse(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Either::Right(format!("{status}, says the proxy\n")));
    *response.status_mut() = status;
    response
}

/// What the location block in `nginx.conf` says.
fn recipe(mut request: Request<Incoming>, hop: Hop) -> Option<Request<Incoming>> {
    let host = HeaderValue::try_from(host(&request)?).ok()?;
    let client = hop.client.to_string();

    let headers = request.headers_mut();
    remove_hop_by_hop(headers);
    let appended = appended(headers, &client)?;
    headers.insert(HOST, host.clone());
    headers.insert("x-forwarded-for", appended);
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    headers.insert("x-forwarded-host", host);
    headers.insert("x-forwarded-port", hop.proxy.port().into());

    let path = request.uri().path_and_query()?.clone();
    *request.uri_mut() = Uri::from(path);
    *request.version_mut() = Version::HTTP_11;
    Some(request)
}

/// `$host`: the host of the request's target, otherwise of `Host`; in lower case, without the port.
fn host(request: &Request<Incoming>) -> Option<String> {
    let target = request.uri().authority().cloned();
    let field = || Authority::try_from(request.headers().get(HOST)?.as_bytes()).ok();
    Some(target.or_else(field)?.host().to_ascii_lowercase())
}

/// `$proxy_add_x_forwarded_for`: all lines that came in, and the address of their sender, in one line.
fn appended(headers: &HeaderMap, client: &str) -> Option<HeaderValue> {
    let lines = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes);
    let list: Vec<&[u8]> = lines.chain([client.as_bytes()]).collect();
    HeaderValue::try_from(list.join(&b", "[..])).ok()
}

/// Removes what belongs to one connection (RFC 9110 §7.6.1).
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    let known = [
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ];
    for name in nominated.iter().chain(&known) {
        headers.remove(name);
    }
}

async fn forward(request: Request<Incoming>, hop: Hop) -> Result<Response<Body>> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(hop.from, 0))?;
    let stream = socket.connect(hop.app).await?;
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut response = sender.send_request(request).await?;
    remove_hop_by_hop(response.headers_mut());
    Ok(response.map(Either::Left))
}
