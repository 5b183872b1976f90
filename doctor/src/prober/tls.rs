//! Which certificates the prober accepts.
//!
//! 1. By default those that the system trusts.
//! 2. `--cacert` accepts a certificate that is in the file itself too, as `curl` does, although it says that it is an
//!    authority's: `openssl req -x509` makes such ones. Its name and its time must be right.
//! 3. `--insecure` accepts every one. The probes contain no secret but the token, which such a connection shows.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
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
    let mut config = match trust {
        Trust::System => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            builder.with_root_certificates(roots).with_no_client_auth()
        }
        Trust::Authorities(pem) => {
            let listed = Arc::new(verifier(pem)?);
            builder.dangerous().with_custom_certificate_verifier(listed).with_no_client_auth()
        }
        Trust::Insecure => {
            let any = Arc::new(Any(provider));
            builder.dangerous().with_custom_certificate_verifier(any).with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

/// What accepts the certificates of this PEM text.
fn verifier(pem: &[u8]) -> Result<Listed, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Trust(format!("--cacert: {error}"));
    let (mut roots, mut listed) = (RootCertStore::empty(), Vec::new());
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| failed(&error))?;
        listed.push(certificate.clone());
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    if roots.is_empty() {
        return Err(failed(&"no certificate in it"));
    }
    let provider = Arc::new(ring::default_provider());
    let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    Ok(Listed { usual: usual.map_err(|error| failed(&error))?, listed })
}

/// Accepts what the authorities signed, and their own certificates: rule 2.
#[derive(Debug)]
struct Listed {
    usual: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let usual = self.usual.verify_server_cert(end, between, name, ocsp, now);
        let Err(error) = usual else { return usual };
        // webpki looks at the time before it says this.
        let is_authority = error.to_string().contains("CaUsedAsEndEntity");
        if !is_authority || !self.listed.iter().any(|listed| listed.as_ref() == end.as_ref()) {
            return Err(error);
        }
        verify_server_name(&ParsedCertificate::try_from(end)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::{
        client::danger::ServerCertVerifier as _,
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    };

    use super::verifier;

    const OWN: &[u8] = include_bytes!("../../tests/certificates/own.pem");
    const OTHER: &[u8] = include_bytes!("../../tests/certificates/other.pem");

    /// `openssl req -x509` made both, for app.example, as certificates of an authority.
    #[test]
    fn a_certificate_that_is_in_the_file() {
        let listed = verifier(OWN).unwrap();
        let (early, late) = (1_577_836_800, 2_208_988_800); // 2020 and 2040
        let accepts = |pem: &[u8], name: &str, at: u64| {
            let end = CertificateDer::from_pem_slice(pem).unwrap();
            let now = UnixTime::since_unix_epoch(Duration::from_secs(at));
            let name = ServerName::try_from(name.to_owned()).unwrap();
            listed.verify_server_cert(&end, &[], &name, &[], now).is_ok()
        };
        assert!(accepts(OWN, "app.example", late));
        assert!(!accepts(OWN, "other.example", late));
        assert!(!accepts(OWN, "app.example", early));
        assert!(!accepts(OTHER, "app.example", late));
    }
}
