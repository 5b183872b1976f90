//! Shadow mode: a candidate configuration beside the one in force, or before any is in force.
//!
//! 1. **Nothing changes.** On the candidate's account no request is rewritten or rejected, nor is
//!    anything put into its extensions. What is in force decides alone.
//! 2. **Compared** is what each makes of the request as it came in: whether it passes, and its
//!    client, scheme, host, port and prefix. Two rejections are no difference, whatever their reason.
//!    What `headers=` and `uri=` would do to the request is not compared.
//! 3. **Reported** is each request that differs, once, with every value that does and who vouches
//!    for it: to the function given to [`on_difference`](Shadow::on_difference), to the
//!    [`counts`](Shadow::counts), and with the feature `tracing` as an event at level debug. A
//!    stranger can cause differences at will, so a function that writes should not write them all,
//!    and the events (target `proxyfix::shadow`) are to be had for a while, by a filter.
//! 4. **Nothing raw.** Values are valid and in canonical form, errors repeat one escaped character
//!    at most.
//! 5. **List lengths.** Of requests whose peer is one of the candidate's `proxies`, the number of
//!    elements in each list is counted: of the five `X-Forwarded` headers by the candidate's names,
//!    of `Forwarded` and of its `client-ip`, trusted or not. Everything left of the sixteenth element
//!    from the right is one more, and not looked at; an element is at most 4 KiB. A request whose
//!    `Connection` names a header is not counted for that header, because a proxy on the way may have
//!    dropped a part of its list.
//! 6. **Cost.** The candidate's decision, at most 64 KiB read for each of the lists, some atomic
//!    additions. Nothing is locked, and nothing grows.
//!
//! # Finding the count
//!
//! The count that fits is the length that a list has where an honest client, who writes no such
//! header itself, comes through the whole chain: mostly the [most frequent
//! one](ListLengths::most_frequent).
//!
//! A client can make a list longer, because it writes at the left end. It can make a list shorter where a
//! proxy on the way obeys the client's `Connection: X-Forwarded-For` (RFC 9110 §7.6.1), drops what the
//! proxies before it wrote, and does not pass that `Connection` on, so that nothing of it arrives. Under
//! the right count such a request is rejected, and nobody else's is. So:
//!
//! * Never take a count above [`shortest`](ListLengths::shortest), unless you know who sends the
//!   shorter lists (a health check, another way in, a client with such a `Connection`): those requests
//!   would be rejected. A few short lists among many are no reason for a lower count, which would
//!   take a proxy for the client. Send a request with that `Connection` through your chain: where its
//!   list is shorter, any client can do the same.
//! * Lengths above it are clients who lie, or who have a forward proxy of their own. They are no
//!   reason for a higher count: whoever sends many of them moves the most frequent length.
//! * Where requests without the header ([`absent`](ListLengths::absent)) stand beside many with it,
//!   some proxy does not write it on every request, or health checks come without it.
//! * A header whose lists are short and long by turns, without a clear lowest length, is likely
//!   passed through by your proxies as the client wrote it. Do not trust it.
//!
//! Where you do not know the proxies' addresses yet, `proxies=any` in a candidate counts everything,
//! also what comes past them.
//!
//! # Before any is in force
//!
//! ```
//! use proxyfix::{Config, shadow::{Shadow, ShadowLayer}};
//! # use http::{Request, Response};
//! # use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let candidate: Config = "proxies=10.0.0.0/8 for=2 proto=1".parse()?;
//! let shadow = Shadow::new(candidate)
//!     .on_difference(|difference| eprintln!("{difference}"));
//! # let app = service_fn(|_: Request<()>| async { Ok::<_, std::convert::Infallible>(Response::new(())) });
//! let app = ServiceBuilder::new().layer(ShadowLayer::new(shadow.clone())).service(app);
//! # let request = Request::get("/")
//! #     .header("X-Forwarded-For", "203.0.113.9")
//! #     .extension(proxyfix::Peer::from(std::net::IpAddr::from([10, 0, 0, 1])))
//! #     .body(())?;
//! # app.oneshot(request).await?;
//!
//! // Later, for instance behind a route of your own:
//! for lengths in shadow.list_lengths() {
//!     println!("{lengths}"); // x-forwarded-for: 1: 1 request
//! }
//! assert_eq!(shadow.counts().rejected, 1); // for=2 would reject it: lower the count
//! # Ok(())
//! # }
//! ```

mod counters;
mod difference;
mod lengths;
mod service;

use std::{fmt, sync::Arc};

use http::Request;

use self::{counters::Counters, lengths::Histogram};
pub use self::{
    counters::Counts,
    difference::{Difference, Differs},
    lengths::ListLengths,
    service::{ShadowLayer, ShadowService},
};
use crate::{config::Config, error::Error, peer::Peer, resolved::Resolved, rewrite};

type OnDifference = Arc<dyn Fn(&Difference<'_>) + Send + Sync>;

/// A candidate configuration, and what has become known about it.
///
/// It is cheap to clone, and clones count together: give one to a layer and keep the other.
/// See the [module documentation](self).
///
/// ```
/// use proxyfix::{Config, ProxyFixLayer, shadow::Shadow};
///
/// # fn main() -> Result<(), proxyfix::ConfigError> {
/// let in_force: Config = "proxies=10.0.0.0/8 for=1".parse()?;
/// let candidate: Config = "proxies=10.0.0.0/8 for=2".parse()?;
///
/// let shadow = Shadow::new(candidate);
/// let layer = ProxyFixLayer::new(in_force).shadow(shadow.clone());
/// assert_eq!(shadow.counts().different, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Shadow {
    observed: Arc<Observed>,
    on_difference: Option<OnDifference>,
}

struct Observed {
    candidate: Config,
    counters: Counters,
    lengths: Histogram,
}

impl Shadow {
    /// Observes what this configuration would decide.
    pub fn new(candidate: Config) -> Self {
        let lengths = Histogram::new(&candidate);
        let observed = Observed { candidate, counters: Counters::default(), lengths };
        Self { observed: Arc::new(observed), on_difference: None }
    }

    /// Runs for each request of which the candidate would make something else, while the request
    /// waits.
    ///
    /// ```
    /// use proxyfix::{Config, shadow::{Differs, Shadow}};
    ///
    /// # fn main() -> Result<(), proxyfix::ConfigError> {
    /// # let candidate: Config = "proxies=10.0.0.0/8 for=2".parse()?;
    /// let shadow = Shadow::new(candidate).on_difference(|difference| {
    ///     if difference.differs().any(|differs| differs == Differs::Rejected) {
    ///         eprintln!("{difference}");
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_difference<F>(self, report: F) -> Self
    where
        F: Fn(&Difference<'_>) + Send + Sync + 'static,
    {
        Self { on_difference: Some(Arc::new(report)), ..self }
    }

    /// The candidate.
    pub fn candidate(&self) -> &Config {
        &self.observed.candidate
    }

    /// How many requests were seen, and how many would have been decided otherwise.
    pub fn counts(&self) -> Counts {
        self.observed.counters.snapshot()
    }

    /// How many elements the lists had, for each header.
    pub fn list_lengths(&self) -> Vec<ListLengths> {
        self.observed.lengths.snapshot()
    }

    /// What the candidate would make of a request as it came in; `None` where that is not to be
    /// seen any more, since a layer around this one has fixed it.
    pub(super) fn rehearse<B>(
        &self,
        peer: Option<Peer>,
        request: &Request<B>,
    ) -> Option<Result<Resolved, Error>> {
        let Observed { candidate, counters, lengths } = &*self.observed;
        if rewrite::fixed(request.extensions()).is_some() {
            self.already_fixed();
            return None;
        }
        let way = candidate.way_of(peer.as_ref());
        if way.settings.is_proxy(peer.as_ref()) && way.settings.is_proved(request.headers()) {
            lengths.observe(request.headers());
        } else {
            counters.untrusted_peer();
        }
        Some(rewrite::rehearse(peer, request, candidate))
    }

    /// Counts a request that a layer around this one has fixed.
    pub(super) fn already_fixed(&self) {
        self.observed.counters.already_fixed();
    }

    /// Compares what is in force with what the candidate would decide.
    pub(super) fn compare(
        &self,
        in_force: Result<Option<&Resolved>, &Error>,
        candidate: &Result<Resolved, Error>,
    ) {
        let difference = Difference { in_force, candidate: candidate.as_ref() };
        if !self.observed.counters.count(&difference) {
            return;
        }
        #[cfg(feature = "tracing")]
        super::tracing::difference(&difference);
        if let Some(report) = &self.on_difference {
            report(&difference);
        }
    }
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow")
            .field("candidate", self.candidate())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
