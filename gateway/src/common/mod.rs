//! The rules that all systems of this crate share. Nothing here knows a system.

pub(crate) mod authority;
pub(crate) mod body;
#[cfg(any(feature = "forward", feature = "mount"))]
pub(crate) mod boxed;
#[cfg(any(feature = "forward", feature = "reverse"))]
pub(crate) mod clock;
pub(crate) mod error;
pub(crate) mod failure;
#[cfg(any(feature = "forward", feature = "reverse"))]
pub(crate) mod forwarding;
#[cfg(any(feature = "forward", feature = "reverse"))]
pub(crate) mod framing;
#[cfg(any(feature = "files", feature = "forward", feature = "reverse"))]
pub(crate) mod future;
#[cfg(any(feature = "forward", feature = "reverse"))]
pub(crate) mod hop_by_hop;
#[cfg(feature = "reverse")]
pub(crate) mod limits;
pub(crate) mod path;
pub(crate) mod prefix;
#[cfg(any(feature = "files", feature = "mount"))]
pub(crate) mod slash;
#[cfg(any(feature = "forward", feature = "reverse"))]
pub(crate) mod via;
