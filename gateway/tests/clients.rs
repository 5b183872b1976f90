//! Real clients and a real application, through our proxy: WebSocket libraries, HTTP/2 clients, curl, httpbin.
//!
//! `cargo test -p proxyfix-gateway --test clients -- --ignored`. Packages of `PyPI` and npm are installed below the
//! target folder, in the versions of `clients/requirements.txt` and `clients/package.json`. A test whose program is
//! missing is left out, and says so. With `GATEWAY_ALL_PROGRAMS=1` it fails.

#[cfg(feature = "forward")]
#[path = "forward/application.rs"]
#[allow(dead_code, reason = "each test uses a part")]
mod application;
#[cfg(feature = "forward")]
#[path = "clients/chromium.rs"]
mod chromium;
#[path = "clients/curl.rs"]
mod curl;
#[cfg(feature = "forward")]
#[path = "clients/examples.rs"]
mod examples;
#[cfg(feature = "forward")]
#[path = "clients/forward.rs"]
mod forward;
#[path = "clients/http2.rs"]
mod http2;
#[path = "clients/httpbin.rs"]
mod httpbin;
#[path = "clients/programs.rs"]
mod programs;
#[path = "clients/websocket.rs"]
mod websocket;
#[path = "corpora/wire/mod.rs"]
#[allow(dead_code, reason = "each test uses a part")]
mod wire;
#[cfg(feature = "forward")]
#[path = "clients/wsgiprox_suite.rs"]
mod wsgiprox_suite;
