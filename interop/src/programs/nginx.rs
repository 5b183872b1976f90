//! nginx: a single process, which reads nothing outside its folder.

use crate::program::{Ability, Program};

pub(super) const NGINX: Program = Program {
    name: "nginx",
    title: "nginx",
    executables: &["nginx"],
    modules: &[],
    version: "-v",
    files: &[("nginx.conf", include_str!("../../skeletons/nginx.conf"))],
    folders: &["tmp"],
    listening: &[
        ("listen 80;", "listen {{ip}}:{{http}};"),
        ("listen [::]:80;", "listen [::1]:{{http}};"),
    ],
    listening_tls: &[
        ("listen 443 ssl http2;", "listen {{ip}}:{{https}} ssl http2;"),
        ("listen [::]:443 ssl http2;", "listen [::1]:{{https}} ssl http2;"),
    ],
    commands: &["nginx -p {{dir}} -e stderr -c {{dir}}/nginx.conf -g 'daemon off;'"],
    can: Ability::ALL_BUT_KEEP,
};
