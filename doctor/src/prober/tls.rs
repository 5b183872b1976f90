//! Which certificates the prober accepts.
//!
//! 1. By default those that the system trusts.
//! 2. `--insecure` accepts every one. The probes contain no secret but the token, which such a connection shows.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};

use super::Error;

/// Which certificates are accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Trust {
    /// Those that the system trusts.
    System,
    /// Those of the authorities in this PEM text, and no others.
    Authorities(Vec<u8>),
    /// Every one.
    Insecure,
}

/// The configuration of TLS, which offers this protocol.
pub(super) fn config(trust: &Trust, protocol: &[u8]) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Trust(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Trust::Authorities(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let added = certificate.map_err(|error| error.to_string());
                let added = added.and_then(|it| roots.add(it).map_err(|error| error.to_string()));
                added.map_err(|error| Error::Trust(format!("--cacert: {error}")))?;
            }
            if roots.is_empty() {
                return Err(Error::Trust("--cacert: no certificate in it".to_owned()));
            }
        }
        Trust::Insecure => {}
    }
    let mut config = match trust {
        Trust::Insecure => {
            let any = Arc::new(Any(provider));
            builder.dangerous().with_custom_certificate_verifier(any).with_no_client_auth()
        }
        Trust::System | Trust::Authorities(_) => {
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

/// Accepts every certificate.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl ServerCertVerifier for Any {
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
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
