//! The rules that all systems of this crate share. Nothing here knows a system.

pub(crate) mod authority;
pub(crate) mod body;
pub(crate) mod error;
pub(crate) mod failure;
pub(crate) mod forwarding;
pub(crate) mod framing;
pub(crate) mod hop_by_hop;
pub(crate) mod limits;
pub(crate) mod path;
pub(crate) mod prefix;
pub(crate) mod via;
