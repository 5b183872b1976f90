//! Varnish, with Hitch in front of it for TLS. Behind another proxy it has no Hitch.

use crate::program::{Ability, Program};

pub(super) const VARNISH: Program = Program {
    name: "varnish",
    title: "Varnish with Hitch",
    executables: &["varnishd", "hitch"],
    modules: &[],
    version: "-V",
    files: &[
        ("default.vcl", "{{recipe}}\n"),
        ("secret", "secret\n"),
        ("hitch.conf", include_str!("../../skeletons/hitch.conf")),
    ],
    folders: &[],
    listening: &[
        ("/etc/varnish/default.vcl", "{{dir}}/default.vcl"),
        ("-a :80", "-a {{ip}}:{{http}} -a [::1]:{{http}}"),
    ],
    listening_tls: &[
        ("127.0.0.1:8443", "{{ip}}:{{inner}}"),
        (
            "frontend = \"[*]:443\"",
            "frontend = \"[{{ip}}]:{{https}}\"\nfrontend = \"[::1]:{{https}}\"",
        ),
        ("[127.0.0.1]:8443", "[{{ip}}]:{{inner}}"),
    ],
    commands: &[
        // Like the package's service in what stays: the other port and the administration.
        "{{extra.varnishd|replace('\\\n', '')}} -F -n {{dir}}/work -s malloc,16m \
         {%- if debian %} -a {{ip}}:0 -T localhost:0 -S {{dir}}/secret{% endif %}",
        "{% if 'hitch' in extra %}hitch --config={{dir}}/hitch.conf{% endif %}",
    ],
    can: &[
        Ability::Tls,
        Ability::Ipv6,
        Ability::Unix,
        Ability::Http2,
        Ability::Restrict,
        Ability::Stay,
        Ability::Keep,
    ],
};
