//! The platforms: what each writes, as described in `docs/recipes/`, according to their vendors' documents.

use super::{
    proxies::{FOR, HOST, PORT, PROTO, SERVER},
    style::{
        Connection::Dropped,
        Does::Writes,
        How, Style,
        What::{
            Address, AddressAndOwn, AddressPort, BareAddressPort, BareElement, Copy, Host, LastFor,
            Port, Scheme,
        },
        Write, adds, does, removes, sets,
    },
};

pub(super) const REAL_IP: &str = "x-real-ip";
const ENVOY_ADDRESS: &str = "x-envoy-external-address";

/// A platform that writes the same in every position.
const fn anywhere(name: &'static str, writes: &'static [Write]) -> Style {
    Style { name, edge: Writes(writes), inner: Writes(writes), connection: Dropped }
}

/// A gateway that people run themselves, and that can be configured for another proxy in front of it.
pub(super) const fn gateway(
    name: &'static str,
    edge: &'static [Write],
    inner: &'static [Write],
) -> Style {
    Style { name, edge: Writes(edge), inner: Writes(inner), connection: Dropped }
}

pub(super) const PLATFORMS: [Style; 27] = [
    anywhere("alb", &[adds(FOR, Address), sets(PROTO, Scheme), sets(PORT, Port)]),
    anywhere("alb-preserve", &[sets(PROTO, Scheme), sets(PORT, Port)]),
    anywhere("alb-remove", &[removes(FOR), sets(PROTO, Scheme), sets(PORT, Port)]),
    anywhere(
        "cloudfront",
        &[
            adds(FOR, Address),
            sets("cloudfront-forwarded-proto", Scheme),
            sets("cloudfront-viewer-address", BareAddressPort),
            removes(PROTO),
            removes(REAL_IP),
        ],
    ),
    // It takes a client's `X-Forwarded-For` into `Forwarded`, before its own element.
    anywhere("api-gateway", &[does("forwarded", BareElement, How::Join(",")), removes(FOR)]),
    // A client's `X-Forwarded-For` stays, or its first element does.
    anywhere("function-url", &[sets(PROTO, Scheme), sets(PORT, Port)]),
    anywhere("cloud-run", &[does(FOR, Address, How::Join(",")), sets(PROTO, Scheme)]),
    anywhere("firebase", &[adds(FOR, Address), sets("fastly-client-ip", Address)]),
    anywhere(
        "app-engine",
        &[sets("x-appengine-user-ip", Address), sets(PROTO, Scheme), adds(FOR, AddressAndOwn)],
    ),
    anywhere("google-cloud", &[does(FOR, AddressAndOwn, How::Join(",")), sets(PROTO, Scheme)]),
    anywhere(
        "application-gateway",
        &[
            adds(FOR, AddressPort),
            sets(PROTO, Scheme),
            sets(PORT, Port),
            sets("x-original-host", Host),
        ],
    ),
    anywhere(
        "front-door",
        &[
            adds(FOR, Address),
            sets(PROTO, Scheme),
            sets(HOST, Host),
            sets("x-azure-socketip", Address),
        ],
    ),
    anywhere("container-apps", &[does(FOR, Address, How::Join(",")), sets(PROTO, Scheme)]),
    anywhere(
        "oracle",
        &[
            adds(FOR, Address),
            sets(PROTO, Scheme),
            sets(HOST, Host),
            sets(PORT, Port),
            sets(REAL_IP, Address),
        ],
    ),
    anywhere("scaleway", &[adds(FOR, Address)]),
    // `X-Forwarded-For` has an address of the platform; what happens to a client's value is not documented.
    anywhere("digitalocean", &[sets("do-connecting-ip", Address), sets(PROTO, Scheme)]),
    anywhere("netlify", &[sets("x-nf-client-connection-ip", Address), sets(PROTO, Scheme)]),
    anywhere(
        "railway",
        &[
            does(FOR, AddressAndOwn, How::Set),
            sets(REAL_IP, Address),
            sets(PROTO, Scheme),
            sets(HOST, Host),
        ],
    ),
    anywhere(
        "render",
        &[
            does(FOR, AddressAndOwn, How::Join(",")),
            sets("cf-connecting-ip", Address),
            sets("true-client-ip", Address),
            sets(PROTO, Scheme),
        ],
    ),
    anywhere(
        "cloudflare",
        &[
            does(FOR, Address, How::Join(",")),
            sets(PROTO, Scheme),
            sets("cf-connecting-ip", Address),
        ],
    ),
    anywhere("fastly", &[sets("fastly-client-ip", Address), sets(PROTO, Scheme)]),
    anywhere(
        "fly",
        &[
            sets("fly-client-ip", Address),
            sets("fly-forwarded-port", Port),
            sets("fly-forwarded-proto", Scheme),
            adds(FOR, AddressAndOwn),
        ],
    ),
    anywhere("heroku", &[adds(FOR, Address), sets(PROTO, Scheme), sets(PORT, Port)]),
    gateway(
        "ingress-nginx",
        &[
            sets("x-original-forwarded-for", Copy(FOR)),
            sets("x-original-forwarded-host", Copy(HOST)),
            sets(FOR, Address),
            sets(REAL_IP, Address),
            sets(PROTO, Scheme),
            sets(HOST, Host),
            sets(PORT, Port),
            sets("x-forwarded-scheme", Scheme),
            sets("x-scheme", Scheme),
        ],
        // `use-forwarded-headers`, with the load balancer in `proxy-real-ip-cidr`.
        &[
            sets("x-original-forwarded-for", Copy(FOR)),
            sets("host", Copy(HOST)),
            sets(REAL_IP, LastFor),
            sets(FOR, LastFor),
        ],
    ),
    gateway(
        "ingress-nginx-full",
        &[sets(FOR, Address), sets(PROTO, Scheme), sets(HOST, Host), sets(PORT, Port)],
        // Also with `compute-full-forwarded-for`.
        &[sets("host", Copy(HOST)), sets(REAL_IP, LastFor), adds(FOR, Address)],
    ),
    gateway(
        "traefik",
        &[
            sets(FOR, Address),
            sets(PROTO, Scheme),
            sets(HOST, Host),
            sets(PORT, Port),
            sets(REAL_IP, Address),
            sets(SERVER, Host),
            removes("x-forwarded-prefix"),
        ],
        &[
            adds(FOR, Address),
            does(PROTO, Scheme, How::IfAbsent),
            does(HOST, Host, How::IfAbsent),
            does(PORT, Port, How::IfAbsent),
            does(REAL_IP, Address, How::IfAbsent),
        ],
    ),
    gateway(
        "istio",
        &[does(FOR, Address, How::Join(",")), sets(PROTO, Scheme)],
        &[sets(ENVOY_ADDRESS, LastFor), does(FOR, Address, How::Join(","))],
    ),
];
