//! The rules that all systems of this crate share. Nothing here knows a system.

pub(crate) mod authority;
pub(crate) mod body;
pub(crate) mod error;
pub(crate) mod failure;
#[cfg(feature = "reverse")]
pub(crate) mod forwarding;
#[cfg(feature = "reverse")]
pub(crate) mod framing;
#[cfg(any(feature = "files", feature = "reverse"))]
pub(crate) mod future;
#[cfg(feature = "reverse")]
pub(crate) mod hop_by_hop;
#[cfg(feature = "reverse")]
pub(crate) mod limits;
pub(crate) mod path;
pub(crate) mod prefix;
#[cfg(feature = "reverse")]
pub(crate) mod via;
