//! The networks that providers publish, as listed in `docs/recipes/`.

use std::net::IpAddr;

use proxyfix::ipnet::IpNet;

/// A provider that publishes its networks.
#[derive(Clone, Copy, Debug)]
pub struct Provider {
    /// Its name.
    pub name: &'static str,
    /// Where the networks are published.
    pub list: &'static str,
    /// The header in which it writes the client's address, if it is a CDN.
    pub header: Option<&'static str>,
    networks: &'static [&'static str],
}

impl Provider {
    /// Whether an address is one of its own.
    pub fn has(&self, ip: IpAddr) -> bool {
        self.holds(&IpNet::from(ip))
    }

    /// Whether a network is one of its own.
    pub fn holds(&self, network: &IpNet) -> bool {
        self.networks
            .iter()
            .filter_map(|text| text.parse::<IpNet>().ok())
            .any(|n| n.contains(network))
    }
}

/// All that the recipes list.
pub const PROVIDERS: [Provider; 3] = [
    Provider {
        name: "Cloudflare",
        list: "https://www.cloudflare.com/ips/",
        header: Some("CF-Connecting-IP"),
        networks: &[
            "173.245.48.0/20",
            "103.21.244.0/22",
            "103.22.200.0/22",
            "103.31.4.0/22",
            "141.101.64.0/18",
            "108.162.192.0/18",
            "190.93.240.0/20",
            "188.114.96.0/20",
            "197.234.240.0/22",
            "198.41.128.0/17",
            "162.158.0.0/15",
            "104.16.0.0/13",
            "104.24.0.0/14",
            "172.64.0.0/13",
            "131.0.72.0/22",
            "2400:cb00::/32",
            "2606:4700::/32",
            "2803:f800::/32",
            "2405:b500::/32",
            "2405:8100::/32",
            "2a06:98c0::/29",
            "2c0f:f248::/32",
        ],
    },
    Provider {
        name: "Fastly",
        list: "https://api.fastly.com/public-ip-list",
        header: Some("Fastly-Client-IP"),
        networks: &[
            "23.235.32.0/20",
            "43.249.72.0/22",
            "103.244.50.0/24",
            "103.245.222.0/23",
            "103.245.224.0/24",
            "104.156.80.0/20",
            "140.248.64.0/18",
            "140.248.128.0/17",
            "146.75.0.0/17",
            "151.101.0.0/16",
            "157.52.64.0/18",
            "167.82.0.0/17",
            "167.82.128.0/20",
            "167.82.160.0/20",
            "167.82.224.0/20",
            "172.111.64.0/18",
            "185.31.16.0/22",
            "199.27.72.0/21",
            "199.232.0.0/16",
            "2a04:4e40::/32",
            "2a04:4e42::/32",
        ],
    },
    Provider {
        name: "Google Cloud's load balancers",
        list: "https://cloud.google.com/load-balancing/docs/firewall-rules",
        header: None,
        networks: &["35.191.0.0/16", "130.211.0.0/22"],
    },
];
