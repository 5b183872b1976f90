//! `proxyfix serve` over real sockets: what upstream sees, what is logged, what is refused, how it ends.

mod ends;
mod forward;
mod log;
mod mistakes;
mod protocols;
mod requests;
mod server;
