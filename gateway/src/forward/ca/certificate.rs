//! The certificates that are made here (RFC 5280), as the clients of 2026 want them.
//!
//! 1. The authority: critical basicConstraints with path length 0, critical keyUsage keyCertSign and cRLSign, a key
//!    identifier, ten years unless told otherwise.
//! 2. A leaf names its host in subjectAltName alone: one `dNSName` without wildcards, or one `iPAddress`. The subject
//!    repeats it where it has room (64 characters, RFC 5280 appendix A.1); otherwise the subject is empty, and the
//!    subjectAltName critical.
//! 3. A leaf has keyUsage digitalSignature, extKeyUsage serverAuth, and an authority key identifier that repeats the
//!    one stored in the authority. Python from 3.13 refuses a leaf without.
//! 4. A leaf is valid for 45 days in all, two of them past: the limit of public certificates from 2029 is 47, and a
//!    client's clock may be late. It does not outlive the authority.
//! 5. A serial number has 16 random bytes. RFC 5280 §4.1.2.2 admits 20.
//! 6. The issuer of a leaf is the authority's subject byte for byte: a name that was read and printed again may differ.

use std::net::IpAddr;

use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};

use super::{
    der::{bits, element, integer, octets, oid, sequence, tag, time},
    key::IssuerKey,
};
use crate::forward::host::Host;

/// The seconds of a day.
pub(super) const DAY: i64 = 24 * 60 * 60;
/// Rule 4: how far a validity begins in the past.
pub(super) const BACKDATED: i64 = 2 * DAY;
/// Rule 4.
const LEAF_LIFE: i64 = 45 * DAY;
/// Rule 2.
const LONGEST_NAME: usize = 64;

/// `id-at-commonName`.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// The extensions of RFC 5280 §4.2.1.
pub(super) const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 14];
pub(super) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 17];
pub(super) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 35];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
/// `id-kp-serverAuth`.
const SERVER_AUTHENTICATION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];

/// From when until when, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    pub(super) begin: i64,
    pub(super) end: i64,
}

impl Validity {
    fn der(self) -> Vec<u8> {
        sequence(&[&time(self.begin), &time(self.end)])
    }

    /// Of a leaf that is made now (rule 4).
    pub(super) fn of_leaf(now: i64, authority: Self) -> Self {
        let begin = now.saturating_sub(BACKDATED);
        Self { begin, end: begin.saturating_add(LEAF_LIFE).min(authority.end) }
    }
}

/// What an issuer puts into a leaf.
pub(super) struct Issuer<'a> {
    pub(super) key: &'a IssuerKey,
    /// Its name, with tag and length.
    pub(super) subject: &'a [u8],
    pub(super) key_identifier: &'a [u8],
}

impl Issuer<'_> {
    /// A leaf for a host. `None` only if the system has no random numbers.
    pub(super) fn leaf(&self, host: &Host, public: &[u8], validity: Validity) -> Option<Vec<u8>> {
        let (name, common_name) = match host {
            Host::Name(name) => (element(0x82, &[name.as_bytes()]), name.to_string()),
            Host::Address(IpAddr::V4(address)) => {
                (element(0x87, &[&address.octets()]), address.to_string())
            }
            Host::Address(IpAddr::V6(address)) => {
                (element(0x87, &[&address.octets()]), address.to_string())
            }
        };
        let has_subject = common_name.len() <= LONGEST_NAME;
        let subject = if has_subject { distinguished_name(&common_name) } else { sequence(&[]) };
        let identifier = sequence(&[&element(0x80, &[self.key_identifier])]);
        let extensions = [
            // digitalSignature is the first bit.
            extension(KEY_USAGE, true, &element(tag::BIT_STRING, &[&[7, 0x80]])),
            extension(EXTENDED_KEY_USAGE, false, &sequence(&[&oid(SERVER_AUTHENTICATION)])),
            extension(SUBJECT_ALTERNATIVE_NAME, !has_subject, &sequence(&[&name])),
            extension(AUTHORITY_KEY_IDENTIFIER, false, &identifier),
        ];
        self.signed(&subject, public, validity, &extensions.concat())
    }

    /// Signs a certificate.
    fn signed(
        &self,
        subject: &[u8],
        public: &[u8],
        validity: Validity,
        extensions: &[u8],
    ) -> Option<Vec<u8>> {
        let to_be_signed = sequence(&[
            // Version 3.
            &element(tag::CONTEXT_0, &[&integer(&[2])]),
            &integer(&serial_number()?),
            self.key.algorithm,
            self.subject,
            &validity.der(),
            subject,
            public,
            &element(tag::CONTEXT_3, &[&sequence(&[extensions])]),
        ]);
        let signature = self.key.sign(&to_be_signed)?;
        Some(sequence(&[&to_be_signed, self.key.algorithm, &bits(&signature)]))
    }
}

/// A certificate of a new authority, which it signs itself (rule 1).
pub(super) fn authority(key: &IssuerKey, name: &str, validity: Validity) -> Option<Vec<u8>> {
    let subject = distinguished_name(name);
    let key_identifier = key_identifier(&key.public);
    let extensions = [
        extension(
            BASIC_CONSTRAINTS,
            true,
            &sequence(&[&element(tag::BOOLEAN, &[&[0xff]]), &integer(&[0])]),
        ),
        // keyCertSign and cRLSign are the sixth and the seventh bit.
        extension(KEY_USAGE, true, &element(tag::BIT_STRING, &[&[1, 0x06]])),
        extension(SUBJECT_KEY_IDENTIFIER, false, &octets(&key_identifier)),
    ];
    let issuer = Issuer { key, subject: &subject, key_identifier: &key_identifier };
    issuer.signed(&subject, &key.public, validity, &extensions.concat())
}

/// The identifier of a public key: 160 bits of the SHA-256 of its `SubjectPublicKeyInfo` (RFC 7093 §2, methods 1 and 4).
pub(super) fn key_identifier(public: &[u8]) -> Vec<u8> {
    digest(&SHA256, public).as_ref().iter().copied().take(20).collect()
}

/// Rule 5.
fn serial_number() -> Option<[u8; 16]> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    // Positive, and of the same length every time.
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    Some(bytes)
}

/// A name that has only a common name.
fn distinguished_name(common_name: &str) -> Vec<u8> {
    let text = element(tag::UTF8_STRING, &[common_name.as_bytes()]);
    let attribute = sequence(&[&oid(COMMON_NAME), &text]);
    sequence(&[&element(tag::SET, &[&attribute])])
}

fn extension(id: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = element(tag::BOOLEAN, &[&[0xff]]);
    sequence(&[&oid(id), if is_critical { &critical } else { &[] }, &octets(value)])
}
