//! The ways in of a configuration, and which of them decides.
//!
//! 1. The first way whose proxies include the peer decides. If none does, the last one decides, and the
//!    peer is a stranger to it.
//! 2. Only the peer selects the way, so nothing that a client writes has an influence on it.

use std::{num::NonZeroU64, sync::Arc};

use super::{Config, Plan, Settings};
use crate::peer::Peer;

/// The part of a configuration that its clones share.
#[cfg_attr(feature = "reload", derive(Clone))]
pub(super) struct Inner {
    first: Way,
    /// The ways to try if the peer is not one of the first way's proxies.
    more: Vec<Way>,
    /// The `ConfigHandle` that the configuration was given to. Equality ignores it.
    handle: Option<NonZeroU64>,
}

/// One way in: its settings, and the plan made of them.
#[cfg_attr(feature = "reload", derive(Clone))]
pub(crate) struct Way {
    pub(crate) settings: Settings,
    pub(crate) plan: Plan,
}

impl Config {
    /// Makes a configuration of these ways. There must be at least one.
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

    /// Whether there are several.
    pub(crate) fn has_several(&self) -> bool {
        !self.0.more.is_empty()
    }

    /// The way by which this peer comes in.
    #[inline]
    pub(crate) fn way_of(&self, peer: Option<&Peer>) -> &Way {
        if self.0.more.is_empty() { &self.0.first } else { self.way_among(peer) }
    }

    /// The same if there are several ways.
    #[cold]
    #[inline(never)]
    fn way_among(&self, peer: Option<&Peer>) -> &Way {
        let found = self.all().find(|way| way.settings.is_proxy(peer));
        found.or_else(|| self.0.more.last()).unwrap_or(&self.0.first)
    }

    /// The same configuration, marked as one that this handle has held.
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
    /// Equal settings give equal plans, so only settings are compared.
    fn eq(&self, other: &Self) -> bool {
        let settings = self.all().map(|way| &way.settings);
        Arc::ptr_eq(&self.0, &other.0) || settings.eq(other.all().map(|way| &way.settings))
    }
}

impl Eq for Config {}
