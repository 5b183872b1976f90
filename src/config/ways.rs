//! The ways in of a configuration, and which of them decides.
//!
//! 1. The first way whose proxies have the peer decides. Where none has, the last one does, and the peer
//!    is a stranger to it.
//! 2. The peer alone selects, so that nothing a client writes has a say.

use std::{num::NonZeroU64, sync::Arc};

use super::{Config, Plan, Settings};
use crate::peer::Peer;

/// What clones of a configuration share.
#[cfg_attr(feature = "reload", derive(Clone))]
pub(super) struct Inner {
    first: Way,
    /// The ways that are asked where the peer is none of the first one's proxies.
    more: Vec<Way>,
    /// The `ConfigHandle` that it was given to. No part of equality.
    handle: Option<NonZeroU64>,
}

/// One way in: what is set for it, and what that comes to.
#[cfg_attr(feature = "reload", derive(Clone))]
pub(crate) struct Way {
    pub(crate) settings: Settings,
    pub(crate) plan: Plan,
}

impl Config {
    /// Of at least one way, which is the first.
    pub(super) fn from_ways(ways: Vec<Settings>) -> Self {
        let plans: Vec<_> = ways.iter().map(|way| Plan::new(way, &ways)).collect();
        let mut ways = ways.into_iter().zip(plans).map(|(settings, plan)| Way { settings, plan });
        let nothing = || {
            let settings = Settings::default();
            Way { plan: Plan::new(&settings, &[]), settings }
        };
        let first = ways.next().unwrap_or_else(nothing);
        Self(Arc::new(Inner { first, more: ways.collect(), handle: None }))
    }

    /// All ways in.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Way> {
        [&self.0.first].into_iter().chain(&self.0.more)
    }

    /// The way by which this peer comes in.
    #[inline]
    pub(crate) fn way_of(&self, peer: Option<&Peer>) -> &Way {
        if self.0.more.is_empty() { &self.0.first } else { self.way_among(peer) }
    }

    /// The same where there are several.
    #[cold]
    #[inline(never)]
    fn way_among(&self, peer: Option<&Peer>) -> &Way {
        let found = self.all().find(|way| way.settings.is_proxy(peer));
        found.or_else(|| self.0.more.last()).unwrap_or(&self.0.first)
    }

    /// The same configuration, as one of those that this handle has held.
    #[cfg(feature = "reload")]
    pub(crate) fn held_by(mut self, handle: NonZeroU64) -> Self {
        Arc::make_mut(&mut self.0).handle = Some(handle);
        self
    }

    /// Whether one handle has held both.
    pub(crate) fn shares_handle(&self, other: &Self) -> bool {
        self.0.handle.is_some() && self.0.handle == other.0.handle
    }
}

impl PartialEq for Config {
    /// Of equal settings the same plan comes.
    fn eq(&self, other: &Self) -> bool {
        let settings = self.all().map(|way| &way.settings);
        Arc::ptr_eq(&self.0, &other.0) || settings.eq(other.all().map(|way| &way.settings))
    }
}

impl Eq for Config {}
