//! The certificate as a PKCS #12 file (RFC 7292), for systems that import nothing else.
//!
//! 1. It has the certificate and no key: nobody who trusts an authority needs its key.
//! 2. It is authenticated under the empty password, as NSS wants it, with HMAC-SHA-256. It is not encrypted, because the
//!    certificate is public.
//! 3. Java lists the certificate only with the attribute of Oracle's trust stores.

use ring::{
    digest::{SHA256, digest},
    hmac,
    rand::{SecureRandom, SystemRandom},
};

use super::der::{element, integer, octets, oid, sequence, tag};

/// `id-data` (RFC 5652 §4).
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
/// `certBag` and `x509Certificate` (RFC 7292 §4.2.3).
const CERTIFICATE_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 3];
const X509_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 22, 1];
/// `friendlyName` (RFC 2985 §5.5.1).
const FRIENDLY_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 20];
/// 2.16.840.1.113894.746875.1.1, `trustedKeyUsage` of Oracle (rule 3).
const TRUSTED_KEY_USAGE: &[u8] = &[0x60, 0x86, 0x48, 1, 0x86, 0xf9, 0x66, 0xad, 0xca, 0x7b, 1, 1];
/// `anyExtendedKeyUsage` (RFC 5280 §4.2.1.12).
const ANY_USAGE: &[u8] = &[0x55, 0x1d, 37, 0];
/// `id-sha256`.
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];

/// How often the password is hashed: the default of OpenSSL and of Python's cryptography.
const ROUNDS: u16 = 2048;
/// The block of SHA-256 in bytes, `v` of RFC 7292 appendix B.
const BLOCK: usize = 64;

/// A file with this certificate. `None` only if the system has no random numbers.
pub(super) fn with_certificate(certificate: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut salt = [0_u8; 16];
    SystemRandom::new().fill(&mut salt).ok()?;
    let bag = sequence(&[&oid(X509_CERTIFICATE), &explicit(&octets(certificate))]);
    let bmp: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut attributes = [
        attribute(FRIENDLY_NAME, &element(0x1e, &[&bmp])),
        attribute(TRUSTED_KEY_USAGE, &oid(ANY_USAGE)),
    ];
    // DER sorts the elements of a set.
    attributes.sort();
    let attributes = element(tag::SET, &[&attributes.concat()]);
    let bags = sequence(&[&sequence(&[&oid(CERTIFICATE_BAG), &explicit(&bag), &attributes])]);
    let safe = sequence(&[&data(&bags)]);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &mac_key(&salt));
    let algorithm = sequence(&[&oid(SHA_256), &element(tag::NULL, &[])]);
    let mac = sequence(&[&algorithm, &octets(hmac::sign(&key, &safe).as_ref())]);
    let mac = sequence(&[&mac, &octets(&salt), &integer(&ROUNDS.to_be_bytes())]);
    Some(sequence(&[&integer(&[3]), &data(&safe), &mac]))
}

/// `[0] EXPLICIT`.
fn explicit(content: &[u8]) -> Vec<u8> {
    element(tag::CONTEXT_0, &[content])
}

/// A `ContentInfo` that is not encrypted.
fn data(content: &[u8]) -> Vec<u8> {
    sequence(&[&oid(DATA), &explicit(&octets(content))])
}

fn attribute(id: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&oid(id), &element(tag::SET, &[value])])
}

/// The key of the MAC under the empty password (RFC 7292 appendix B.2 with identifier 3). As the key is one digest long,
/// there is one block.
fn mac_key(salt: &[u8]) -> Vec<u8> {
    let mut input = vec![3_u8; BLOCK];
    input.extend(salt.iter().cycle().take(BLOCK));
    // The empty password is a UTF-16 text that has only its end.
    input.extend([0_u8; BLOCK]);
    for _ in 0..ROUNDS {
        input = digest(&SHA256, &input).as_ref().to_vec();
    }
    input
}
