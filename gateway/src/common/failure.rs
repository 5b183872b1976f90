//! Failures: cause → status → error of `Proxy-Status` (RFC 9209 §2.3) → response.
//!
//! 1. One table, [`FailureKind`], has the status and the error type of each cause.
//! 2. What upstream does wrong is 502. Only limits are 504. What the client does wrong is 4xx.
//! 3. The response tells the client the status and the error type, and nothing of the inside. The cause is
//!    in the response's extensions, as a [`Failure`], for hooks and logs.
//! 4. Where the request's framing is in doubt, the connection ends with the response.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

use http::{
    HeaderValue, Response, StatusCode, Version,
    header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName},
};

use super::body::{Body, BoxError};

/// RFC 9209.
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident => $status:ident, $error:literal;)*) => {
        /// Why a request was not answered by upstream.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum FailureKind {
            $($(#[$doc])* $kind,)*
        }

        impl FailureKind {
            /// The status of the response.
            pub fn status(self) -> StatusCode {
                match self {
                    $(Self::$kind => StatusCode::$status,)*
                }
            }

            /// The error type of `Proxy-Status` (RFC 9209 §2.3).
            pub fn proxy_status(self) -> &'static str {
                match self {
                    $(Self::$kind => $error,)*
                }
            }
        }
    };
}

kinds! {
    /// The request is malformed, or its framing is in doubt.
    InvalidRequest => BAD_REQUEST, "http_request_error";
    /// The client's body broke off, or is no HTTP.
    ClientBody => BAD_REQUEST, "http_request_error";
    /// The client stopped in the middle of its body for longer than the limit `gap`.
    ClientTimeout => REQUEST_TIMEOUT, "http_request_error";
    /// A hook or a list refuses the request.
    Denied => FORBIDDEN, "http_request_denied";
    /// The method is not one of the target's.
    Method => METHOD_NOT_ALLOWED, "http_request_denied";
    /// The body is longer than the limit `body_bytes`.
    BodyTooLarge => PAYLOAD_TOO_LARGE, "http_request_error";
    /// The head has more fields or bytes than the limits.
    HeadTooLarge => REQUEST_HEADER_FIELDS_TOO_LARGE, "http_request_error";
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    Expectation => EXPECTATION_FAILED, "http_request_error";
    /// A method or a transfer coding that is not for a gateway.
    NotImplemented => NOT_IMPLEMENTED, "http_request_error";
    /// The forward proxy asks for credentials, and there are none, or wrong ones.
    ProxyAuthentication => PROXY_AUTHENTICATION_REQUIRED, "http_request_denied";
    /// The request is for another host than the one of its tunnel (RFC 9110 §7.4).
    Misdirected => MISDIRECTED_REQUEST, "http_request_error";
    /// The request went through this proxy before.
    Loop => LOOP_DETECTED, "proxy_loop_detected";
    /// A picker, or the application of the forward proxy, failed, or the proxy itself.
    Internal => INTERNAL_SERVER_ERROR, "proxy_internal_error";
    /// The name of the upstream is unknown.
    Dns => BAD_GATEWAY, "dns_error";
    /// The name was not looked up within the limit `connect`.
    DnsTimeout => GATEWAY_TIMEOUT, "dns_timeout";
    /// Every address of the upstream is one that the proxy may not reach.
    AddressProhibited => FORBIDDEN, "destination_ip_prohibited";
    /// Upstream accepts no connection.
    ConnectionRefused => BAD_GATEWAY, "connection_refused";
    /// No connection within the limit `connect`.
    ConnectionTimeout => GATEWAY_TIMEOUT, "connection_timeout";
    /// All connections are in use.
    ConnectionLimit => SERVICE_UNAVAILABLE, "connection_limit_reached";
    /// Upstream closed the connection without an answer.
    ConnectionTerminated => BAD_GATEWAY, "connection_terminated";
    /// Upstream stopped reading the request for longer than the limit `gap`.
    ConnectionWriteTimeout => GATEWAY_TIMEOUT, "connection_write_timeout";
    /// Upstream does not speak TLS, or no version or cipher of ours.
    TlsProtocol => BAD_GATEWAY, "tls_protocol_error";
    /// Upstream's certificate is not right.
    TlsCertificate => BAD_GATEWAY, "tls_certificate_error";
    /// Upstream refused the handshake.
    TlsAlert => BAD_GATEWAY, "tls_alert_received";
    /// No answer within the limit `head`.
    ResponseTimeout => GATEWAY_TIMEOUT, "http_response_timeout";
    /// The answer is no HTTP, or its framing is in doubt.
    Protocol => BAD_GATEWAY, "http_protocol_error";
    /// The answer's head has more fields or bytes than the limits.
    ResponseHeadTooLarge => BAD_GATEWAY, "http_response_header_section_size";
    /// The answer has a transfer coding other than `chunked`.
    TransferCoding => BAD_GATEWAY, "http_response_transfer_coding";
    /// Upstream switched to a protocol that was not asked for, or not in the way of that protocol.
    Upgrade => BAD_GATEWAY, "http_upgrade_failed";
    /// A response hook refused the answer.
    ResponseHook => BAD_GATEWAY, "proxy_internal_response";
}

/// Why a request was not answered by upstream: in the extensions of the response, and the input of
/// [`ProxyOptions::on_error`](crate::ProxyOptions::on_error).
///
/// Its text is for logs. It may name addresses of the inside, and never has text that a stranger wrote.
#[derive(Clone, Debug)]
pub struct Failure {
    kind: FailureKind,
    detail: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    allow: Option<HeaderValue>,
    closes: bool,
}

impl Failure {
    /// A failure of this kind, with a text for logs. For transports and resolvers.
    pub fn new(kind: FailureKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), source: None, allow: None, closes: false }
    }

    /// With the error that caused it.
    #[must_use]
    pub fn with_source(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(Arc::from(source.into())), ..self }
    }

    /// A malformed request.
    pub(crate) fn invalid(detail: &'static str) -> Self {
        Self::new(FailureKind::InvalidRequest, detail)
    }

    /// Ends the client's connection with the response (rule 4).
    pub(crate) fn and_close(self) -> Self {
        Self { closes: true, ..self }
    }

    /// A method that is not allowed, with those that are.
    pub(crate) fn method(allow: HeaderValue) -> Self {
        let failure = Self::new(FailureKind::Method, "the method is not one of the target's");
        Self { allow: Some(allow), ..failure }
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The response: status, `Proxy-Status`, and a text that says only the status.
    pub(crate) fn into_response(self, pseudonym: &str, version: Version) -> Response<Body> {
        let mut response = plain(self.kind.status());
        let headers = response.headers_mut();
        let proxy_status = format!("{pseudonym}; error={}", self.kind.proxy_status());
        if let Ok(value) = HeaderValue::try_from(proxy_status) {
            headers.insert(PROXY_STATUS, value);
        }
        if let Some(allow) = &self.allow {
            headers.insert(ALLOW, allow.clone());
        }
        self.close(&mut response, version);
        response.extensions_mut().insert(self);
        response
    }

    /// Rule 4.
    pub(crate) fn close<B>(&self, response: &mut Response<B>, version: Version) {
        if self.closes && version <= Version::HTTP_11 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// A response with a text that says only the status.
pub(crate) fn plain(status: StatusCode) -> Response<Body> {
    let text = format!("{} {}\n", status.as_u16(), status.canonical_reason().unwrap_or("Error"));
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.proxy_status(), self.detail)?;
        let mut source = self.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| -> &(dyn StdError + 'static) { source })
    }
}
