//! Static files, before an application. Werkzeug's `SharedDataMiddleware`.
//!
//! Read it in this order: `name` and `pattern` (which file, and which not), `root` (what is inside), `export` and
//! `search` (where it is looked for), `conditional`, `range` and `encoding` (what of it is sent), `respond`, `serve`,
//! `layer`.

mod body;
pub(crate) mod builder;
mod cache;
mod conditional;
pub(crate) mod embedded;
mod encoding;
pub(crate) mod export;
pub(crate) mod layer;
mod lifetime;
mod mime;
mod name;
mod pattern;
mod range;
mod respond;
pub(crate) mod root;
mod search;
mod serve;
mod stat;
