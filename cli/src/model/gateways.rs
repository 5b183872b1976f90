//! The gateways that people run themselves: what each writes, as described in `docs/recipes/`, according to
//! their vendors' documents and sources.

use super::{
    platforms::{REAL_IP, gateway},
    proxies::{FOR, FORWARDED, HOST, PORT, PROTO},
    style::{
        Connection::{self, Dropped, Obeyed, Relayed},
        Does::Writes,
        How, Style,
        What::{Address, AddressAndOwn, Element, Host, Port, Prefix, Scheme},
        Write, adds, does, removes, sets,
    },
};

const PREFIX: &str = "x-forwarded-prefix";

/// The router adds a line of its own to each header.
const OPENSHIFT: &[Write] = &[
    does(FOR, Address, How::NewLine),
    does(PROTO, Scheme, How::NewLine),
    does(HOST, Host, How::NewLine),
    does(PORT, Port, How::NewLine),
    does(FORWARDED, Element, How::NewLine),
];

const SOZU: &[Write] = &[
    does(FORWARDED, Element, How::LastLine),
    does(FOR, Address, How::LastLine),
    does(PROTO, Scheme, How::IfAbsent),
    does(PORT, Port, How::IfAbsent),
];

/// A proxy that keeps the headers that come from a trusted address.
const TRUSTING: &[Write] = &[
    adds(FOR, Address),
    does(PROTO, Scheme, How::IfAbsent),
    does(HOST, Host, How::IfAbsent),
    does(PORT, Port, How::IfAbsent),
    sets(REAL_IP, Address),
];

const NGINX_PROXY_MANAGER: &[Write] = &[
    adds(FOR, Address),
    sets(PROTO, Scheme),
    sets("x-forwarded-scheme", Scheme),
    sets(REAL_IP, Address),
];

/// Without the recipe's lines, and from a public address. A client with a private address also chooses what
/// is appended.
const NGINX_PROXY_MANAGER_DEFAULT: &[Write] = &[
    adds(FOR, Address),
    does(PROTO, Scheme, How::IfAbsent),
    does("x-forwarded-scheme", Scheme, How::IfAbsent),
    sets(REAL_IP, Address),
];

/// Go's `ReverseProxy`, which obeys `Connection` before it writes.
const TAILSCALE: &[Write] = &[
    removes(FORWARDED),
    sets(FOR, Address),
    // Over plain HTTP it removes the header instead, and the request is then rejected.
    sets(PROTO, Scheme),
    sets(HOST, Host),
];

/// Home Assistant and its Supervisor together.
const HOME_ASSISTANT: &[Write] = &[
    adds(FOR, AddressAndOwn),
    sets("x-ingress-path", Prefix("/app")),
    does(PROTO, Scheme, How::IfAbsent),
    does(HOST, Host, How::IfAbsent),
];

/// A gateway that writes the same in every position.
const fn anywhere(name: &'static str, writes: &'static [Write], connection: Connection) -> Style {
    Style { name, edge: Writes(writes), inner: Writes(writes), connection }
}

pub(super) const GATEWAYS: [Style; 10] = [
    anywhere("openshift", OPENSHIFT, Relayed),
    Style {
        name: "kong",
        edge: Writes(&[
            adds(FOR, Address),
            sets(PROTO, Scheme),
            sets(HOST, Host),
            sets(PORT, Port),
            sets(REAL_IP, Address),
            removes(PREFIX),
        ]),
        // From one of `trusted_ips`.
        inner: Writes(TRUSTING),
        connection: Obeyed,
    },
    gateway(
        "apisix",
        &[
            adds(FOR, Address),
            sets(PROTO, Scheme),
            sets(HOST, Host),
            sets(PORT, Port),
            sets(REAL_IP, Address),
            removes(FORWARDED),
        ],
        // From one of `trusted_addresses`.
        TRUSTING,
    ),
    Style {
        name: "envoy-gateway",
        edge: Writes(&[does(FOR, Address, How::Join(",")), sets(PROTO, Scheme)]),
        // With `clientIPDetection`.
        inner: Writes(&[does(FOR, Address, How::Join(","))]),
        connection: Obeyed,
    },
    anywhere("sozu", SOZU, Relayed),
    anywhere("nginx-proxy-manager", NGINX_PROXY_MANAGER, Dropped),
    anywhere("nginx-proxy-manager-default", NGINX_PROXY_MANAGER_DEFAULT, Dropped),
    // Go's `ReverseProxy`, too.
    anywhere("oauth2-proxy", &[adds(FOR, Address)], Obeyed),
    anywhere("tailscale", TAILSCALE, Obeyed),
    anywhere("home-assistant", HOME_ASSISTANT, Relayed),
];
