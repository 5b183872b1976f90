//! The forward proxy: wsgiprox's `WSGIProxMiddleware`. What clients send through a proxy, the application answers.
//! Nothing is ever dialled.
//!
//! Read the modules in this order; each uses only those above it.

pub(crate) mod host;

pub(crate) mod ca;
pub(crate) mod limits;

pub(crate) mod request;
pub(crate) mod resolver;

mod asked;
pub(crate) mod credentials;
mod downloads;
pub(crate) mod hosts;

pub(crate) mod tunnels;

mod front;

pub(crate) mod builder;

mod head;
mod received;

mod exchange;

mod streams;

mod connection;
mod stream;

mod handshake;
mod tunnel;

pub(crate) mod layer;
pub(crate) mod serve;
