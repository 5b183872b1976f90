//! Peers that walk the list from the right past trusted networks.

use proxy_addr::Trust;
use trusted_proxies::{Config, Trusted};

use super::{Lines, Peer, header_map, joined, proxy_ip, request, text_or_none};

pub const PEERS: [Peer; 5] = [
    Peer {
        package: "proxy-addr",
        version: "0.1.0",
        value: "",
        call: "addr",
        ask: |lines| {
            let trust = Trust::parse("10.0.0.0/8").expect("a network");
            proxy_addr::addr(proxy_ip(), joined(lines, "x-forwarded-for").as_deref(), &trust)
        },
    },
    Peer {
        package: "real-ip",
        version: "0.1.2",
        value: "",
        call: "real_ip",
        ask: |lines| {
            let trusted = ["10.0.0.0/8".parse().expect("a network")];
            text_or_none(real_ip::real_ip(&header_map(lines), proxy_ip(), &trusted))
        },
    },
    Peer {
        package: "trusted-proxies",
        version: "0.3.0",
        value: "",
        call: "Trusted::ip, default config",
        ask: |lines| trusted_proxies(lines, |trusted| trusted.ip().to_string()),
    },
    Peer {
        package: "trusted-proxies",
        version: "0.3.0",
        value: "(X-Forwarded-For alone)",
        call: "Trusted::ip, Config::new with one family",
        ask: |lines| {
            let mut config = Config::new();
            config.add_trusted_ip("10.0.0.0/8").expect("a network");
            config.trust_x_forwarded_for();
            Trusted::from(proxy_ip(), &request(lines), &config).ip().to_string()
        },
    },
    Peer {
        package: "trusted-proxies",
        version: "0.3.0",
        value: "(host)",
        call: "Trusted::host, X-Forwarded-Host trusted",
        ask: |lines| trusted_proxies(lines, |trusted| text_or_none(trusted.host())),
    },
];

/// The crate's default configuration trusts private networks, `Forwarded` and X-Forwarded-For.
fn trusted_proxies(lines: &Lines, value: fn(&Trusted<'_>) -> String) -> String {
    let mut config = Config::new_local();
    config.trust_x_forwarded_host();
    value(&Trusted::from(proxy_ip(), &request(lines), &config))
}
