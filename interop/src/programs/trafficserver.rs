//! Apache Traffic Server: without its manager, in its own run root.
//!
//! Its recipe has several files, each under a comment with its path.

use crate::program::{Ability, Program};

/// One of the recipe's files: the skeleton's text for it, then the lines below its path in the recipe, up
/// to the next path.
macro_rules! file {
    ($name:literal) => {
        file!($name, "")
    };
    ($name:literal, $skeleton:expr) => {
        (
            concat!("conf/", $name),
            concat!(
                $skeleton,
                "{% set parts = recipe | split('# /etc/trafficserver/",
                $name,
                "\n') %}{{ parts[1:] | join | split('# /etc/trafficserver/') | first }}\n"
            ),
        )
    };
}

pub(super) const TRAFFICSERVER: Program = Program {
    name: "trafficserver",
    title: "Traffic Server",
    executables: &["traffic_server"],
    modules: &[],
    version: "-V",
    files: &[
        ("runroot.yaml", include_str!("../../skeletons/trafficserver/runroot.yaml")),
        ("conf/storage.config", "{{dir}}/data 16M\n"),
        file!("records.config", include_str!("../../skeletons/trafficserver/records.config")),
        file!("ip_allow.yaml", include_str!("../../skeletons/trafficserver/ip_allow.yaml")),
        file!("ssl_multicert.config"),
        file!("remap.config"),
        file!("plugin.config"),
        file!("forwarded.config"),
    ],
    folders: &["data"],
    listening: &[("STRING 80 80:ipv6", "STRING {{http}}:ip-in={{ip}} {{http}}:ipv6:ip-in=[::1]")],
    listening_tls: &[(
        "443:ssl 443:ssl:ipv6",
        "{{https}}:ssl:ip-in={{ip}} {{https}}:ssl:ipv6:ip-in=[::1]",
    )],
    commands: &["traffic_server --run-root={{dir}}/runroot.yaml"],
    can: &[
        Ability::Tls,
        Ability::Ipv6,
        Ability::Http2,
        Ability::Source,
        Ability::Restrict,
        Ability::Stay,
    ],
};
