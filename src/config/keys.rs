//! The keys of the text form: each once, with the code that reads and writes its value.

use http::HeaderName;

use super::{
    AllTrusted, Config, ConfigBuilder, ConfigError, HeaderPolicy, OnInvalid, OnMissing, PrefixRule,
    Reach, ScalarRule, Settings, Trust, TrustedProxies, UriPolicy,
    builder::{expected, invalid},
    meant,
    settings::{MAX_HOPS, Names},
};
use crate::scheme::Scheme;

/// One key: how its value is read, and how it is written if it is not the default.
struct Key {
    name: &'static str,
    read: fn(ConfigBuilder, &str) -> Result<ConfigBuilder, ConfigError>,
    write: fn(&Settings) -> Option<String>,
}

/// The values of a setting, each with its name; the first is the default.
struct Choices<T: 'static> {
    values: &'static [(&'static str, T)],
    /// The names, in a sentence.
    expected: &'static str,
}

const FORWARDED_IPV6: Choices<bool> =
    Choices { values: &[("brackets", false), ("bare", true)], expected: "brackets or bare" };
const LISTENER: Choices<Scheme> = Choices {
    values: &[("http", Scheme::Http), ("https", Scheme::Https)],
    expected: "http or https",
};
const MISSING: Choices<OnMissing> = Choices {
    values: &[
        ("unknown", OnMissing::Unknown),
        ("peer", OnMissing::Peer),
        ("reject", OnMissing::Reject),
    ],
    expected: "unknown, peer or reject",
};
const INVALID: Choices<OnInvalid> = Choices {
    values: &[
        ("reject", OnInvalid::Reject),
        ("unknown", OnInvalid::Unknown),
        ("peer", OnInvalid::Peer),
    ],
    expected: "reject, unknown or peer",
};
const ALL_TRUSTED: Choices<AllTrusted> = Choices {
    values: &[
        ("unknown", AllTrusted::Unknown),
        ("leftmost", AllTrusted::Leftmost),
        ("reject", AllTrusted::Reject),
    ],
    expected: "unknown, leftmost or reject",
};
const VERIFY: Choices<bool> =
    Choices { values: &[("none", false), ("hops", true)], expected: "hops or none" };
const HEADERS: Choices<HeaderPolicy> = Choices {
    values: &[
        ("canonical", HeaderPolicy::Canonical),
        ("strip", HeaderPolicy::Strip),
        ("keep", HeaderPolicy::Keep),
    ],
    expected: "canonical, strip or keep",
};
const URI: Choices<UriPolicy> = Choices {
    values: &[("rewrite", UriPolicy::Rewrite), ("keep", UriPolicy::Keep)],
    expected: "rewrite or keep",
};
const CONNECTION: Choices<bool> =
    Choices { values: &[("check", false), ("ignore", true)], expected: "check or ignore" };

/// All keys, in the order in which they are written.
const KEYS: [Key; 29] = [
    Key {
        name: "proxies",
        read: |b, v| Ok(b.proxies(v.parse()?)),
        write: |s| s.proxies.as_ref().map(ToString::to_string),
    },
    Key {
        name: "secret-header",
        read: |b, v| Ok(b.secret_header(v)),
        write: |s| s.secret_header.as_ref().map(ToString::to_string),
    },
    Key { name: "for", read: |b, v| Ok(b.x_for(trust("for", v)?)), write: |s| s.x_for.map(reach) },
    Key {
        name: "proto",
        read: |b, v| Ok(b.x_proto(trust("proto", v)?)),
        write: |s| s.x_proto.map(scalar),
    },
    Key {
        name: "host",
        read: |b, v| Ok(b.x_host(trust("host", v)?)),
        write: |s| s.x_host.map(scalar),
    },
    Key {
        name: "port",
        read: |b, v| Ok(b.x_port(trust("port", v)?)),
        write: |s| s.x_port.map(scalar),
    },
    Key { name: "prefix", read: read_prefix, write: |s| s.x_prefix.map(prefix) },
    Key {
        name: "forwarded",
        read: |b, v| Ok(b.forwarded(trust("forwarded", v)?)),
        write: |s| s.forwarded.map(reach),
    },
    Key {
        name: "forwarded-ipv6",
        read: |b, v| {
            let bare = choose("forwarded-ipv6", v, &FORWARDED_IPV6)?;
            Ok(if bare { b.bare_forwarded_ipv6() } else { b })
        },
        write: |s| chosen(s.bare_ipv6, &FORWARDED_IPV6),
    },
    Key {
        name: "edge",
        read: |b, v| Ok(b.edge(TrustedProxies::parse("network in edge=", v)?)),
        write: |s| s.edge.as_ref().map(ToString::to_string),
    },
    Key {
        name: "client-ip",
        read: |b, v| Ok(b.client_ip_header(v)),
        write: |s| s.client_ip.as_ref().map(ToString::to_string),
    },
    Key {
        name: "for-name",
        read: |b, v| Ok(b.x_for_name(v)),
        write: |s| renamed(s, |names| &names.r#for),
    },
    Key {
        name: "proto-name",
        read: |b, v| Ok(b.x_proto_name(v)),
        write: |s| renamed(s, |names| &names.proto),
    },
    Key {
        name: "host-name",
        read: |b, v| Ok(b.x_host_name(v)),
        write: |s| renamed(s, |names| &names.host),
    },
    Key {
        name: "port-name",
        read: |b, v| Ok(b.x_port_name(v)),
        write: |s| renamed(s, |names| &names.port),
    },
    Key {
        name: "prefix-name",
        read: |b, v| Ok(b.x_prefix_name(v)),
        write: |s| renamed(s, |names| &names.prefix),
    },
    Key { name: "hosts", read: |b, v| Ok(b.allowed_hosts(entries(v))), write: |s| list(&s.hosts) },
    Key {
        name: "listener",
        read: |b, v| Ok(b.listener_scheme(choose("listener", v, &LISTENER)?)),
        write: |s| chosen(s.listener, &LISTENER),
    },
    Key {
        name: "missing",
        read: |b, v| Ok(b.on_missing(choose("missing", v, &MISSING)?)),
        write: |s| chosen(s.missing, &MISSING),
    },
    Key {
        name: "invalid",
        read: |b, v| Ok(b.on_invalid(choose("invalid", v, &INVALID)?)),
        write: |s| chosen(s.invalid, &INVALID),
    },
    Key {
        name: "all-trusted",
        read: |b, v| Ok(b.all_trusted(choose("all-trusted", v, &ALL_TRUSTED)?)),
        write: |s| chosen(s.all_trusted, &ALL_TRUSTED),
    },
    Key {
        name: "verify",
        read: |b, v| {
            let hops = choose("verify", v, &VERIFY)?;
            Ok(if hops { b.verify_hops() } else { b })
        },
        write: |s| chosen(s.verify_hops, &VERIFY),
    },
    Key {
        name: "headers",
        read: |b, v| Ok(b.headers(choose("headers", v, &HEADERS)?)),
        write: |s| chosen(s.headers, &HEADERS),
    },
    Key {
        name: "uri",
        read: |b, v| Ok(b.rewrite_uri(choose("uri", v, &URI)?)),
        write: |s| chosen(s.uri, &URI),
    },
    Key {
        name: "max-hops",
        read: |b, v| {
            let hops = number(v).ok_or_else(|| invalid("max-hops", v, "a number from 1"))?;
            Ok(b.max_hops(hops))
        },
        write: |s| (s.max_hops != MAX_HOPS).then(|| s.max_hops.to_string()),
    },
    Key {
        name: "strip-also",
        read: |b, v| Ok(entries(v).fold(b, ConfigBuilder::strip_also)),
        write: |s| list(&s.strip_also),
    },
    Key {
        name: "proxy-only",
        read: |b, v| Ok(entries(v).fold(b, ConfigBuilder::proxy_only)),
        write: |s| list(&s.proxy_only),
    },
    Key {
        name: "exempt",
        read: |b, v| Ok(entries(v).fold(b, ConfigBuilder::exempt)),
        write: |s| list(&s.exempt),
    },
    Key {
        name: "connection",
        read: |b, v| {
            let ignore = choose("connection", v, &CONNECTION)?;
            Ok(if ignore { b.ignore_connection() } else { b.check_connection() })
        },
        write: |s| chosen(s.ignore_connection, &CONNECTION),
    },
];

/// Reads pairs of key and value.
pub(super) fn read<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<ConfigBuilder, ConfigError> {
    let mut builder = Config::builder();
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in pairs {
        let key = find(name)?;
        if seen.contains(&key.name) {
            return Err(ConfigError::RepeatedKey { key: key.name });
        }
        seen.push(key.name);
        builder = (key.read)(builder, value)?;
    }
    Ok(builder)
}

/// Writes the values that are not the default, in pairs of key and value.
pub(super) fn write(settings: &Settings) -> impl Iterator<Item = (&'static str, String)> {
    KEYS.iter().filter_map(move |key| Some((key.name, (key.write)(settings)?)))
}

/// The names of all keys.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.name)
}

/// Finds a key by its name.
pub(super) fn known(name: &str) -> Result<&'static str, ConfigError> {
    find(name).map(|key| key.name)
}

fn find(name: &str) -> Result<&'static Key, ConfigError> {
    KEYS.iter().find(|key| key.name == name).ok_or_else(|| ConfigError::UnknownKey {
        key: meant::shown(name),
        instead: meant::key(name, &names().collect::<Vec<_>>()),
    })
}

fn choose<T: Copy>(key: &'static str, value: &str, choices: &Choices<T>) -> Result<T, ConfigError> {
    let found = choices.values.iter().find(|(name, _)| *name == value);
    found.map(|(_, choice)| *choice).ok_or_else(|| invalid(key, value, choices.expected))
}

fn chosen<T: Copy + PartialEq>(value: T, choices: &Choices<T>) -> Option<String> {
    let (_, others) = choices.values.split_first()?;
    others.iter().find(|(_, choice)| *choice == value).map(|(name, _)| (*name).to_owned())
}

fn trust(key: &'static str, value: &str) -> Result<Trust, ConfigError> {
    match value {
        "walk" => Ok(Trust::Walk),
        "aligned" => Ok(Trust::Aligned),
        _ => number(value).map(Trust::Count).ok_or_else(|| invalid(key, value, expected(key))),
    }
}

/// Reads digits only, without a sign.
fn number(digits: &str) -> Option<usize> {
    digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn reach(reach: Reach) -> String {
    match reach {
        Reach::Count(count) => count.to_string(),
        Reach::Walk => "walk".to_owned(),
    }
}

fn scalar(rule: ScalarRule) -> String {
    match rule {
        ScalarRule::Count(count) => count.to_string(),
        ScalarRule::Aligned => "aligned".to_owned(),
    }
}

fn read_prefix(builder: ConfigBuilder, value: &str) -> Result<ConfigBuilder, ConfigError> {
    match value.strip_prefix("join:") {
        None => trust("prefix", value).map(|trust| builder.x_prefix(trust)),
        Some(count) => number(count)
            .map(|count| builder.x_prefix_joined(count))
            .ok_or_else(|| invalid("prefix", value, expected("prefix"))),
    }
}

fn prefix(rule: PrefixRule) -> String {
    match rule {
        PrefixRule::One(rule) => scalar(rule),
        PrefixRule::Joined(count) => format!("join:{count}"),
    }
}

fn renamed(settings: &Settings, name: fn(&Names) -> &HeaderName) -> Option<String> {
    let set = name(&settings.names);
    (set != name(&Names::default())).then(|| set.to_string())
}

/// The entries of a list. An empty text has none.
fn entries(value: &str) -> impl Iterator<Item = &str> {
    let text = Some(value).filter(|text| !text.trim().is_empty());
    text.into_iter().flat_map(|text| text.split(',')).map(str::trim)
}

fn list<T: ToString>(items: &[T]) -> Option<String> {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    (!items.is_empty()).then(|| items.join(","))
}

#[cfg(test)]
mod tests {
    use super::KEYS;

    /// The names in the first cells of the table of keys.
    fn documented(document: &str) -> Vec<&str> {
        let rows = document.lines().skip_while(|line| !line.starts_with("| key |")).skip(2);
        let cells = rows.map_while(|row| row.strip_prefix("| ")?.split(" |").next());
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
    }

    #[test]
    fn are_all_documented() {
        let mut names = KEYS.map(|key| key.name);
        names.sort_unstable();
        for document in [include_str!("../crate.md"), include_str!("../../README.md")] {
            let mut documented = documented(document);
            documented.sort_unstable();
            assert_eq!(documented, names);
        }
    }
}
