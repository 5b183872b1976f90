//! Services at paths of one server, each with the meaning of `SCRIPT_NAME` (RFC 3875 §4.1.13). Werkzeug's
//! `DispatcherMiddleware`, and Paste's `URLMap` with its hosts.

pub(crate) mod builder;
pub(crate) mod service;
