#![doc = include_str!("crate.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm
)]

// Without a system, there is nothing to share.
#[cfg(feature = "reverse")]
mod common;
#[cfg(feature = "reverse")]
mod reverse;

#[cfg(feature = "reverse")]
pub use self::common::{
    body::{Body, BoxError},
    error::ConfigError,
    failure::{Failure, FailureKind},
    hop_by_hop::Underscores,
    limits::Limits,
    path::DotSegments,
};
#[cfg(feature = "reverse")]
pub use self::reverse::{
    exchange::Exchange,
    layer::{ReverseProxyBuilder, ReverseProxyFuture, ReverseProxyLayer, ReverseProxyService},
    options::ProxyOptions,
    picker::{PickFuture, Picker},
    proxy::{ProxyFuture, ReverseProxy},
    target::{HostHeader, Protocol, Target, TargetBuilder},
    transparent::{TransparentProxy, TransparentProxyBuilder},
    transport::{HttpTransport, Resolve, ResolveFuture, SendFuture, Transport, Upstream},
};

/// The examples of the documents, compiled and run with every feature.
#[cfg(all(doctest, feature = "reverse", feature = "axum"))]
mod documents {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/DEVELOPMENT.md")]
    mod development {}
}
