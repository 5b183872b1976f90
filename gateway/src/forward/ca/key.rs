//! Private keys: the authority's, and the one of all leaves.
//!
//! 1. The authority's key is RSA, or ECDSA over P-256 or P-384, in PKCS #8, PKCS #1 or SEC 1. It signs with SHA-256, over
//!    P-384 with SHA-384. Others are refused: no browser takes Ed25519 in a certificate.
//! 2. The leaves have one key of their own for each process, ECDSA over P-256, and never the authority's: what a leaf
//!    signs could otherwise be taken for what the authority signs.
//! 3. No key is in any `Debug`. Nothing gives the authority's key out, except the file that is written of a new one.

use std::sync::Arc;

use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rustls::{
    SignatureScheme,
    crypto::ring::sign::any_supported_type,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::SigningKey,
};

/// `ecdsa-with-SHA256` (RFC 5758 §3.2).
const ECDSA_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// `ecdsa-with-SHA384`.
const ECDSA_SHA384: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
/// `sha256WithRSAEncryption` (RFC 4055 §5).
const RSA_SHA256: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0];

/// A key that signs certificates.
pub(super) struct IssuerKey {
    key: Arc<dyn SigningKey>,
    scheme: SignatureScheme,
    /// The `AlgorithmIdentifier` of what it signs.
    pub(super) algorithm: &'static [u8],
    /// Its public part, a `SubjectPublicKeyInfo`.
    pub(super) public: Vec<u8>,
}

impl IssuerKey {
    /// Rule 1.
    pub(super) fn load(key: &PrivateKeyDer<'_>) -> Result<Self, &'static str> {
        // The error of the library would say of which kind the bytes are.
        let key = any_supported_type(key).map_err(
            |_| "the private key is none of RSA with 2048 bits or more, ECDSA over P-256 or P-384",
        )?;
        let (scheme, algorithm) = [
            (SignatureScheme::ECDSA_NISTP256_SHA256, ECDSA_SHA256),
            (SignatureScheme::ECDSA_NISTP384_SHA384, ECDSA_SHA384),
            (SignatureScheme::RSA_PKCS1_SHA256, RSA_SHA256),
        ]
        .into_iter()
        .find(|(scheme, _)| key.choose_scheme(&[*scheme]).is_some())
        .ok_or("the private key is neither RSA nor ECDSA")?;
        let public = key.public_key().ok_or("the private key has no public part")?.to_vec();
        Ok(Self { key, scheme, algorithm, public })
    }

    /// Signs. `None` only if the system has no random numbers.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.key.choose_scheme(&[self.scheme])?.sign(message).ok()
    }
}

/// A new key over P-256, in PKCS #8.
pub(super) fn generate() -> Option<PrivatePkcs8KeyDer<'static>> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).ok()?;
    Some(PrivatePkcs8KeyDer::from(key.as_ref().to_vec()))
}

/// The key of the leaves (rule 2).
#[derive(Clone)]
pub(super) struct LeafKey {
    pub(super) key: Arc<dyn SigningKey>,
    pub(super) public: Vec<u8>,
}

impl LeafKey {
    pub(super) fn generate() -> Option<Self> {
        let key = any_supported_type(&PrivateKeyDer::Pkcs8(generate()?)).ok()?;
        let public = key.public_key()?.to_vec();
        Some(Self { key, public })
    }
}
