//! What a candidate would decide differently: rules 2 and 4 of [shadow mode](super).

use std::fmt;

use crate::{
    error::Error,
    resolved::{Resolved, Source},
};

/// What the candidate would decide differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Differs {
    /// It would reject a request that passes.
    Rejected,
    /// It would pass a request that is rejected.
    Accepted,
    /// The client.
    Client,
    /// The scheme.
    Scheme,
    /// The host.
    Host,
    /// The port.
    Port,
    /// The path prefix.
    Prefix,
}

/// A value that is compared.
struct Value {
    differs: Differs,
    name: &'static str,
    same: fn(&Resolved, &Resolved) -> bool,
    /// The value, and who vouches for it.
    show: fn(&Resolved) -> (String, Source<'_>),
}

const VALUES: [Value; 5] = [
    Value {
        differs: Differs::Client,
        name: "client",
        same: |a, b| a.client() == b.client(),
        show: |r| (r.client().to_string(), r.source().client()),
    },
    Value {
        differs: Differs::Scheme,
        name: "scheme",
        same: |a, b| a.scheme() == b.scheme(),
        show: |r| (r.scheme().to_string(), r.source().scheme()),
    },
    Value {
        differs: Differs::Host,
        name: "host",
        same: |a, b| a.host() == b.host(),
        show: |r| (r.host().unwrap_or("unknown").to_owned(), r.source().host()),
    },
    Value {
        differs: Differs::Port,
        name: "port",
        same: |a, b| a.port() == b.port(),
        show: |r| (r.port().to_string(), r.source().port()),
    },
    Value {
        differs: Differs::Prefix,
        name: "prefix",
        same: |a, b| a.prefix() == b.prefix(),
        show: |r| (format!("{:?}", r.prefix()), r.source().prefix()),
    },
];

/// A request that the candidate would decide differently, and why.
///
/// [`Display`](fmt::Display) prints what differs, and who vouches for each value:
///
/// ```text
/// client is 10.0.0.2 (x-forwarded-for, hop 1), would be 203.0.113.9 (x-forwarded-for, hop 2)
/// passes, would be rejected: x-forwarded-for, hop 2: no such element, the list is shorter …
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Difference<'a> {
    pub(super) in_force: Result<Option<&'a Resolved>, &'a Error>,
    pub(super) candidate: Result<&'a Resolved, &'a Error>,
}

impl<'a> Difference<'a> {
    /// The decision in force. If no configuration is in force, these are our own values, with the peer as the
    /// client. `None` if the request does not even have those, because its `Host` is malformed. It passes
    /// nevertheless.
    ///
    /// # Errors
    /// The error with which the request is rejected.
    pub fn in_force(&self) -> Result<Option<&'a Resolved>, &'a Error> {
        self.in_force
    }

    /// What the candidate would decide.
    ///
    /// # Errors
    /// The error with which it would reject the request.
    pub fn candidate(&self) -> Result<&'a Resolved, &'a Error> {
        self.candidate
    }

    /// What differs.
    pub fn differs(&self) -> impl Iterator<Item = Differs> + use<'a> {
        let outcome = match (self.in_force, self.candidate) {
            (Ok(_), Err(_)) => Some(Differs::Rejected),
            (Err(_), Ok(_)) => Some(Differs::Accepted),
            (Ok(_), Ok(_)) | (Err(_), Err(_)) => None,
        };
        outcome.into_iter().chain(self.values().map(|(value, ..)| value.differs))
    }

    /// The values that differ, each as it is and as it would be.
    fn values(
        &self,
    ) -> impl Iterator<Item = (&'static Value, &'a Resolved, &'a Resolved)> + use<'a> {
        let both = match (self.in_force, self.candidate) {
            (Ok(Some(is)), Ok(would)) => Some((is, would)),
            _ => None,
        };
        both.into_iter()
            .flat_map(|(is, would)| VALUES.iter().map(move |value| (value, is, would)))
            .filter(|(value, is, would)| !(value.same)(is, would))
    }
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.in_force, self.candidate) {
            (Err(error), _) => write!(f, "is rejected, would pass: {error}"),
            (Ok(_), Err(error)) => write!(f, "passes, would be rejected: {error}"),
            (Ok(_), Ok(_)) => {
                let mut separator = "";
                for (value, is, would) in self.values() {
                    let ((is, vouches), (would, would_vouch)) =
                        ((value.show)(is), (value.show)(would));
                    let name = value.name;
                    write!(
                        f,
                        "{separator}{name} is {is} ({vouches}), would be {would} ({would_vouch})"
                    )?;
                    separator = "; ";
                }
                Ok(())
            }
        }
    }
}
