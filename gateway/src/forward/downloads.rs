//! Downloads of the certificate: wsgiprox's `/download/pem` and `/download/p12`, and more.
//!
//! 1. `/download/pem`, `/download/p12` (a PKCS #12 file) and `/download/cer` (DER) are the certificate. **The private key is
//!    in none of them.** `/download/` is a page that says what to do with it.
//! 2. GET and HEAD alone; others are 405. Other paths are the application's.
//! 3. A browser may neither guess the type, nor show it in a frame, nor run anything. Another origin cannot read it.

use bytes::Bytes;
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::{
    HeaderName, HeaderValue, Method, Response,
    header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};

use super::{ca::authority::CertificateAuthority, front::GET_AND_HEAD};
use crate::common::{body::Body, failure::Failure};

/// The page, with `{…}` for what differs.
const PAGE: &str = include_str!("downloads.html");

/// A form of the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Download {
    Page,
    Pem,
    Pkcs12,
    Der,
}

impl Download {
    /// The download at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/download/" => Some(Self::Page),
            "/download/pem" => Some(Self::Pem),
            "/download/p12" => Some(Self::Pkcs12),
            "/download/cer" => Some(Self::Der),
            _ => None,
        }
    }

    /// The response.
    pub(super) fn answer(
        self,
        method: &Method,
        authority: &CertificateAuthority,
        host: &str,
    ) -> Result<Response<Body>, Failure> {
        if *method != Method::GET && *method != Method::HEAD {
            return Err(Failure::method(GET_AND_HEAD));
        }
        let (body, mime, name) = match self {
            Self::Page => {
                let page =
                    PAGE.replace("{fingerprint}", &authority.fingerprint()).replace("{host}", host);
                (Bytes::from(page), "text/html; charset=utf-8", None)
            }
            Self::Pem => {
                let pem = authority.certificate_pem().as_bytes();
                (Bytes::copy_from_slice(pem), "application/x-x509-ca-cert", Some("pem"))
            }
            Self::Pkcs12 => {
                let file = Bytes::copy_from_slice(authority.certificate_pkcs12());
                (file, "application/x-pkcs12", Some("p12"))
            }
            Self::Der => {
                let der = Bytes::copy_from_slice(authority.certificate_der());
                (der, "application/x-x509-ca-cert", Some("cer"))
            }
        };
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: &'static str| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        set(CONTENT_TYPE, mime);
        set(X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(CACHE_CONTROL, "no-store");
        set(
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        );
        match name {
            Some("pem") => set(CONTENT_DISPOSITION, "attachment; filename=\"proxyfix-ca.pem\""),
            Some("p12") => set(CONTENT_DISPOSITION, "attachment; filename=\"proxyfix-ca.p12\""),
            Some(_) => set(CONTENT_DISPOSITION, "attachment; filename=\"proxyfix-ca.cer\""),
            None => {}
        }
        Ok(response)
    }
}
