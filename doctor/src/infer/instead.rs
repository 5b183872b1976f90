//! What to write into which proxy.
//!
//! 1. The lines are those of `docs/recipes/`, one proxy after the other, for those that showed themselves. If
//!    none did, the commonest six are named.
//! 2. A proxy behind another one passes on what the outer one wrote; the recipes have such lines under *Behind
//!    another proxy*.

use std::collections::BTreeSet;

/// What a proxy must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Client,
    Scheme,
    Host,
    Port,
}

/// The six proxies that are named if none showed itself.
const COMMON: [&str; 6] = ["nginx", "haproxy", "apache", "caddy", "envoy", "traefik"];

/// The line for a proxy.
fn line(proxy: &str, needs: Needs) -> Option<&'static str> {
    Some(match (proxy, needs) {
        ("nginx", Needs::Client) => "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        ("nginx", Needs::Scheme) => "proxy_set_header X-Forwarded-Proto $scheme;",
        ("nginx", Needs::Host) => {
            "proxy_set_header Host $host; proxy_set_header X-Forwarded-Host $host;"
        }
        ("nginx", Needs::Port) => "proxy_set_header X-Forwarded-Port $server_port;",
        ("haproxy", Needs::Client) => "option forwardfor",
        ("haproxy", Needs::Scheme) => {
            "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]"
        }
        ("haproxy", Needs::Host) => "http-request set-header X-Forwarded-Host %[req.hdr(Host)]",
        ("haproxy", Needs::Port) => "http-request set-header X-Forwarded-Port %[dst_port]",
        ("apache", Needs::Client) => "ProxyAddHeaders On",
        ("apache", Needs::Scheme) => "RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}",
        ("apache", Needs::Host | Needs::Port) => "ProxyPreserveHost On",
        ("caddy", _) => "reverse_proxy sets it, if no header_up line removes it",
        ("envoy", Needs::Client | Needs::Scheme) => "use_remote_address: true",
        ("envoy", Needs::Host) => "no host_rewrite_literal on the route",
        ("envoy", Needs::Port) => {
            "request_headers_to_add: X-Forwarded-Port with %DOWNSTREAM_LOCAL_PORT%"
        }
        ("traefik", Needs::Client | Needs::Scheme | Needs::Port) => {
            "it writes the header by itself; behind another proxy, forwardedHeaders.trustedIPs"
        }
        ("traefik", Needs::Host) => "passHostHeader: true",
        _ => return None,
    })
}

/// What to write, for the proxies with these names.
pub(super) fn lines(names: &BTreeSet<&'static str>, needs: Needs) -> String {
    let seen: Vec<_> = names.iter().copied().filter(|name| line(name, needs).is_some()).collect();
    let proxies = if seen.is_empty() { COMMON.to_vec() } else { seen };
    let each = proxies.iter().filter_map(|proxy| {
        Some(format!("{proxy}: {} (docs/recipes/{proxy}.md)", line(proxy, needs)?))
    });
    each.collect::<Vec<_>>().join("\n")
}

/// What to write into a proxy behind another one, so that it passes on what that one wrote.
pub(super) fn pass_on(header: &str) -> String {
    format!(
        "only the outermost proxy may set {header}; take the line for it out of the inner one, or let it \
         pass on what came from the outer one: docs/recipes/chains.md"
    )
}
