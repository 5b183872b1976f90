//! A decision told step by step: [`explain()`].
//!
//! 1. It is the decision itself, run with a recorder of [steps](crate::Step).
//! 2. It lists the headers that the rewriting would remove.
//! 3. If there are several ways in, it says which one decides.

use std::fmt;

use http::{HeaderMap, HeaderName, Uri};

use crate::{
    config::Config,
    error::Error,
    peer::Peer,
    resolve::{self, Head},
    resolved::Resolved,
    rewrite,
    trace::Step,
};

/// Decides as [`resolve`](fn@crate::resolve) does, and records every step. `fix_request` also rejects some
/// requests that this function does not: for `Host` in HTTP/2, or for a malformed target. For these it
/// shows what would be resolved.
///
/// ```
/// use http::{HeaderMap, Uri};
/// use proxyfix::{explain, Config, Peer};
///
/// let config: Config = "proxies=loopback for=1".parse()?;
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "6.6.6.6, 203.0.113.9".parse()?);
/// headers.insert("x-real-ip", "6.6.6.6".parse()?);
///
/// let peer = Peer::from(std::net::IpAddr::from([127, 0, 0, 1]));
/// let explanation = explain(peer, &headers, &Uri::default(), &config);
/// let step = explanation.steps().iter().find(|step| step.code() == "client").unwrap();
/// assert_eq!(step.text(), Some(&b"203.0.113.9"[..]));
/// assert_eq!((step.hop(), step.span()), (Some(1), Some(9..20)));
/// assert_eq!(explanation.stripped(), ["x-real-ip"]);
/// println!("{explanation}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain(
    peer: impl Into<Option<Peer>>,
    headers: &HeaderMap,
    uri: &Uri,
    config: &Config,
) -> Explanation {
    let mut steps = Vec::new();
    let peer: Option<Peer> = peer.into();
    let decides = config.way_of(peer.as_ref());
    let way = config.all().position(|way| std::ptr::eq(way, decides)).unwrap_or_default();
    let outcome = resolve::decide(&mut Head::new(peer, headers, uri, None), config, &mut steps);
    let stripped = match &outcome {
        Ok(resolved) => rewrite::removed(headers, resolved),
        Err(_) => Vec::new(),
    };
    Explanation { config: config.clone(), way, outcome, steps, stripped }
}

/// Every step of a decision, and its outcome. See [`explain()`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Explanation {
    config: Config,
    way: usize,
    pub(crate) outcome: Result<Resolved, Error>,
    pub(crate) steps: Vec<Step>,
    pub(crate) stripped: Vec<HeaderName>,
}

impl Explanation {
    /// The answer of [`resolve`](fn@crate::resolve).
    ///
    /// # Errors
    /// The error with which the request is rejected.
    pub fn outcome(&self) -> Result<&Resolved, &Error> {
        self.outcome.as_ref()
    }

    /// The answer of [`resolve`](fn@crate::resolve).
    ///
    /// # Errors
    /// The error with which the request is rejected.
    pub fn into_outcome(self) -> Result<Resolved, Error> {
        self.outcome
    }

    /// The number of the way in that decides, from 0, in the order of [`Config::ways`].
    pub fn way(&self) -> usize {
        self.way
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The headers that [`fix_request`](crate::fix_request) removes from this request.
    pub fn stripped(&self) -> &[HeaderName] {
        &self.stripped
    }
}

/// Prints a line for each step, then the outcome.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ways = self.config.all().count();
        if ways > 1 {
            let number = self.way.saturating_add(1);
            let way = self.config.all().nth(self.way);
            let proxies = way.and_then(|way| way.settings.proxies.as_ref());
            let proxies = proxies.map(ToString::to_string).unwrap_or_default();
            writeln!(f, "{:<16} {number} of {ways} decides: proxies={proxies}", "way")?;
        }
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        for name in &self.stripped {
            writeln!(
                f,
                "{:<16} {name}: a forwarding header that is not trusted, removed",
                "stripped"
            )?;
        }
        match &self.outcome {
            Err(error) => write!(f, "{:<16} {error}", "rejected"),
            Ok(resolved) => {
                let sources = resolved.source();
                let host = resolved
                    .host_port()
                    .map_or_else(|| "no host".to_owned(), |host| host.to_string());
                write!(
                    f,
                    "{:<16} client {} ({}), {}://{host}{} (scheme: {}; host: {}; prefix: {})",
                    "resolved",
                    resolved.client(),
                    sources.client(),
                    resolved.scheme(),
                    resolved.prefix(),
                    sources.scheme(),
                    sources.host(),
                    sources.prefix(),
                )
            }
        }
    }
}
