//! The certificate authority: where it is kept, and what it signs.
//!
//! Read the modules in this order; each uses only those above it.

mod der;
mod key;

mod certificate;
mod pkcs12;
mod read;

pub(crate) mod authority;
pub(crate) mod file;

pub(crate) mod leaves;
