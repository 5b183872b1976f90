//! `HAProxy`: one process, in the foreground.

use crate::program::{Abilities, Program};

pub(super) const HAPROXY: Program = Program {
    name: "haproxy",
    title: "HAProxy",
    executables: &["haproxy"],
    version: "-v",
    files: &[("haproxy.cfg", include_str!("../../skeletons/haproxy.cfg"))],
    folders: &[],
    listening: &[
        ("    bind :80\n", "    bind {{ip}}:{{http}}\n    bind [::1]:{{http}}\n"),
        (
            "    bind :443 ssl crt /etc/ssl/app.pem alpn h2,http/1.1\n",
            "    bind {{ip}}:{{https}} ssl crt {{tls}}/app.pem alpn h2,http/1.1\n    \
             bind [::1]:{{https}} ssl crt {{tls}}/app.pem alpn h2,http/1.1\n",
        ),
    ],
    commands: &["haproxy -db -f {{dir}}/haproxy.cfg"],
    can: Abilities { tls: true, ipv6: true, unix: true, http2: true, source: true },
};
