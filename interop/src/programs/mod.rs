//! The programs, each set up as its recipe needs it. Each has its own file.

mod apache;
mod caddy;
mod envoy;
mod h2o;
mod haproxy;
mod lighttpd;
mod nghttpx;
mod nginx;
mod squid;
mod trafficserver;
mod varnish;

use crate::program::Program;

/// All of them, in the order of the table.
pub const ALL: [&Program; 11] = [
    &nginx::NGINX,
    &haproxy::HAPROXY,
    &apache::APACHE,
    &caddy::CADDY,
    &envoy::ENVOY,
    &varnish::VARNISH,
    &lighttpd::LIGHTTPD,
    &squid::SQUID,
    &h2o::H2O,
    &trafficserver::TRAFFICSERVER,
    &nghttpx::NGHTTPX,
];

/// The program with this name.
pub fn named(name: &str) -> Option<&'static Program> {
    ALL.into_iter().find(|program| program.name == name)
}
