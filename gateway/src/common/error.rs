//! What is wrong with a configuration. All of it is found when a target or a proxy is built.
//!
//! 1. A message says what is wrong and what to write instead.
//! 2. No request meets an error of the configuration.
//! 3. What may be a secret is not repeated: userinfo and the query of a URL, and of a header what follows its name.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

/// What is wrong with a configuration.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A target is not a URL of this crate.
    #[error(
        "the target {url:?} {reason}; write it like http://127.0.0.1:5001/base/ or unix:/run/app.sock:/base/"
    )]
    #[non_exhaustive]
    InvalidTarget {
        /// The target as it was written, without what may be a password.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A prefix cannot be one.
    #[error("the prefix {prefix:?} {reason}; write it like /api")]
    #[non_exhaustive]
    InvalidPrefix {
        /// The prefix as it was written.
        prefix: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two entries of a table have the same prefix.
    #[error(
        "the prefix {prefix:?} is in the table twice; a prefix with and without a slash at its end is the same"
    )]
    #[non_exhaustive]
    RepeatedPrefix {
        /// The prefix.
        prefix: String,
    },
    /// A table has no entry, and no picker is set.
    #[error("there is no target; add one with target(\"/api\", target), or a picker")]
    NoTarget,
    /// A header name is not a token of RFC 9110, or has an underscore.
    #[error("{name:?} is no header name: letters, digits and hyphens")]
    #[non_exhaustive]
    InvalidHeaderName {
        /// The name as it was written.
        name: String,
    },
    /// A header value has a control character.
    #[error("the value of the header {name} has a control character or is not visible text")]
    #[non_exhaustive]
    InvalidHeaderValue {
        /// The name of the header.
        name: String,
    },
    /// A header may not be configured, because the proxy itself writes it.
    #[error("the header {name} cannot be set or removed here: {instead}")]
    #[non_exhaustive]
    ReservedHeader {
        /// The name of the header.
        name: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// A method is not a token of RFC 9110, or a standard one in another case.
    #[error("{method:?} is not a valid method; methods are case-sensitive: write GET")]
    #[non_exhaustive]
    InvalidMethod {
        /// The method as it was written.
        method: String,
    },
    /// A host or authority is malformed.
    #[error("{host:?} is no host; write it like app.example or app.example:8080")]
    #[non_exhaustive]
    InvalidHost {
        /// The host as it was written.
        host: String,
    },
    /// A host of the forward proxy is no name or address alone.
    #[error(
        "{host:?} is no host by itself; write it like app.example, without a scheme, a port or `*`, and in its ASCII form: it \
         stands for http and https and every port"
    )]
    #[non_exhaustive]
    InvalidHostName {
        /// The host as it was written.
        host: String,
    },
    /// A limit is zero, or below what works.
    #[error("the limit {limit} must be {expected}")]
    #[non_exhaustive]
    InvalidLimit {
        /// Its name, as the setter is called.
        limit: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A protocol may not be upgraded to.
    #[error("upgrades to {protocol:?} cannot be allowed: {reason}")]
    #[non_exhaustive]
    InvalidUpgrade {
        /// The protocol as it was written.
        protocol: String,
        /// Why not.
        reason: &'static str,
    },
    /// A pseudonym is not a token of RFC 9110.
    #[error(
        "the pseudonym {pseudonym:?} is no token; write letters, digits and hyphens, like front-1"
    )]
    #[non_exhaustive]
    InvalidPseudonym {
        /// The pseudonym as it was written.
        pseudonym: String,
    },
    /// A directory or file to export is missing.
    #[error("{path:?} cannot be exported: {reason}; if it comes later, use lazy")]
    #[non_exhaustive]
    MissingExport {
        /// The path as it was written.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An export with which no request would find a file, or not the one that is meant.
    #[error("the export under {prefix:?} cannot work: {reason}")]
    #[non_exhaustive]
    InvalidExport {
        /// Its prefix as it was written.
        prefix: String,
        /// What is wrong, and what to write instead.
        reason: &'static str,
    },
    /// An embedded file has a name that no path asks for.
    #[error(
        "no path asks for the embedded file {name:?}; write its name like css/site.css, without a slash at either end, an \
         empty segment or a dot segment"
    )]
    #[non_exhaustive]
    InvalidEmbeddedName {
        /// The name as it was written.
        name: String,
    },
    /// A type of content is malformed.
    #[error("{mime:?} is no type of content; write it like text/plain")]
    #[non_exhaustive]
    InvalidMimeType {
        /// The type as it was written.
        mime: String,
    },
    /// A user of the forward proxy has a name or a password that no client can send.
    #[error(
        "user {number} has no name, or one with a colon, or a control character in the name or the password"
    )]
    #[non_exhaustive]
    InvalidUser {
        /// Its place in the list, from 1. The name may be a secret.
        number: usize,
    },
    /// A network is malformed.
    #[error("{network:?} is no network; write it like 10.0.0.0/8 or 2001:db8::/32")]
    #[non_exhaustive]
    InvalidNetwork {
        /// The network as it was written.
        network: String,
    },
    /// A transparent proxy has no list of authorities, and forces no host.
    #[error(
        "a transparent proxy without force_host needs the authorities that it may reach; add allow(\"app.example\")"
    )]
    NothingAllowed,
    /// A target has `https`, and nothing says which certificates are right.
    #[error("the target {url:?} needs TLS: {reason}")]
    #[non_exhaustive]
    Tls {
        /// The target.
        url: String,
        /// What is missing, and what to add.
        reason: Arc<str>,
    },
    /// A certificate authority cannot be read, made or used.
    #[error("the certificate authority{} cannot be used: {reason}", of_file(path.as_deref()))]
    #[non_exhaustive]
    Authority {
        /// Its file, if it has one.
        path: Option<PathBuf>,
        /// What is wrong, without anything of its private key.
        reason: String,
    },
    /// A host stands in a table twice.
    #[error("the host {host:?} is set twice; a proxy host has one meaning")]
    #[non_exhaustive]
    RepeatedHost {
        /// The host.
        host: String,
    },
    /// What asks for credentials cannot be told to clients.
    #[error("the realm {realm:?} {reason}")]
    #[non_exhaustive]
    InvalidRealm {
        /// The realm as it was written.
        realm: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// How a message names a file.
fn of_file(path: Option<&Path>) -> String {
    path.map(|path| format!(" {}", path.display())).unwrap_or_default()
}

impl ConfigError {
    /// A host that is none, without what may be a password (rule 3).
    pub(crate) fn invalid_host(text: &str) -> Self {
        Self::InvalidHost { host: without_password(text) }
    }

    /// The same, where a host has no port.
    #[cfg(feature = "forward")]
    pub(crate) fn invalid_host_name(text: &str) -> Self {
        Self::InvalidHostName { host: without_password(text) }
    }

    /// A header name that is none, without what follows it (rule 3).
    #[cfg(feature = "reverse")]
    pub(crate) fn invalid_header_name(text: &str) -> Self {
        let end = text.find(['=', ':', ' ', '\t']).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        Self::InvalidHeaderName {
            name: format!("{name}{}", if rest.is_empty() { "" } else { "..." }),
        }
    }
}

#[cfg(feature = "forward")]
impl ConfigError {
    pub(crate) fn authority(path: Option<&Path>, reason: impl Into<String>) -> Self {
        Self::Authority { path: path.map(Path::to_owned), reason: reason.into() }
    }
}

#[cfg(feature = "files")]
impl ConfigError {
    pub(crate) fn missing_export(path: &Path, reason: &str) -> Self {
        Self::MissingExport { path: path.to_owned(), reason: reason.to_owned() }
    }
}

fn without_password(host: &str) -> String {
    match host.rsplit_once('@') {
        Some((_, rest)) => format!("...@{rest}"),
        None => host.to_owned(),
    }
}
