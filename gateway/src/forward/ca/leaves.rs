//! The leaves that are in use, each with the TLS configuration of its host.
//!
//! 1. There are as many as the limit `leaves` says; the one that was not used for the longest time goes first.
//! 2. A leaf is made once, however many tunnels ask for it at once, and where no task waits for it: off the executor.
//! 3. A leaf is made again when half of its time is over.
//! 4. A configuration offers HTTP/2 and HTTP/1.1. It resumes no session, because a resumed one would not show which name the
//!    client asks for.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{sync::OnceCell, task::spawn_blocking};

use super::authority::{CertificateAuthority, now};
use crate::{
    common::failure::{Failure, FailureKind},
    forward::host::Host,
};

/// What is made for a host.
#[derive(Clone)]
struct Leaf {
    config: Arc<ServerConfig>,
    /// When half of its time is over, in seconds since 1970.
    renew: i64,
}

/// A place in the cache.
struct Place {
    /// When it was last used, by the number of uses.
    used: u64,
    leaf: Arc<OnceCell<Leaf>>,
}

#[derive(Default)]
struct Places {
    uses: u64,
    by_host: HashMap<Host, Place>,
}

/// The leaves of one authority.
pub(crate) struct Leaves {
    authority: CertificateAuthority,
    provider: Arc<CryptoProvider>,
    most: usize,
    places: Mutex<Places>,
}

impl Leaves {
    pub(crate) fn new(authority: CertificateAuthority, most: usize) -> Self {
        let provider = Arc::new(ring::default_provider());
        Self { authority, provider, most, places: Mutex::default() }
    }

    pub(crate) fn authority(&self) -> &CertificateAuthority {
        &self.authority
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).by_host.len()
    }

    /// The configuration for a host.
    pub(crate) async fn config(&self, host: &Host) -> Result<Arc<ServerConfig>, Failure> {
        let place = self.place(host, now());
        let leaf = place.get_or_try_init(|| async {
            let (authority, host) = (self.authority.clone(), host.clone());
            let provider = Arc::clone(&self.provider);
            let made = spawn_blocking(move || make(&authority, &host, provider)).await;
            made.map_err(|error| Failure::new(FailureKind::Internal, "no leaf").with_source(error))?
        });
        Ok(Arc::clone(&leaf.await?.config))
    }

    /// Rules 1 and 3.
    fn place(&self, host: &Host, now: i64) -> Arc<OnceCell<Leaf>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.uses = places.uses.saturating_add(1);
        let Places { uses, by_host } = &mut *places;
        if let Some(place) = by_host.get_mut(host) {
            place.used = *uses;
            if place.leaf.get().is_some_and(|leaf| leaf.renew <= now) {
                place.leaf = Arc::default();
            }
            return Arc::clone(&place.leaf);
        }
        while by_host.len() >= self.most {
            let oldest = by_host.iter().min_by_key(|(_, place)| place.used);
            let Some(oldest) = oldest.map(|(host, _)| host.clone()) else { break };
            by_host.remove(&oldest);
        }
        let leaf = Arc::<OnceCell<Leaf>>::default();
        by_host.insert(host.clone(), Place { used: *uses, leaf: Arc::clone(&leaf) });
        leaf
    }
}

fn make(
    authority: &CertificateAuthority,
    host: &Host,
    provider: Arc<CryptoProvider>,
) -> Result<Leaf, Failure> {
    let begin = now();
    let minted = authority.mint(host)?;
    let key = CertifiedKey::new(minted.chain, minted.key.key);
    let failed = |error| Failure::new(FailureKind::Internal, "no configuration").with_source(error);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Only(Some(Arc::new(key)))));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    let half = minted.end.saturating_sub(begin) / 2;
    Ok(Leaf { config: Arc::new(config), renew: begin.saturating_add(half) })
}

/// The only certificate of a configuration. `None` refuses the handshake.
struct Only(Option<Arc<CertifiedKey>>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }
}

impl fmt::Debug for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Only")
    }
}

/// A configuration that refuses every handshake with an alert.
pub(crate) fn refusing() -> Option<Arc<ServerConfig>> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().ok()?.with_no_client_auth();
    Some(Arc::new(builder.with_cert_resolver(Arc::new(Only(None)))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{CertificateAuthority, Host, Leaves, now};

    fn leaves(most: usize) -> Leaves {
        Leaves::new(CertificateAuthority::options().in_memory().expect("an authority"), most)
    }

    fn host(number: usize) -> Host {
        Host::parse(&format!("n{number}.test")).expect("a host")
    }

    /// Ten thousand hosts keep as many leaves as the limit says.
    #[tokio::test]
    async fn many_hosts() {
        let leaves = leaves(100);
        for number in 0..10_000 {
            leaves.config(&host(number)).await.expect("a leaf");
            assert!(leaves.len() <= 100);
        }
        let last = leaves.config(&host(9_999)).await.expect("a leaf");
        assert!(Arc::ptr_eq(&last, &leaves.config(&host(9_999)).await.expect("a leaf")));
    }

    /// A leaf is made again when half of its time is over.
    #[tokio::test]
    async fn renewal() {
        const DAY: i64 = 24 * 60 * 60;
        let leaves = leaves(10);
        leaves.config(&host(1)).await.expect("a leaf");
        let place = leaves.place(&host(1), now());
        for (days, is_same) in [(0, true), (21, true), (22, false)] {
            let later = leaves.place(&host(1), now().saturating_add(days * DAY));
            assert_eq!(Arc::ptr_eq(&place, &later), is_same, "{days}");
        }
    }

    /// A leaf is made once for all who wait for it, and not where tasks run: without a thread that may block, nothing
    /// is made, and what is there is given out.
    #[test]
    fn off_the_executor() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.max_blocking_threads(1).build().expect("a runtime").block_on(async {
            let leaves = Arc::new(leaves(10));
            let known = leaves.config(&host(1)).await.expect("a leaf");
            let (go_on, wait) = std::sync::mpsc::channel::<()>();
            let blocked = tokio::task::spawn_blocking(move || wait.recv());
            let asked: Vec<_> = (0..20)
                .map(|_| {
                    let leaves = Arc::clone(&leaves);
                    tokio::spawn(async move { leaves.config(&host(2)).await.expect("a leaf") })
                })
                .collect();
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert!(asked.iter().all(|task| !task.is_finished()));
            assert!(Arc::ptr_eq(&known, &leaves.config(&host(1)).await.expect("a leaf")));
            go_on.send(()).expect("it waits");
            blocked.await.expect("no panic").expect("a message");
            let mut made = Vec::new();
            for task in asked {
                made.push(task.await.expect("no panic"));
            }
            assert!(made.iter().all(|leaf| Arc::ptr_eq(leaf, &made[0])));
        });
    }
}
