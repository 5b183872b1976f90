//! Squid as an accelerator: one process, in the foreground, without a cache.

use crate::program::{Ability, Program};

pub(super) const SQUID: Program = Program {
    name: "squid",
    title: "Squid",
    executables: &["squid"],
    modules: &[],
    version: "-v",
    files: &[("squid.conf", include_str!("../../skeletons/squid.conf"))],
    folders: &[],
    listening: &[(
        "http_port 80 accel vhost defaultsite=app.example",
        "http_port {{ip}}:{{http}} accel vhost defaultsite=app.example\n\
             http_port [::1]:{{http}} accel vhost defaultsite=app.example",
    )],
    listening_tls: &[
        (
            "https_port 443 accel vhost defaultsite=app.example tls-cert=/etc/ssl/app.crt tls-key=/etc/ssl/app.key",
            "https_port {{ip}}:{{https}} accel vhost defaultsite=app.example tls-cert={{tls}}/app.crt tls-key={{tls}}/app.key\n\
             https_port [::1]:{{https}} accel vhost defaultsite=app.example tls-cert={{tls}}/app.crt tls-key={{tls}}/app.key",
        ),
        ("localport 443", "localport {{https}}"),
    ],
    commands: &["squid -N -n proxyfix{{http}} -f {{dir}}/squid.conf"],
    can: &[Ability::Tls, Ability::Ipv6, Ability::Source, Ability::Restrict, Ability::Stay],
};
