//! What the servers of the measurement share.

use std::sync::LazyLock;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// What every server answers: 1 KiB.
pub static ANSWER: LazyLock<String> = LazyLock::new(|| "a".repeat(1024));

/// A new authority over P-256, as rcgen's crates take it.
///
/// # Panics
/// If the system has no random numbers.
#[must_use]
pub fn issuer() -> Issuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "measured");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().expect("random numbers");
    Issuer::new(params, key)
}

/// The address of a server: the first argument.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn address() -> std::net::SocketAddr {
    std::env::args().nth(1).expect("an address").parse().expect("an address")
}
