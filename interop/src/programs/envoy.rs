//! Envoy: one worker, and no other process to hand over to.

use crate::program::{Ability, Program};

pub(super) const ENVOY: Program = Program {
    name: "envoy",
    title: "Envoy",
    executables: &["envoy"],
    modules: &[],
    version: "--version",
    files: &[("envoy.yaml", include_str!("../../skeletons/envoy.yaml"))],
    folders: &[],
    listening: &[
        ("address: 0.0.0.0, port_value: 80 ", "address: {{ip}}, port_value: {{http}} "),
        ("address: \"::\", port_value: 80 ", "address: \"::1\", port_value: {{http}} "),
    ],
    listening_tls: &[
        ("address: 0.0.0.0, port_value: 443 ", "address: {{ip}}, port_value: {{https}} "),
        ("address: \"::\", port_value: 443 ", "address: \"::1\", port_value: {{https}} "),
    ],
    commands: &["envoy -c {{dir}}/envoy.yaml --concurrency 1 --disable-hot-restart -l warning"],
    // It serves IPv6, but writes an address of its host instead of `::1`. The test with network namespaces
    // covers IPv6 with real addresses.
    can: &[
        Ability::Tls,
        Ability::Unix,
        Ability::Http2,
        Ability::Source,
        Ability::Restrict,
        Ability::Stay,
    ],
};
