//! Likely mistakes in the configuration, found on the requests that come in.
//!
//! 1. A peer that is not one of `proxies` sends forwarding headers: it is likely a proxy that is
//!    missing there.
//! 2. A trusted peer sends none of the trusted headers, but another header that names the client.
//! 3. The believed client is one of `proxies` or has a private address, and its list continues to its
//!    left. With a count, the count is likely too low. With a walk, a proxy is likely missing in
//!    `proxies`.
//! 4. The peer is one of `proxies`, but sends no secret although one is needed.
//! 5. Each is a warning, at most once a minute for each layer. It says on how many requests the mistake
//!    was found since the last warning. A stranger can cause 1, 3 and 4, so they say "likely" or "if".
//! 6. Nothing is decided here. Nothing is looked at if no subscriber wants warnings.
//!
//! This is the only place in the crate that reads the clock.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::tracing;
use crate::{
    config::{ClientRule, Reach},
    forwarded,
    lines::last_start,
    resolve::Head,
    resolved::{Resolved, Speaker},
};

/// The pause before a mistake is reported again.
const PAUSE: Duration = Duration::from_secs(60);

/// The mistakes found so far. Clones share them.
#[derive(Clone)]
pub(super) struct Diagnosis(Arc<Found>);

struct Found {
    since: Instant,
    untrusted_peer: Limit,
    other_header: Limit,
    inner_client: Limit,
    no_secret: Limit,
}

/// A likely mistake, and what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) text: &'static str,
    /// The key of the configuration.
    pub(super) key: &'static str,
    /// A setting that would fit, if one is known.
    pub(super) fits: Option<&'static str>,
}

impl Diagnosis {
    pub(super) fn new() -> Self {
        let since = Instant::now();
        let [untrusted_peer, other_header, inner_client, no_secret] = Default::default();
        Self(Arc::new(Found { since, untrusted_peer, other_header, inner_client, no_secret }))
    }

    /// Looks for mistakes in a decision, and in the request before it is changed.
    pub(super) fn observe(&self, resolved: &Resolved, head: &Head<'_>) {
        if !tracing::wants_warnings() {
            return;
        }
        let found = &*self.0;
        let mistakes = [
            (untrusted_peer(resolved, head), &found.untrusted_peer),
            (other_header(resolved, head), &found.other_header),
            (inner_client(resolved, head), &found.inner_client),
            (no_secret(resolved), &found.no_secret),
        ];
        for (mistake, limit) in mistakes {
            let Some(mistake) = mistake else { continue };
            if let Some(requests) = limit.admit(found.since.elapsed()) {
                tracing::mistake(mistake, requests, resolved);
            }
        }
    }
}

/// Rule 1.
fn untrusted_peer(resolved: &Resolved, head: &Head<'_>) -> Option<Mistake> {
    let forwarding = &resolved.way().plan.forwarding;
    let mut names = head.lines.headers().keys();
    let is_stranger = resolved.speaker == Speaker::Nobody;
    let found = is_stranger && names.any(|name| forwarding.contains(name.as_str()));
    found.then_some(Mistake {
        text: "forwarding headers from a peer that is not trusted: if it is your proxy, its address \
               is missing in proxies=",
        key: "proxies",
        fits: None,
    })
}

/// Rule 2.
fn other_header(resolved: &Resolved, head: &Head<'_>) -> Option<Mistake> {
    let trusted = resolved.way().plan.trusted_names().next();
    if !resolved.is_peer_trusted() || trusted.is_none() || !head.lines.none_trusted() {
        return None;
    }
    let others = [
        ("forwarded", "forwarded=1", "forwarded"),
        ("x-forwarded-for", "for=1", "for"),
        ("x-real-ip", "client-ip=X-Real-IP", "client-ip"),
    ];
    let (_, fits, key) =
        others.into_iter().find(|(name, ..)| head.lines.headers().contains_key(*name))?;
    Some(Mistake {
        text: "none of the trusted headers came, but another that names the client: trust that one if \
               your proxy writes it on every request",
        key,
        fits: Some(fits),
    })
}

/// Rule 3.
fn inner_client(resolved: &Resolved, head: &Head<'_>) -> Option<Mistake> {
    let (hop, ip) = (resolved.client.hop?, resolved.client_ip()?);
    let trusted = resolved.way().plan.client.as_ref()?;
    let proxies = resolved.way().settings.proxies.as_ref()?;
    // The edge's own header is not a list.
    if resolved.is_by_edge() {
        return None;
    }
    if !is_inner(ip) && (proxies.is_any() || !proxies.contains(ip)) {
        return None;
    }
    let (lines, next) = (head.lines.of(trusted), hop.get().saturating_add(1));
    let (element, key, reach) = match trusted.rule {
        ClientRule::List(reach) => (lines.nth_by(last_start, next), "for", reach),
        ClientRule::Forwarded(reach) => {
            (lines.nth_by(forwarded::last_start, next), "forwarded", reach)
        }
        ClientRule::Single | ClientRule::SingleWithPort => return None,
    };
    if element.ok()?.text.is_empty() {
        return None;
    }
    let (text, key) = match reach {
        Reach::Count(_) => (
            "the client is a proxy or a private address, and its list goes on to the left: the \
              count is likely too low",
            key,
        ),
        Reach::Walk => (
            "the client is a private address, and its list goes on to the left: if it is your \
              proxy, its address is missing in proxies=",
            "proxies",
        ),
    };
    Some(Mistake { text, key, fits: None })
}

/// Rule 4.
fn no_secret(resolved: &Resolved) -> Option<Mistake> {
    (resolved.speaker == Speaker::Unproved).then_some(Mistake {
        text: "a peer that is one of proxies= sends no valid secret, so nothing is believed: if it is \
               your proxy, have it add the header with the secret",
        key: "secret-header",
        fits: None,
    })
}

/// Whether an address is never a client's on the internet (RFC 1918, RFC 3927, RFC 4193, RFC 6598).
fn is_inner(ip: IpAddr) -> bool {
    const SHARED: (Ipv4Addr, Ipv4Addr) =
        (Ipv4Addr::new(100, 64, 0, 0), Ipv4Addr::new(100, 127, 255, 255));
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = SHARED.0 <= ip && ip <= SHARED.1;
            shared || ip.is_private() || ip.is_loopback() || ip.is_link_local()
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    }
}

/// Lets one of many through, and counts the others, without a lock.
#[derive(Debug, Default)]
struct Limit {
    /// The time from which the next may pass, in milliseconds.
    next: AtomicU64,
    /// How many came since the last one passed.
    since: AtomicU64,
}

impl Limit {
    /// Counts this one. If it may pass, returns how many came since the last one that passed, including it.
    fn admit(&self, now: Duration) -> Option<u64> {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.since.fetch_add(1, Relaxed);
        let next = self.next.load(Relaxed);
        let later = milliseconds(now.saturating_add(PAUSE));
        // If several come at once, only one succeeds.
        let passes = next <= milliseconds(now)
            && self.next.compare_exchange(next, later, Relaxed, Relaxed).is_ok();
        passes.then(|| self.since.swap(0, Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Limit, is_inner};

    #[test]
    fn once_a_minute_with_a_count() {
        let limit = Limit::default();
        let at = |milliseconds| limit.admit(Duration::from_millis(milliseconds));
        assert_eq!(at(5), Some(1));
        assert_eq!([at(5), at(59_000), at(60_004)], [None; 3]);
        assert_eq!(at(60_005), Some(4));
        assert_eq!(at(120_004), None);
        assert_eq!(at(500_000), Some(2));
    }

    #[test]
    fn of_many_at_once_one_passes() {
        let limit = Limit::default();
        let admitted = std::thread::scope(|scope| {
            let admit = || (0..1_000).filter(|_| limit.admit(Duration::ZERO).is_some()).count();
            let threads = [(); 4].map(|()| scope.spawn(admit));
            threads.map(|thread| thread.join().unwrap()).iter().sum::<usize>()
        });
        assert_eq!(admitted, 1);
    }

    #[test]
    fn inner_addresses() {
        let inner = [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.0",
            "100.127.255.255",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ];
        let outer = ["203.0.113.9", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2001:db8::1"];
        for ip in inner {
            assert!(is_inner(ip.parse().unwrap()), "{ip}");
        }
        for ip in outer {
            assert!(!is_inner(ip.parse().unwrap()), "{ip}");
        }
    }
}
