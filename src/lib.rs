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

mod address;
mod config;
mod error;
mod explain;
mod forwarded;
mod host;
#[cfg(feature = "tower")]
mod layer;
mod lines;
mod mount;
mod node;
mod peer;
mod prefix;
mod resolve;
mod resolved;
mod rewrite;
mod scheme;
mod text;
mod trace;
mod write;

pub use ipnet;

#[cfg(feature = "reload")]
pub use self::layer::ConfigHandle;
#[cfg(feature = "axum")]
pub use self::layer::extract;
#[cfg(feature = "trailers")]
pub use self::layer::{CleanTrailers, TrailersLayer, TrailersService};
#[cfg(feature = "tower")]
pub use self::layer::{
    DefaultRejection, PrefixFuture, PrefixLayer, PrefixService, ProxyFix, ProxyFixLayer,
    RejectionResponse, ResponseFuture, is_own_path, shadow,
};
pub use self::{
    config::{
        AllTrusted, Config, ConfigBuilder, ConfigError, HeaderPolicy, OnInvalid, OnMissing, Trust,
        TrustedProxies, UriPolicy, forwarding_headers, is_forwarding_header,
    },
    error::{Error, ErrorKind},
    explain::{Explanation, explain},
    forwarded::{ForwardedElement, ForwardedElements, forwarded_elements},
    mount::MountPath,
    node::{Node, NodeName, NodePort, Obfuscated},
    peer::Peer,
    resolve::resolve,
    resolved::{Original, Resolved, Source, Sources},
    rewrite::{fix_parts, fix_request},
    scheme::Scheme,
    trace::Step,
    write::{Family, Hop, WriteMode, write},
};

/// The examples of the documents, compiled and run with every feature.
#[cfg(all(doctest, feature = "axum", feature = "reload"))]
mod documents {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/CHOOSING.md")]
    mod choosing {}
    #[doc = include_str!("../docs/MIGRATING.md")]
    mod migrating {}
    #[doc = include_str!("../docs/PREFIX.md")]
    mod prefix {}
}
