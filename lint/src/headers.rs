//! What is believed: which headers, and by which counts.
//!
//! 1. A request has a client, a scheme and a host. If one of them is not read, there must be a reason.
//! 2. Either one proxy sets a scalar, and its count is 1, or each appends it, and its count is that of `for`.
//! 3. A key that names a header has no effect without the key that trusts it.
//! 4. Either the edge or the client writes a header with a single value.
//! 5. Proxies never write some headers, and some do not contain the kind of value that is read.

use super::{Check, Found, Rule, Severity, Subject};
use crate::settings::{SINGLE_ADDRESS, host_name, x_family};

pub(crate) const RULES: [Rule; 16] = [
    Rule { code: "no-client", severity: Severity::Warning, check: Check::Find(no_client) },
    Rule { code: "no-scheme", severity: Severity::Note, check: Check::Find(no_scheme) },
    Rule { code: "any-host", severity: Severity::Note, check: Check::Find(any_host) },
    Rule { code: "wide-hosts", severity: Severity::Warning, check: Check::Find(wide_hosts) },
    Rule { code: "any-port", severity: Severity::Note, check: Check::Find(any_port) },
    Rule { code: "listener-https", severity: Severity::Note, check: Check::Find(listener_https) },
    Rule { code: "counts-differ", severity: Severity::Warning, check: Check::Find(counts_differ) },
    Rule { code: "unverified-count", severity: Severity::Note, check: Check::Find(unverified) },
    Rule { code: "name-without-key", severity: Severity::Warning, check: Check::Find(names) },
    Rule { code: "single-header", severity: Severity::Note, check: Check::Find(single_header) },
    Rule {
        code: "list-as-single",
        severity: Severity::Warning,
        check: Check::Find(list_as_single),
    },
    Rule { code: "clients-words", severity: Severity::Warning, check: Check::Find(clients_words) },
    Rule { code: "not-forwarding", severity: Severity::Danger, check: Check::Find(not_forwarding) },
    Rule { code: "json-value", severity: Severity::Warning, check: Check::Find(json_value) },
    Rule { code: "prefix-passes", severity: Severity::Note, check: Check::Find(prefix_passes) },
    Rule { code: "no-effect", severity: Severity::Note, check: Check::Find(no_effect) },
];

/// Headers that contain what the client said about itself, despite their names; the recipes say so.
const CLIENTS_WORDS: [(&str, &str); 4] = [
    ("x-azure-clientip", "Azure Front Door takes it from the client's own X-Forwarded-For"),
    ("x-original-forwarded-for", "ingress-nginx keeps the client's own X-Forwarded-For there"),
    ("x-original-forwarded-host", "ingress-nginx keeps the client's own X-Forwarded-Host there"),
    ("fastly-ssl", "Fastly passes the client's own"),
];

fn believes_nobody(subject: &Subject<'_>) -> bool {
    subject.settings.get("proxies") == Some("none")
}

fn one(found: Option<Found>) -> Vec<Found> {
    found.into_iter().collect()
}

fn no_client(subject: &Subject<'_>) -> Vec<Found> {
    let trusted = subject.settings.trusted();
    let named = trusted.iter().any(|t| matches!(t.key, "for" | "forwarded" | "client-ip"));
    let first = trusted.first().filter(|_| !named).map(|trusted| trusted.key);
    one(first.map(|key| {
        Found::new(
            format!("{key}="),
            "no header names the client, so it is unknown in logs, rate limits and access lists",
            "also for=1, if your proxy appends to X-Forwarded-For",
        )
    }))
}

fn no_scheme(subject: &Subject<'_>) -> Vec<Found> {
    let settings = &subject.settings;
    let known = ["proto", "forwarded", "listener"].iter().any(|key| settings.get(key).is_some());
    let missing = !known && !believes_nobody(subject);
    one(missing.then(|| {
        Found::new(
            "proto=",
            "no header names the scheme: behind a TLS proxy, links and redirects begin with http",
            "proto=1, if your proxy writes X-Forwarded-Proto on every request; or \
             listener=https, if all clients use TLS",
        )
    }))
}

fn any_host(subject: &Subject<'_>) -> Vec<Found> {
    let settings = &subject.settings;
    let key = ["host", "forwarded"].into_iter().find(|key| settings.get(key).is_some());
    one(key.filter(|_| settings.get("hosts").is_none()).map(|key| {
        Found::new(
            format!("{key}={}", settings.get(key).unwrap_or_default()),
            "the client chooses the host, and links built from it lead there",
            "also hosts= with the hosts that are yours",
        )
    }))
}

/// Labels under which country registries sell names, such as `co` in `co.uk`.
const SECOND_LEVEL: [&str; 12] =
    ["ac", "co", "com", "edu", "gob", "gov", "ltd", "me", "ne", "net", "or", "org"];
/// Domains under which a hosting provider gives a name to each customer.
const HOSTERS: [&str; 14] = [
    "appspot.com",
    "azurewebsites.net",
    "cloudfront.net",
    "fly.dev",
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "netlify.app",
    "onrender.com",
    "pages.dev",
    "run.app",
    "vercel.app",
    "web.app",
    "workers.dev",
];

/// Whether anyone can have a name under this one. The list is not complete; the Public Suffix List is.
fn is_public_suffix(domain: &str) -> bool {
    match domain.split_once('.') {
        None => true,
        Some((name, country)) => {
            SECOND_LEVEL.contains(&name) && country.len() == 2 || HOSTERS.contains(&domain)
        }
    }
}

fn wide_hosts(subject: &Subject<'_>) -> Vec<Found> {
    let wide = |entry: &&str| host_name(entry).strip_prefix("*.").is_some_and(is_public_suffix);
    let found = |pattern: &str| {
        let reason = "anyone can get a name under this domain";
        Found::new(format!("{pattern} in hosts="), reason, "the domains that are yours")
    };
    subject.settings.list("hosts").filter(wide).map(found).collect()
}

/// Entries of `hosts=` without a port. If `port=` is set, the proxy's port replaces the client's.
fn any_port(subject: &Subject<'_>) -> Vec<Found> {
    let settings = &subject.settings;
    let bare: Vec<_> = settings.list("hosts").filter(|entry| host_name(entry) == *entry).collect();
    let first = bare.first().filter(|_| settings.get("port").is_none());
    one(first.map(|first| {
        Found::new(
            format!("{} in hosts=", bare.join(",")),
            "the client chooses the port, and links built from the host contain it",
            format!(
                "{first}:443, the port that clients connect to; or {first}:* if any port is right"
            ),
        )
    }))
}

/// Our own scheme beside one that a header names.
fn listener_https(subject: &Subject<'_>) -> Vec<Found> {
    let settings = &subject.settings;
    let key = ["proto", "forwarded"].into_iter().find(|key| settings.get(key).is_some());
    let key = key.filter(|_| settings.get("listener") == Some("https"));
    let Some(header) = key.and_then(|key| settings.header(key)) else { return Vec::new() };
    let peer = ["missing", "invalid"].into_iter().find(|key| settings.get(key) == Some("peer"));
    let instead = format!(
        "leave out listener= and have your proxy write {header} on every request; or leave out {}=, \
         if all clients use TLS",
        key.unwrap_or_default()
    );
    vec![match peer {
        Some(peer) => Found::new(
            format!("listener=https {peer}=peer"),
            format!(
                "a client who gets {header} dropped or makes it invalid is mistaken for the proxy, which \
                 speaks https"
            ),
            format!("leave out {peer}="),
        )
        .with_severity(Severity::Warning),
        None => Found::new(
            "listener=https",
            format!(
                "it applies only to peers that are not in proxies=: from a proxy without {header}, the \
                 scheme is http"
            ),
            instead,
        ),
    }]
}

/// The count of a key; `join:N` is one.
fn count(subject: &Subject<'_>, key: &str) -> Option<usize> {
    let value = subject.settings.get(key)?;
    value.strip_prefix("join:").unwrap_or(value).parse().ok()
}

fn counts_differ(subject: &Subject<'_>) -> Vec<Found> {
    let Some(clients) = count(subject, "for") else { return Vec::new() };
    let odd = |(key, _): (&str, &str)| {
        let own = count(subject, key).filter(|_| key != "for")?;
        let reason = if own > clients {
            "more than the proxies that append to X-Forwarded-For: the client wrote this element"
        } else if own > 1 && own < clients && !subject.settings.get(key)?.starts_with("join:") {
            "either one proxy sets this header, and the count is 1, or all append to it, as to \
             X-Forwarded-For"
        } else {
            return None;
        };
        let at = format!("for={clients} {key}={}", subject.settings.get(key)?);
        let instead = match clients {
            1 => format!("{key}=1"),
            _ => format!("{key}=1 if the edge sets it, {key}={clients} if all append"),
        };
        Some(Found::new(at, reason, instead))
    };
    x_family().filter_map(odd).collect()
}

fn unverified(subject: &Subject<'_>) -> Vec<Found> {
    let settings = &subject.settings;
    let verified = settings.get("verify").is_some() || settings.get("proxies") == Some("any");
    let key = settings.client_list().filter(|_| !verified);
    let found = key.and_then(|key| Some((key, settings.count(key).filter(|count| *count > 1)?)));
    one(found.map(|(key, count)| {
        Found::new(
            format!("{key}={count}"),
            "if fewer proxies append, on another way in or after a change, the client wrote the \
             element",
            "also verify=hops, with the addresses of all proxies in proxies=; and no way in except \
             through all of them",
        )
    }))
}

fn names(subject: &Subject<'_>) -> Vec<Found> {
    let settings = &subject.settings;
    let silent = |(key, _): (&str, &str)| {
        let name = settings.get(&format!("{key}-name"))?;
        settings.get(key).is_none().then(|| {
            Found::new(
                format!("{key}-name={name}"),
                format!("{name} is not read, because {key}= is not set"),
                format!("also {key}=1"),
            )
        })
    };
    x_family().filter_map(silent).collect()
}

fn single_header(subject: &Subject<'_>) -> Vec<Found> {
    let settings = &subject.settings;
    let named = settings.get("for-name").filter(|_| settings.get("for").is_some());
    let named = named.filter(|name| SINGLE_ADDRESS.contains(name)).map(|name| ("for-name", name));
    // With `edge=`, the header is read only if the edge connected.
    let single = settings.get("client-ip").filter(|_| settings.get("edge").is_none());
    let single = single.map(|name| ("client-ip", name)).or(named);
    one(single.map(|(key, name)| {
        Found::new(
            format!("{key}={name}"),
            "a proxy that does not know this header passes on what the client wrote in it",
            "for=, if your proxy appends to X-Forwarded-For; otherwise make sure that the edge \
             overwrites this header on every request, and that nobody can bypass the edge",
        )
    }))
}

fn list_as_single(subject: &Subject<'_>) -> Vec<Found> {
    const LISTS: [&str; 2] = ["x-forwarded-for", "x-original-forwarded-for"];
    let name = subject.settings.get("client-ip").filter(|name| LISTS.contains(name));
    one(name.map(|name| {
        Found::new(
            format!("client-ip={name}"),
            "proxies append to this header, and client-ip= rejects a list: each client who sends \
             the header is rejected",
            "for=1, the last element of the list",
        )
    }))
}

fn clients_words(subject: &Subject<'_>) -> Vec<Found> {
    let trusted = subject.settings.trusted();
    let words = |name: &str| CLIENTS_WORDS.iter().find(|(header, _)| *header == name);
    let found = trusted.iter().filter_map(|t| words(t.header.as_str()).map(|(_, why)| (t, why)));
    found
        .map(|(trusted, why)| {
            let instead = "the header in which the edge writes what it saw itself";
            Found::new(format!("{} from {}", trusted.key, trusted.header), *why, instead)
        })
        .collect()
}

/// Headers in which a client says something that is not about forwarding. Names with a prefix of
/// [`BEGINNINGS`] belong to them too.
const NOT_FORWARDING: [&str; 18] = [
    "accept",
    "authorization",
    "cache-control",
    "content-type",
    "cookie",
    "date",
    "dnt",
    "expect",
    "from",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "user-agent",
    "via",
    "x-requested-with",
];
const BEGINNINGS: [&str; 4] = ["accept-", "if-", "sec-", "proxy-auth"];

fn not_forwarding(subject: &Subject<'_>) -> Vec<Found> {
    let trusted = subject.settings.trusted();
    let is_other = |name: &str| {
        NOT_FORWARDING.contains(&name) || BEGINNINGS.iter().any(|begin| name.starts_with(begin))
    };
    let other = trusted.iter().filter(|trusted| is_other(trusted.header.as_str()));
    other
        .map(|trusted| {
            let at = format!("{} from {}", trusted.key, trusted.header);
            let reason = "clients write this header, and no proxy writes an address, a scheme, a host, \
                          a port or a prefix there";
            Found::new(at, reason, "the header in which your proxy writes it")
        })
        .collect()
}

fn json_value(subject: &Subject<'_>) -> Vec<Found> {
    let trusted = subject.settings.trusted();
    let visitor = trusted.iter().find(|trusted| trusted.header == "cf-visitor");
    one(visitor.map(|trusted| {
        Found::new(
            format!("{} from cf-visitor", trusted.key),
            "its value is JSON, such as {\"scheme\":\"https\"}, which is not valid here: every request \
             is rejected",
            "proto=1 without proto-name=: Cloudflare also writes X-Forwarded-Proto",
        )
    }))
}

/// Headers with a path prefix that a proxy writes on every request, as Home Assistant does.
const ALWAYS_WRITTEN: [&str; 1] = ["x-ingress-path"];

fn prefix_passes(subject: &Subject<'_>) -> Vec<Found> {
    let name = subject.settings.get("prefix-name");
    let passes = !name.is_some_and(|name| ALWAYS_WRITTEN.contains(&name));
    one(subject.settings.get("prefix").filter(|_| passes).map(|value| {
        Found::new(
            format!("prefix={value}"),
            "few proxies write this header by themselves, and the others pass on the client's value",
            "leave it out, unless a line in your proxy sets it on every request",
        )
    }))
}

fn no_effect(subject: &Subject<'_>) -> Vec<Found> {
    let settings = &subject.settings;
    let (walks, forwarded) = (settings.walks(), settings.get("forwarded").is_some());
    let idle = [
        ("max-hops", walks, "it affects only a walk, and this configuration has none"),
        ("all-trusted", walks, "it affects only a walk, and this configuration has none"),
        ("forwarded-ipv6", forwarded, "it affects only Forwarded, and forwarded= is not set"),
    ];
    let found = |(key, has_effect, reason): (&str, bool, &str)| {
        let at = format!("{key}={}", settings.get(key).filter(|_| !has_effect)?);
        Some(Found::new(at, reason, "leave it out"))
    };
    idle.into_iter().filter_map(found).collect()
}
