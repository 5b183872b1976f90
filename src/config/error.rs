//! Why a configuration is refused: [`ConfigError`].
//!
//! 1. Each text quotes what the operator wrote, and says what to write instead.
//! 2. Contradictions are errors. A setting without effect is one too, if that leaves a hole.

use std::fmt;

use http::{HeaderName, header::FORWARDED};

use super::meant;

/// Why a configuration is refused. The text quotes what the operator wrote and says what to write.
///
/// ```
/// let error = "for=1".parse::<proxyfix::Config>().unwrap_err();
/// assert!(error.to_string().contains("proxies="));
/// ```
///
/// `Debug` prints the same text, because a `main` that returns the error shows it that way.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// `aligned` is what `forwarded` does anyway.
    #[error(
        "{key}=aligned says what forwarded= does anyway: it reads {key} in the client's own element; \
         leave it out, or write a count such as {key}=1"
    )]
    #[non_exhaustive]
    AlignedInForwarded {
        /// The key that says `aligned`.
        key: &'static str,
    },
    /// `aligned` takes the element at the client's distance, and no key gives that distance.
    #[error(
        "{key}=aligned takes the distance of for=N or for=walk, and neither is set; write a count: {key}=1"
    )]
    #[non_exhaustive]
    AlignedWithoutDistance {
        /// The key that says `aligned`.
        key: &'static str,
    },
    /// `client-ip` is set beside `for` or `forwarded`, and no edge says when each of them counts.
    #[error(
        "client-ip and {other} both say who the client is; keep one of them, or write edge= with the \
         networks of the CDN that sends the header of client-ip"
    )]
    #[non_exhaustive]
    ClientIpBeside {
        /// The other key.
        other: &'static str,
    },
    /// An edge that is not a list of networks.
    #[error(
        "edge= takes the networks of a CDN, such as edge=192.0.2.0/24; any, none, unix and a network of all \
         addresses are not allowed"
    )]
    EdgeOfAll,
    /// An edge needs a list that finds it and a header that names the client behind it.
    #[error(
        "edge= needs for= (or forwarded=), which finds the address that connected to your outermost \
         proxy, and client-ip= with the header that the edge sends, such as CF-Connecting-IP"
    )]
    EdgeWithout,
    /// The list of allowed hosts is empty.
    #[error("hosts= has no entry, so no request would pass; leave it out to allow every host")]
    EmptyHosts,
    /// A header is in two keys that contradict each other.
    #[error("{name} is in {first} and in {second}; keep one")]
    #[non_exhaustive]
    InTwoKeys {
        /// The header.
        name: HeaderName,
        /// One key.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A text is not a header name.
    #[error("{key}={text:?}: {}", meant::header(key, text))]
    #[non_exhaustive]
    InvalidHeaderName {
        /// The key.
        key: &'static str,
        /// What was written.
        text: String,
    },
    /// A text is not a host pattern.
    #[error(
        "hosts={text:?}: expected a host, such as example.com or *.example.com, or one with a port, \
         such as example.com:443 or example.com:*{}",
        meant::host(text)
    )]
    #[non_exhaustive]
    InvalidHostPattern {
        /// What was written.
        text: String,
    },
    /// An entry of a list of proxies cannot be read.
    #[error("invalid {what} {text:?}: {reason}")]
    #[non_exhaustive]
    InvalidNetwork {
        /// What kind of entry it is: `trusted proxy` or `network in edge=`.
        what: &'static str,
        /// The entry.
        text: String,
        /// What is wrong with it, or was expected.
        reason: &'static str,
    },
    /// A text cannot be a secret.
    #[error("a secret that the proxy would send is not valid: {reason}")]
    #[non_exhaustive]
    InvalidSecret {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A value is not one of those that its key takes.
    #[error("{key}={value:?}: expected {expected}{}", meant::value(key, value, expected))]
    #[non_exhaustive]
    InvalidValue {
        /// The key.
        key: &'static str,
        /// What was written.
        value: String,
        /// What the key takes.
        expected: &'static str,
    },
    /// An IPv4-mapped network is shorter than /96 and so holds more than IPv4.
    #[error(
        "invalid {what} {text:?}: an IPv4-mapped network must be /96 or longer; write the \
         IPv4 network, such as 10.0.0.0/8"
    )]
    #[non_exhaustive]
    MappedNetwork {
        /// What kind of entry it is: `trusted proxy` or `network in edge=`.
        what: &'static str,
        /// The entry.
        text: String,
    },
    /// Nothing says who the trusted proxies are.
    #[error(
        "no trusted proxies; write proxies=LIST with the addresses that your proxies connect from, \
         such as proxies=10.0.0.0/8,loopback (proxies=any trusts every peer, and is right only \
         where nobody else can connect)"
    )]
    MissingProxies,
    /// There is a header for a secret, and no secret.
    #[error(
        "secret-header={name} needs the secret that the proxy sends in it: Config::from_env reads it \
         from {variable}_SECRET (several with commas) or from the file that {variable}_SECRET_FILE \
         names; in code, parse a ConfigBuilder and give it the secret with ConfigBuilder::secret"
    )]
    #[non_exhaustive]
    MissingSecret {
        /// The header.
        name: HeaderName,
        /// What the names of the environment variables begin with.
        variable: String,
    },
    /// The environment has neither a variable of the given name nor one for any key.
    #[error(
        "no configuration in the environment; write {name}=\"proxies=10.0.0.0/8 for=1 proto=1\", or \
         a variable for each key: {name}_PROXIES, {name}_FOR, {name}_PROTO"
    )]
    #[non_exhaustive]
    MissingVariable {
        /// The name.
        name: String,
    },
    /// A word of the text form is not `key=value`.
    #[error("expected key=value, found {word:?}; {}", meant::word(word))]
    #[non_exhaustive]
    NotKeyValue {
        /// The word.
        word: String,
    },
    /// The value of an environment variable is not Unicode.
    #[error("environment variable {name}: the value is not Unicode")]
    #[non_exhaustive]
    NotUnicode {
        /// The variable.
        name: String,
    },
    /// No header is trusted, so that the configuration would do nothing.
    #[error(
        "no header is trusted; write at least one of for=, proto=, host=, port=, prefix=, \
         forwarded=, client-ip=, with a count of 1 for one proxy"
    )]
    NothingTrusted,
    /// A key occurs twice.
    #[error("{key} is set twice; keep one")]
    #[non_exhaustive]
    RepeatedKey {
        /// The key.
        key: &'static str,
    },
    /// An environment variable is given twice.
    #[error("environment variable {name} is given twice; keep one")]
    #[non_exhaustive]
    RepeatedVariable {
        /// The variable.
        name: String,
    },
    /// A header that frames or routes the request can neither carry a forwarded value nor be removed.
    #[error("{key}={name}: {}", reserved(key, name))]
    #[non_exhaustive]
    ReservedHeader {
        /// The key.
        key: &'static str,
        /// The header.
        name: HeaderName,
    },
    /// There is a secret, and no header for it.
    #[error(
        "a secret was given, but no header to send it in; write secret-header= with the header that \
         your proxy adds, such as X-Origin-Secret"
    )]
    SecretWithoutHeader,
    /// A file with secrets cannot be read.
    #[error("environment variable {name}: the file that it names cannot be read: {reason}")]
    #[non_exhaustive]
    SecretFile {
        /// The variable.
        name: String,
        /// What the system says.
        reason: String,
    },
    /// Two values would be read from one header.
    #[error("{first} and {second} are both read from {name}; give each a header of its own")]
    #[non_exhaustive]
    SharedHeader {
        /// The header.
        name: HeaderName,
        /// One key.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A header is trusted, and at the same time exempt from removal or always removed.
    #[error(
        "{key}={name} is a trusted header, in this or another spelling; its own spelling is \
         reduced to its effective value, and every other is removed; leave it out of {key}="
    )]
    #[non_exhaustive]
    TrustedBeside {
        /// The other key.
        key: &'static str,
        /// The header.
        name: HeaderName,
    },
    /// There are more ways in than a configuration takes.
    #[error(
        "there are more than {most} ways in; put networks with the same settings into one list"
    )]
    #[non_exhaustive]
    TooManyWays {
        /// How many it takes.
        most: usize,
    },
    /// Both header families are trusted, but a proxy writes only one.
    #[error(
        "forwarded and {other} belong to two families; trust the one that your proxy writes, \
         because the other passes through it untouched"
    )]
    #[non_exhaustive]
    TwoFamilies {
        /// A key of the other family.
        other: &'static str,
    },
    /// The environment has the whole configuration in one variable, and a key in another.
    #[error("{name} holds the whole configuration, and {other} is set too; keep one of them")]
    #[non_exhaustive]
    TwoForms {
        /// The variable that holds the whole.
        name: String,
        /// One that holds a key.
        other: String,
    },
    /// A key is not known.
    #[error("unknown key {key:?}; {instead}")]
    #[non_exhaustive]
    UnknownKey {
        /// The key.
        key: String,
        /// What to write instead: the keys that may be meant, or all keys.
        instead: String,
    },
    /// An environment variable has the prefix of the configuration's variables, but is none of them.
    #[error("unknown environment variable {name:?}; {instead}")]
    #[non_exhaustive]
    UnknownVariable {
        /// The variable.
        name: String,
        /// What to write instead: the variables that may be meant, or all variables.
        instead: String,
    },
    /// No peer can reach a way in.
    #[error(
        "no peer can reach the way in with proxies={proxies}: write ways with fewer addresses \
         before those with more, and none or any last"
    )]
    #[non_exhaustive]
    UnreachableWay {
        /// Its proxies.
        proxies: String,
    },
    /// The environment's configuration is refused.
    #[error("environment variable {name}: {error}{note}")]
    #[non_exhaustive]
    Variable {
        /// The variable that holds the whole configuration, or the key at fault; `NAME_*` if there are
        /// several.
        name: String,
        /// Why.
        error: Box<ConfigError>,
        /// How to read the error, if each key has a variable.
        note: &'static str,
    },
    /// Nothing would be verified: a walk verifies each hop anyway, and `any` accepts every address.
    #[error("verify=hops needs for=N or forwarded=N, and a list of proxies to compare with")]
    VerifyWithoutCount,
    /// A walk ends at the first address that is not a proxy, so it needs a list of proxies.
    #[error("walk needs a list of proxies, and proxies=any has none; write the list or a count")]
    WalkWithAny,
}

fn reserved(key: &str, name: &HeaderName) -> &'static str {
    match key {
        "for-name" | "proto-name" | "host-name" | "client-ip" if *name == FORWARDED => {
            "it names client, scheme and host together; write forwarded=1"
        }
        "strip-also" if *name == FORWARDED => {
            "it is removed anyway unless it is trusted; leave it out"
        }
        _ => "this header has a meaning of its own; choose another",
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ConfigError {
    /// Where no environment is read, the names are those of the documentation.
    pub(super) fn missing_secret(name: &HeaderName) -> Self {
        Self::MissingSecret { name: name.clone(), variable: "PROXYFIX".to_owned() }
    }

    /// The key whose value is at fault, if the fault is in one value.
    pub(super) fn key(&self) -> Option<&'static str> {
        match self {
            Self::AlignedInForwarded { key }
            | Self::AlignedWithoutDistance { key }
            | Self::InvalidHeaderName { key, .. }
            | Self::InvalidValue { key, .. }
            | Self::RepeatedKey { key }
            | Self::ReservedHeader { key, .. }
            | Self::TrustedBeside { key, .. } => Some(key),
            Self::EmptyHosts | Self::InvalidHostPattern { .. } => Some("hosts"),
            Self::InvalidNetwork { .. } | Self::MappedNetwork { .. } | Self::MissingProxies => {
                Some("proxies")
            }
            Self::EdgeOfAll | Self::EdgeWithout => Some("edge"),
            Self::MissingSecret { .. } | Self::SecretWithoutHeader => Some("secret-header"),
            Self::ClientIpBeside { .. }
            | Self::InTwoKeys { .. }
            | Self::InvalidSecret { .. }
            | Self::MissingVariable { .. }
            | Self::NotKeyValue { .. }
            | Self::NotUnicode { .. }
            | Self::NothingTrusted
            | Self::RepeatedVariable { .. }
            | Self::SecretFile { .. }
            | Self::SharedHeader { .. }
            | Self::TooManyWays { .. }
            | Self::TwoFamilies { .. }
            | Self::TwoForms { .. }
            | Self::UnknownKey { .. }
            | Self::UnknownVariable { .. }
            | Self::UnreachableWay { .. }
            | Self::Variable { .. }
            | Self::VerifyWithoutCount
            | Self::WalkWithAny => None,
        }
    }
}
