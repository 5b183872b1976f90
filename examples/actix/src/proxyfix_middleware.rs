//! The adapter. It leaves the [`Resolved`] in the extensions of the request.

use std::{error::Error as StdError, fmt::Display, net::SocketAddr};

use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        StatusCode, Uri, Version,
        header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use http::request::Parts;
use proxyfix::{Config, Peer, Resolved, fix_parts};

/// Fixes a request before anything else sees it. A second layer does nothing more.
pub(crate) async fn fix(
    config: Data<Config>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let is_fixed = request.extensions().contains::<Resolved>();
    if !is_fixed {
        let mut parts = copy_out(&request).map_err(|error| reject(400, error))?;
        fix_parts(&mut parts, &config).map_err(|error| reject(error.status().as_u16(), error))?;
        copy_back(parts, &mut request).map_err(|error| reject(400, error))?;
    }
    next.call(request).await
}

/// Copies the head of the request into the types of `http` 1.
fn copy_out(request: &ServiceRequest) -> Result<Parts, http::Error> {
    let head = request.head();
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = http::Method::from_bytes(head.method.as_str().as_bytes())?;
    parts.uri = head.uri.to_string().parse()?;
    parts.version = match head.version {
        Version::HTTP_09 => http::Version::HTTP_09,
        Version::HTTP_10 => http::Version::HTTP_10,
        Version::HTTP_2 => http::Version::HTTP_2,
        Version::HTTP_3 => http::Version::HTTP_3,
        _ => http::Version::HTTP_11,
    };
    for (name, value) in head.headers() {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes())?;
        parts.headers.try_append(name, http::HeaderValue::from_bytes(value.as_bytes())?)?;
    }
    // On a Unix socket actix-web knows no address: insert `Peer::UNIX` instead.
    if let Some(address) = head.peer_addr {
        parts.extensions.insert(Peer::from(address));
    }
    Ok(parts)
}

/// Copies back what has changed: the URI, the headers, and the client.
fn copy_back(mut parts: Parts, request: &mut ServiceRequest) -> Result<(), Box<dyn StdError>> {
    let uri: Uri = parts.uri.to_string().parse()?;
    let mut headers = HeaderMap::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes())?;
        headers.append(name, HeaderValue::from_bytes(value.as_bytes())?);
    }
    let Some(resolved) = parts.extensions.remove::<Resolved>() else { return Ok(()) };
    let client = resolved
        .client_ip()
        .map(|ip| SocketAddr::new(ip, resolved.client_port().unwrap_or_default()));

    request.match_info_mut().get_mut().update(&uri);
    let head = request.head_mut();
    head.uri = uri;
    head.headers = headers;
    head.peer_addr = client;
    request.extensions_mut().insert(resolved);
    Ok(())
}

/// The response to a rejected request.
fn reject(status: u16, error: impl Display) -> Error {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(format!("{error}\n"));
    InternalError::from_response(error.to_string(), response).into()
}

#[cfg(test)]
mod tests {
    use actix_web::{
        App, HttpRequest,
        body::to_bytes,
        dev::Service,
        middleware::from_fn,
        rt::System,
        test::{TestRequest, init_service},
        web,
    };

    use super::*;

    /// Answers with what a handler sees: URI, headers, peer.
    async fn seen(request: HttpRequest) -> String {
        let mut headers: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort();
        format!("{} {headers:?} {:?}", request.uri(), request.peer_addr())
    }

    /// Sends a request through two layers. Returns the status and the text of the response.
    fn send(config: &str, request: TestRequest) -> (u16, String) {
        let config: Config = config.parse().unwrap();
        System::new().block_on(async {
            let app = App::new()
                .app_data(Data::new(config))
                .default_service(web::to(seen))
                .wrap(from_fn(fix))
                .wrap(from_fn(fix));
            let app = init_service(app).await;
            let response = match app.call(request.to_request()).await {
                Ok(response) => response.map_into_boxed_body().into_parts().1,
                Err(error) => error.error_response(),
            };
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body()).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        })
    }

    const PROXY: ([u8; 4], u16) = ([10, 0, 0, 1], 4711);

    #[test]
    fn the_handler_sees_the_truth_alone() {
        let request = TestRequest::with_uri("/item?id=1")
            .peer_addr(PROXY.into())
            .append_header(("host", "shop.example"))
            .append_header(("x-forwarded-for", "6.6.6.6"))
            .append_header(("x-forwarded-for", "203.0.113.9"))
            .append_header(("x-forwarded-proto", "https"))
            .append_header(("x-real-ip", "6.6.6.6"))
            .append_header(("accept", "a"))
            .append_header(("accept", "b"));
        let (status, seen) = send("proxies=10.0.0.1 for=1 proto=1", request);
        let headers = [
            "accept: a",
            "accept: b",
            "host: shop.example",
            "x-forwarded-for: 203.0.113.9",
            "x-forwarded-proto: https",
        ];
        let expected = format!("https://shop.example/item?id=1 {headers:?} Some(203.0.113.9:0)");
        assert_eq!((status, seen), (200, expected));
    }

    #[test]
    fn a_proxy_never_passes_for_the_client() {
        let request = TestRequest::with_uri("/").peer_addr(PROXY.into());
        let (status, seen) = send("proxies=10.0.0.1 for=1", request);
        assert_eq!((status, seen.as_str()), (200, "/ [] None"));
    }

    #[test]
    fn rejections() {
        let request = || TestRequest::with_uri("/").append_header(("x-forwarded-for", "nobody"));
        let (status, text) = send("proxies=10.0.0.1 for=1", request().peer_addr(PROXY.into()));
        assert_eq!(status, 400);
        assert!(text.starts_with("x-forwarded-for, hop 1"), "{text}");
        let (status, text) = send("proxies=10.0.0.1 for=1", request());
        assert_eq!(status, 500);
        assert!(text.starts_with("no peer is known"), "{text}");
    }
}
