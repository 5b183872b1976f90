//! A certificate for `app.example`, and a client configuration that trusts it.

use std::{fs, path::Path, sync::Arc};

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::{Context, Result};

/// The name in the certificate, which is also the application's.
pub const NAME: &str = "app.example";

/// Writes `app.crt`, `app.key` and both together as `app.pem`. Returns a configuration that trusts them.
///
/// # Errors
///
/// If the folder cannot be written to.
pub fn write(folder: &Path) -> Result<Arc<ClientConfig>> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new([NAME.to_owned()])?.signed_by(&key, &authority)?;

    let (certificate, key) = (certificate.pem(), key.serialize_pem());
    for (name, text) in
        [("app.crt", &certificate), ("app.key", &key), ("app.pem", &format!("{key}{certificate}"))]
    {
        fs::write(folder.join(name), text).context(format_args!("cannot write {name}"))?;
    }

    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone())?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
