//! `HAProxy`: one process, in the foreground.

use crate::program::{Ability, Program};

pub(super) const HAPROXY: Program = Program {
    name: "haproxy",
    title: "HAProxy",
    executables: &["haproxy"],
    modules: &[],
    version: "-v",
    files: &[("haproxy.cfg", include_str!("../../skeletons/haproxy.cfg"))],
    folders: &[],
    listening: &[
        ("    bind :80\n", "    bind {{ip}}:{{http}}\n"),
        ("    bind [::]:80 ", "    bind [::1]:{{http}} "),
    ],
    listening_tls: &[
        ("    bind :443 ", "    bind {{ip}}:{{https}} "),
        ("    bind [::]:443 ", "    bind [::1]:{{https}} "),
    ],
    commands: &["haproxy -db -f {{dir}}/haproxy.cfg"],
    can: Ability::ALL_BUT_KEEP,
};
