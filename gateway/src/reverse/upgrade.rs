//! The handshake of an upgrade (RFC 9110 §7.8, RFC 6455 §4, RFC 8441).
//!
//! 1. Only protocols of the allow-list are asked for upstream. `Upgrade` for any other protocol is left out, and
//!    the request goes on without it. So it does with a body, and for WebSocket with a method other than GET.
//! 2. Upstream's 101 must name the protocol that was asked for, and for WebSocket must answer the key. Any other 101 is
//!    502.
//! 3. Extended CONNECT in HTTP/2 becomes a GET with `Upgrade` in HTTP/1.1, with a key of ours. Upstream's 101 becomes
//!    200. No other success opens a tunnel.
//! 4. CONNECT without a protocol is for forward proxies: 501.
//! 5. Bytes that the client sends before 101 wait in the server, and are the next request if no 101
//!    comes.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderValue, Method, StatusCode, Version,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
    request, response,
};
use hyper::ext::Protocol;
use sha1::{Digest, Sha1};

use crate::common::{
    failure::{Failure, FailureKind},
    framing::has_body,
    hop_by_hop::has_token,
};

/// RFC 6455 §1.3.
const WEBSOCKET_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// An upgrade that the client asks for, and may.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// As the client wrote it.
    protocol: HeaderValue,
    /// Whether it was asked for by extended CONNECT.
    is_extended: bool,
    /// What upstream must answer for WebSocket.
    accept: Option<HeaderValue>,
}

/// The upgrade that a request asks for (rules 1, 3 and 4).
pub(super) fn wanted(
    request: &request::Parts,
    allowed: &[String],
) -> Result<Option<Wanted>, Failure> {
    if request.method == Method::CONNECT {
        let protocol = request.extensions.get::<Protocol>().map(Protocol::as_str);
        let protocol = protocol.filter(|protocol| is_allowed(protocol, allowed));
        let not_here = || Failure::new(FailureKind::NotImplemented, "CONNECT").and_close();
        let protocol = HeaderValue::from_str(protocol.ok_or_else(not_here)?);
        let protocol = protocol.map_err(|_| Failure::invalid("the protocol is no token"))?;
        return Ok(Some(Wanted { protocol, is_extended: true, accept: None }));
    }
    if request.version != Version::HTTP_11
        || !has_token(&request.headers, &CONNECTION, "upgrade")
        || has_body(&request.headers)
    {
        return Ok(None);
    }
    for line in request.headers.get_all(UPGRADE) {
        let text =
            line.to_str().map_err(|_| Failure::invalid("Upgrade is not printable").and_close())?;
        if let Some(protocol) =
            text.split(',').map(str::trim).find(|name| is_allowed(name, allowed))
        {
            let protocol = HeaderValue::from_str(protocol)
                .map_err(|_| Failure::invalid("Upgrade is not printable").and_close())?;
            if is_websocket(&protocol) && request.method != Method::GET {
                return Ok(None);
            }
            let key = request.headers.get(SEC_WEBSOCKET_KEY).filter(|_| is_websocket(&protocol));
            let accept = key.and_then(|key| accept(key.as_bytes()));
            return Ok(Some(Wanted { protocol, is_extended: false, accept }));
        }
    }
    Ok(None)
}

fn is_allowed(protocol: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(protocol))
}

fn is_websocket(protocol: &HeaderValue) -> bool {
    protocol.as_bytes().eq_ignore_ascii_case(b"websocket")
}

/// RFC 6455 §4.2.2.
fn accept(key: &[u8]) -> Option<HeaderValue> {
    let digest = Sha1::new().chain_update(key).chain_update(WEBSOCKET_GUID).finalize();
    HeaderValue::try_from(STANDARD.encode(digest)).ok()
}

impl Wanted {
    /// Asks upstream, in a head from which everything else that ends here was removed.
    pub(super) fn ask(&mut self, request: &mut request::Parts) -> Result<(), Failure> {
        let headers = &mut request.headers;
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, self.protocol.clone());
        if !self.is_extended {
            return Ok(());
        }
        request.method = Method::GET;
        if is_websocket(&self.protocol) {
            let mut nonce = [0_u8; 16];
            let failed = |_| Failure::new(FailureKind::Internal, "no random numbers");
            getrandom::fill(&mut nonce).map_err(failed)?;
            let key = STANDARD.encode(nonce);
            self.accept = accept(key.as_bytes());
            let failed = |_| Failure::new(FailureKind::Internal, "no key");
            headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::try_from(key).map_err(failed)?);
            headers.entry(SEC_WEBSOCKET_VERSION).or_insert(HeaderValue::from_static("13"));
        }
        Ok(())
    }

    /// Checks upstream's answer (rules 2 and 3). Says whether bytes follow.
    pub(super) fn check(&self, response: &response::Parts) -> Result<bool, Failure> {
        if response.status != StatusCode::SWITCHING_PROTOCOLS {
            if self.is_extended && response.status.is_success() {
                return Err(refused("upstream answered the handshake without switching"));
            }
            return Ok(false);
        }
        let protocol = self.protocol.to_str().unwrap_or_default();
        if !has_token(&response.headers, &UPGRADE, protocol)
            || !has_token(&response.headers, &CONNECTION, "upgrade")
        {
            return Err(refused("upstream switched to another protocol"));
        }
        if is_websocket(&self.protocol)
            && response.headers.get(SEC_WEBSOCKET_ACCEPT) != self.accept.as_ref()
        {
            return Err(refused("upstream did not answer the key of the handshake"));
        }
        Ok(true)
    }

    /// Makes the answer for the client, from which everything that ends here was removed.
    pub(super) fn answer(&self, response: &mut response::Parts) {
        if self.is_extended {
            response.status = StatusCode::OK;
            response.headers.remove(SEC_WEBSOCKET_ACCEPT);
        } else {
            response.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            response.headers.insert(UPGRADE, self.protocol.clone());
        }
    }
}

/// A 101 that nobody asked for.
pub(super) fn check_unasked(response: &response::Parts) -> Result<(), Failure> {
    match response.status {
        StatusCode::SWITCHING_PROTOCOLS => Err(refused("upstream switched without being asked")),
        status if status.is_informational() => {
            Err(Failure::new(FailureKind::Protocol, "an informational response ends the exchange"))
        }
        _ => Ok(()),
    }
}

fn refused(detail: &'static str) -> Failure {
    Failure::new(FailureKind::Upgrade, detail)
}
