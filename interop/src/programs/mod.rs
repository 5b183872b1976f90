//! The programs, each as its recipe needs it. A file each.

mod apache;
mod caddy;
mod haproxy;
mod lighttpd;
mod nginx;

use crate::program::Program;

/// All of them, in the order of the table.
pub const ALL: [&Program; 5] =
    [&nginx::NGINX, &haproxy::HAPROXY, &apache::APACHE, &caddy::CADDY, &lighttpd::LIGHTTPD];

/// The one with this name.
pub fn named(name: &str) -> Option<&'static Program> {
    ALL.into_iter().find(|program| program.name == name)
}
