//! The doctor: the right line for proxyfix, derived from what really arrives.
//!
//! Probes go through the user's own proxies and come out at a receiver in the application's place. What arrived
//! says who wrote which header, and so what may be believed.
//!
//! Read it in this order: [`escape`] and [`arrived`] (what the receiver saw), [`probe`] (what is sent),
//! [`record`] (both together), [`proof`] (a line on every recorded probe), [`infer`] (the line and the findings).
//! [`view`] puts the report into words. These modules are pure: they open no socket and read no clock.
//!
//! Around them are [`receiver`] (a tower service), [`listen`] (a server for it), [`prober`] (the client), and the
//! page that the receiver serves.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used
)]

pub mod arrived;
pub mod curl;
pub mod escape;
pub mod infer;
#[cfg(feature = "listen")]
pub mod listen;
#[cfg(feature = "receiver")]
mod page;
pub mod probe;
#[cfg(feature = "prober")]
pub mod prober;
pub mod proof;
#[cfg(feature = "receiver")]
pub mod receiver;
pub mod record;
pub mod view;
pub mod wire;
