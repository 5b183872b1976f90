//! lighttpd: one process, in the foreground. Its TLS is in a separate Debian package.

use crate::program::{Ability, Program};

pub(super) const LIGHTTPD: Program = Program {
    name: "lighttpd",
    title: "lighttpd",
    executables: &["lighttpd"],
    modules: &["/usr/lib/lighttpd/mod_openssl.so"],
    version: "-v",
    files: &[("lighttpd.conf", include_str!("../../skeletons/lighttpd.conf"))],
    folders: &[],
    listening: &[("\"[::]:80\"", "\"[::1]:{{http}}\"")],
    listening_tls: &[
        ("\"0.0.0.0:443\"", "\"{{ip}}:{{https}}\""),
        ("\"[::]:443\"", "\"[::1]:{{https}}\""),
    ],
    commands: &["lighttpd -D -f {{dir}}/lighttpd.conf"],
    can: &[
        Ability::Tls,
        Ability::Ipv6,
        Ability::Unix,
        Ability::Http2,
        Ability::Restrict,
        Ability::Stay,
    ],
};
