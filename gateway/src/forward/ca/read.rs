//! The certificate of an authority, as it is read (RFC 5280 §4.1).
//!
//! 1. Read is what leaves need, and what decides whether clients can believe them: the subject, the public key, its
//!    identifier, the validity, and whether the certificate may sign others.
//! 2. Without keyUsage, every usage is admitted (RFC 5280 §4.2.1.3). Without basicConstraints, it is no authority.

use super::{
    certificate::{self, Validity},
    der::{Element, Reader, read_time, tag},
};

/// What is known of an authority's certificate.
pub(super) struct Read {
    /// Its name, with tag and length.
    pub(super) subject: Vec<u8>,
    /// Its `SubjectPublicKeyInfo`.
    pub(super) public: Vec<u8>,
    pub(super) key_identifier: Option<Vec<u8>>,
    pub(super) validity: Validity,
    pub(super) is_authority: bool,
    pub(super) may_sign: bool,
}

/// Reads a certificate. `None` if it is none.
pub(super) fn read(der: &[u8]) -> Option<Read> {
    let mut all = Reader::new(der);
    let certificate = all.take(tag::SEQUENCE)?;
    if !all.is_empty() {
        return None;
    }
    let mut fields = certificate.inside().take(tag::SEQUENCE)?.inside();
    let _version = fields.take(tag::CONTEXT_0);
    let _serial_number = fields.take(tag::INTEGER)?;
    let _algorithm = fields.take(tag::SEQUENCE)?;
    let _issuer = fields.take(tag::SEQUENCE)?;
    let mut validity = fields.take(tag::SEQUENCE)?.inside();
    let validity =
        Validity { begin: read_time(validity.next()?)?, end: read_time(validity.next()?)? };
    let subject = fields.take(tag::SEQUENCE)?.whole.to_vec();
    let public = fields.take(tag::SEQUENCE)?.whole.to_vec();
    let mut read = Read {
        subject,
        public,
        key_identifier: None,
        validity,
        is_authority: false,
        may_sign: true,
    };
    // The unique identifiers of version 2 may come before.
    while let Some(field) = fields.next() {
        if field.tag == tag::CONTEXT_3 {
            let mut extensions = field.inside().take(tag::SEQUENCE)?.inside();
            while let Some(extension) = extensions.take(tag::SEQUENCE) {
                read_extension(&mut read, extension)?;
            }
        }
    }
    Some(read)
}

fn read_extension(read: &mut Read, extension: Element<'_>) -> Option<()> {
    let mut fields = extension.inside();
    let id = fields.take(tag::OBJECT_IDENTIFIER)?.content;
    let _is_critical = fields.take(tag::BOOLEAN);
    let mut value = fields.take(tag::OCTET_STRING)?.inside();
    if id == certificate::BASIC_CONSTRAINTS {
        let is_authority = value.take(tag::SEQUENCE)?.inside().take(tag::BOOLEAN);
        read.is_authority = is_authority.is_some_and(|flag| flag.content != [0]);
    } else if id == certificate::KEY_USAGE {
        // The first byte counts the bits that are not used.
        let usage = value.take(tag::BIT_STRING)?.content.get(1).copied().unwrap_or_default();
        read.may_sign = usage & 0x04 != 0;
    } else if id == certificate::SUBJECT_KEY_IDENTIFIER {
        read.key_identifier = Some(value.take(tag::OCTET_STRING)?.content.to_vec());
    }
    Some(())
}
