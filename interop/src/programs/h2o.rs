//! h2o: a worker in the foreground. It drops root itself, and asks nobody for OCSP.

use crate::program::{Ability, Program};

pub(super) const H2O: Program = Program {
    name: "h2o",
    title: "h2o",
    executables: &["h2o"],
    modules: &[],
    version: "-v",
    files: &[("h2o.conf", include_str!("../../skeletons/h2o.conf"))],
    folders: &[],
    listening: &[(
        "    listen: { port: 80 }\n",
        "    listen: { host: {{ip}}, port: {{http}} }\n    \
             listen: { host: \"::1\", port: {{http}} }\n",
    )],
    listening_tls: &[(
        "    listen: { port: 443, ssl: { certificate-file: /etc/ssl/app.crt, key-file: /etc/ssl/app.key } }\n",
        "    listen: { host: {{ip}}, port: {{https}}, ssl: &tls \
             { certificate-file: {{tls}}/app.crt, key-file: {{tls}}/app.key, \
             ocsp-update-interval: 0 } }\n    \
             listen: { host: \"::1\", port: {{https}}, ssl: *tls }\n",
    )],
    commands: &["h2o -m worker -c {{dir}}/h2o.conf"],
    can: &[
        Ability::Tls,
        Ability::Ipv6,
        Ability::Unix,
        Ability::Http2,
        Ability::Restrict,
        Ability::Stay,
    ],
};
