//! TLS to an upstream.
//!
//! 1. The application's `ClientConfig` says which certificates are right and which provider does the
//!    cryptography. Without one, the feature `native-roots` trusts the certificates of the system.
//! 2. ALPN offers what the connection can carry: HTTP/2 and HTTP/1.1, or one of them. An upgrade needs HTTP/1.1.

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    common::{
        error::ConfigError,
        failure::{Failure, FailureKind},
    },
    reverse::{
        target::Protocol,
        url::{Address, TargetUrl},
    },
};

/// The options of a target.
#[derive(Clone, Default)]
pub(crate) struct TlsOptions {
    pub(crate) config: Option<Arc<ClientConfig>>,
    pub(crate) server_name: Option<String>,
    pub(crate) accepts_all: bool,
}

/// How to speak TLS to one upstream.
pub(super) struct Tls {
    /// Offers HTTP/1.1 alone.
    http1: TlsConnector,
    /// Offers what the target's protocol admits.
    any: TlsConnector,
    server_name: ServerName<'static>,
}

impl Tls {
    /// Checks the options.
    pub(super) fn new(
        url: &TargetUrl,
        protocol: Protocol,
        options: &TlsOptions,
    ) -> Result<Self, ConfigError> {
        let error =
            |reason: String| ConfigError::Tls { url: url.to_string(), reason: reason.into() };
        let host = match (&options.server_name, &url.address) {
            (Some(name), _) => name.as_str(),
            (None, Address::Tcp { host, .. }) => host,
            (None, Address::Unix(_)) => "localhost",
        };
        let server_name = ServerName::try_from(host.to_owned())
            .map_err(|_| error(format!("{host:?} is no name for a certificate")))?;
        let mut config = match &options.config {
            Some(config) => ClientConfig::clone(config),
            None => default_config(options.accepts_all).map_err(error)?,
        };
        if options.accepts_all {
            let verifier = AcceptsAll(Arc::clone(config.crypto_provider()));
            config.dangerous().set_certificate_verifier(Arc::new(verifier));
        }
        let offering = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            TlsConnector::from(Arc::new(config))
        };
        let any: &[&[u8]] = match protocol {
            Protocol::Auto => &[b"h2", b"http/1.1"],
            Protocol::Http1 => &[b"http/1.1"],
            Protocol::Http2 => &[b"h2"],
        };
        Ok(Self { http1: offering(&[b"http/1.1"]), any: offering(any), server_name })
    }

    /// Makes the handshake. Says whether upstream chose HTTP/2.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        only_http1: bool,
        deadline: Instant,
    ) -> Result<(TlsStream<TcpStream>, bool), Failure> {
        let connector = if only_http1 { &self.http1 } else { &self.any };
        let handshake = connector.connect(self.server_name.clone(), stream);
        let late =
            |_| Failure::new(FailureKind::ConnectionTimeout, "no TLS handshake within the limit");
        let stream = timeout_at(deadline, handshake).await.map_err(late)?.map_err(failed)?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((stream, is_http2))
    }
}

/// What an error of the handshake means.
fn failed(error: std::io::Error) -> Failure {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let kind = match cause {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            FailureKind::TlsCertificate
        }
        Some(rustls::Error::AlertReceived(_)) => FailureKind::TlsAlert,
        _ => FailureKind::TlsProtocol,
    };
    Failure::new(kind, "no TLS handshake").with_source(error)
}

/// Rule 1.
fn default_config(accepts_all: bool) -> Result<ClientConfig, String> {
    const NO_PROVIDER: &str = "install a crypto provider, for example with \
        rustls::crypto::ring::default_provider().install_default(), or give a ClientConfig by tls()";
    let provider = CryptoProvider::get_default().cloned().ok_or_else(|| NO_PROVIDER.to_owned())?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut roots = rustls::RootCertStore::empty();
    if !accepts_all {
        add_native(&mut roots)?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(feature = "native-roots")]
fn add_native(roots: &mut rustls::RootCertStore) -> Result<(), String> {
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    match (added, found.errors.first()) {
        (0, Some(error)) => Err(format!("the system's certificates cannot be read: {error}")),
        (0, None) => Err("the system has no certificates; give a ClientConfig by tls()".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(not(feature = "native-roots"))]
fn add_native(_: &mut rustls::RootCertStore) -> Result<(), String> {
    Err("give a ClientConfig by tls(), or add the feature native-roots".to_owned())
}

/// Accepts every certificate. The signatures of the handshake are checked all the same.
struct AcceptsAll(Arc<CryptoProvider>);

impl fmt::Debug for AcceptsAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AcceptsAll")
    }
}

impl ServerCertVerifier for AcceptsAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
