//! nghttpx: one process, one thread.

use crate::program::{Ability, Program};

pub(super) const NGHTTPX: Program = Program {
    name: "nghttpx",
    title: "nghttpx",
    executables: &["nghttpx"],
    modules: &[],
    version: "-v",
    files: &[("nghttpx.conf", include_str!("../../skeletons/nghttpx.conf"))],
    folders: &[],
    listening: &[(
        "frontend=*,80;no-tls",
        "frontend={{ip}},{{http}};no-tls\nfrontend=::1,{{http}};no-tls",
    )],
    listening_tls: &[("frontend=*,443", "frontend={{ip}},{{https}}\nfrontend=::1,{{https}}")],
    commands: &["nghttpx --conf={{dir}}/nghttpx.conf"],
    can: &[Ability::Tls, Ability::Ipv6, Ability::Unix, Ability::Http2],
};
