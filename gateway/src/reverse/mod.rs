//! The reverse proxy: Werkzeug's `ProxyMiddleware`, Paste's `Proxy` and `TransparentProxy`.
//!
//! Read the modules in this order; each uses only those above it.

mod hooks;
mod progress;
mod url;

mod gap;
mod gate;

mod checks;
pub(crate) mod target;
pub(crate) mod transport;

pub(crate) mod options;
mod upload;

mod download;
mod tunnel;
mod upgrade;

mod request;
mod rewrite;

mod response;

pub(crate) mod exchange;

pub(crate) mod layer;
pub(crate) mod picker;
pub(crate) mod proxy;
pub(crate) mod transparent;
