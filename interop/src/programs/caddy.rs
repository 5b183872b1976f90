//! Caddy: no administration endpoint, no certificates of its own, nothing kept outside its folder.

use crate::program::{Ability, Program};

pub(super) const CADDY: Program = Program {
    name: "caddy",
    title: "Caddy",
    executables: &["caddy"],
    modules: &[],
    version: "version",
    files: &[("Caddyfile", include_str!("../../skeletons/Caddyfile"))],
    folders: &[],
    listening: &[("http://:80", "http://:{{http}}")],
    listening_tls: &[("https://:443", "https://:{{https}}")],
    commands: &["caddy run --config {{dir}}/Caddyfile --adapter caddyfile"],
    can: &[
        Ability::Tls,
        Ability::Ipv6,
        Ability::Unix,
        Ability::Http2,
        Ability::Restrict,
        Ability::Stay,
    ],
};
