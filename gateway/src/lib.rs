#![doc = include_str!("crate.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
// The crate's page has links to all systems.
#![cfg_attr(
    not(all(feature = "files", feature = "forward", feature = "mount", feature = "reverse")),
    allow(rustdoc::broken_intra_doc_links, reason = "a system may be missing")
)]
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
#[cfg(any(feature = "files", feature = "forward", feature = "mount", feature = "reverse"))]
#[cfg_attr(not(feature = "reverse"), allow(dead_code, reason = "some rules are those of proxies"))]
mod common;
#[cfg(feature = "files")]
mod files;
#[cfg(feature = "forward")]
mod forward;
#[cfg(feature = "mount")]
mod mount;
#[cfg(feature = "reverse")]
mod reverse;

#[cfg(any(feature = "files", feature = "forward", feature = "reverse"))]
pub use self::common::future::ResponseFuture;
#[cfg(any(feature = "forward", feature = "reverse"))]
pub use self::common::hop_by_hop::Underscores;
#[cfg(feature = "reverse")]
pub use self::common::limits::Limits;
#[cfg(any(feature = "files", feature = "forward", feature = "mount", feature = "reverse"))]
pub use self::common::{
    body::{Body, BoxError},
    error::ConfigError,
    failure::{Failure, FailureKind},
    path::{DotSegments, WithoutSlash},
};
#[cfg(feature = "rust-embed")]
pub use self::files::embedded::Folder;
#[cfg(feature = "files")]
pub use self::files::{
    builder::{Exported, FilesBuilder},
    embedded::{Embedded, EmbeddedFile, EmbeddedFiles},
    export::{Dir, File},
    layer::{FilesLayer, FilesService, NotFound},
    root::Symlinks,
};
#[cfg(feature = "forward")]
pub use self::forward::{
    builder::ForwardProxyBuilder,
    ca::{
        authority::{AuthorityOptions, CertificateAuthority},
        file::Exposure,
    },
    credentials::Credentials,
    hosts::NotMine,
    layer::{ForwardProxyLayer, ForwardProxyService},
    limits::ForwardLimits,
    request::ProxyRequest,
    resolver::{FixedResolver, ForwardTarget, Resolver, UserResolver},
    serve::{Serve, serve},
    tunnels::Tunnels,
};
#[cfg(feature = "mount")]
pub use self::mount::{
    builder::Mount,
    service::{MountFuture, MountService},
};
#[cfg(feature = "reverse")]
pub use self::reverse::{
    exchange::Exchange,
    layer::{ReverseProxyBuilder, ReverseProxyLayer, ReverseProxyService},
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
    #[cfg(feature = "files")]
    #[doc = include_str!("../docs/FILES.md")]
    mod files {}
    #[doc = include_str!("../docs/MOUNT.md")]
    mod mount {}
    #[cfg(feature = "forward")]
    #[doc = include_str!("../docs/FORWARD.md")]
    mod forward {}
    #[cfg(feature = "forward")]
    #[doc = include_str!("../docs/MOCKING.md")]
    mod mocking {}
}
