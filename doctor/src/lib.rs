//! The doctor: the right line for proxyfix, derived from what really arrives.
//!
//! Probes go through the user's own proxies and come out at a receiver in the application's place. What arrived
//! says who wrote which header, and so what may be believed.
//!
//! Read it in this order: [`escape`] and [`arrived`] (what the receiver saw), [`probe`] (what is sent),
//! [`record`] (both together), [`proof`] (a line on every recorded probe), [`infer`] (the line and the findings).
//! These modules are pure: they open no socket and read no clock.

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
pub mod escape;
pub mod infer;
pub mod probe;
pub mod proof;
pub mod record;
