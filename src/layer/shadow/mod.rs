//! Shadow mode: a candidate configuration beside the one in force, or before any is in force.
//!
//! 1. **Nothing changes.** The candidate does not rewrite or reject a request, and puts nothing into its
//!    extensions. The configuration in force alone decides.
//! 2. **Compared** is what each makes of the request as it came in: whether it passes, and its
//!    client, scheme, host, port and prefix. Two rejections are not a difference, whatever their reasons.
//!    What `headers=` and `uri=` would do to the request is not compared.
//! 3. **Reported** is each request that differs, once, with every value that differs and who vouches
//!    for it. The report goes to the function given to [`on_difference`](Shadow::on_difference), to the
//!    [`counts`](Shadow::counts), and with the feature `tracing` to an event at level debug. A
//!    stranger can cause any number of differences, so a function that writes should not write them all.
//!    Turn on the events (target `proxyfix::shadow`) for a limited time, with a filter.
//! 4. **Nothing raw.** Values are valid and in canonical form. Errors repeat at most one escaped
//!    character.
//! 5. **List lengths.** For requests whose peer is one of the candidate's `proxies`, the number of
//!    elements in each list is counted, trusted or not: in the five `X-Forwarded` headers by the candidate's
//!    names, in `Forwarded` and in the header of its `client-ip`. Everything to the left of the sixteenth
//!    element from the right is not read, and the list counts as "16 and more". An element is at most 4 KiB.
//!    If the request's `Connection` names a header, that header is not counted, because a proxy on the way
//!    may have dropped a part of its list.
//! 6. **Cost.** The candidate's decision, at most 64 KiB read for each of the lists, and some atomic
//!    additions. Nothing is locked, and nothing grows.
//!
//! # Finding the count
//!
//! An honest client writes no such header itself. The right count is the length of the list when such a
//! client comes through the whole chain. Usually that is the [most frequent
//! length](ListLengths::most_frequent).
//!
//! A client can make a list longer, because it writes at the left end. It can make a list shorter if a
//! proxy on the way obeys the client's `Connection: X-Forwarded-For` (RFC 9110 §7.6.1) and drops what the
//! proxies before it wrote. If that proxy does not pass the `Connection` on, no trace of it arrives. Under
//! the right count such a request is rejected, and no other request is. So:
//!
//! * Never take a count above [`shortest`](ListLengths::shortest), unless you know who sends the
//!   shorter lists (a health check, another way in, a client with such a `Connection`): those requests
//!   would be rejected. A few short lists among many are no reason for a lower count, which would
//!   take a proxy for the client. Send a request with that `Connection` through your chain: if its
//!   list is shorter, any client can do the same.
//! * Greater lengths come from clients who lie, or who have a forward proxy of their own. They are no
//!   reason for a higher count: anyone who sends many of them changes the most frequent length.
//! * If there are requests without the header ([`absent`](ListLengths::absent)) beside many with it,
//!   some proxy does not write it on every request, or health checks come without it.
//! * If the lists of a header are sometimes short and sometimes long, without a clear lowest length,
//!   your proxies likely pass the header through as the client wrote it. Do not trust it.
//!
//! If you do not know the proxies' addresses yet, `proxies=any` in a candidate counts everything,
//! even requests that bypass the proxies.
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

/// A candidate configuration, and what was observed about it.
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

    /// Runs for each request that the candidate would decide differently. The request waits
    /// meanwhile.
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

    /// How many requests were seen, and how many would have been decided differently.
    pub fn counts(&self) -> Counts {
        self.observed.counters.snapshot()
    }

    /// How many elements the lists had, for each header.
    pub fn list_lengths(&self) -> Vec<ListLengths> {
        self.observed.lengths.snapshot()
    }

    /// What the candidate would make of a request as it came in. `None` if the original request cannot be
    /// seen any more, because an outer layer has fixed it.
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

    /// Counts a request that an outer layer has fixed.
    pub(super) fn already_fixed(&self) {
        self.observed.counters.already_fixed();
    }

    /// Compares the decision in force with that of the candidate.
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
