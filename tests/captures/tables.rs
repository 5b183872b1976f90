//! Outcomes that are neither the truth nor what `exceptions.json` says.

/// What happens, in which set-ups, in which scenarios. Every listed set-up is combined with every listed
/// scenario.
///
/// 1. `refused`: a head that no server passes to an application.
/// 2. A run and a kind of error: a request that is rejected.
/// 3. `honest`: one of these two, although the client forged nothing.
/// 4. A value and an outcome: another outcome than in `exceptions.json`, and a better one.
pub(crate) const DEPARTURES: &[(&str, &str, &str)] = &[
    // A space before the colon (RFC 9112 §5.1) arrives as it was sent.
    ("refused", "nghttpx tinyproxy", "xff-space-before-colon"),
    // The second half of a folded line arrives as a line without a name.
    ("refused", "h2o", "xff-folded"),
    // HAProxy relays the client's `Connection`, which names trusted headers. They are there and right,
    // but nobody can tell that from the request alone.
    (
        "counts Nominated",
        "haproxy haproxy-prefix haproxy-strip-case",
        "hop-xff hop-xff-forged hop-xfp hop-all hop-all-tls",
    ),
    (
        "walk Nominated",
        "haproxy haproxy-prefix haproxy-strip-case",
        "hop-xff hop-xff-forged hop-all hop-all-tls",
    ),
    ("counts Nominated", "haproxy-minimal", "hop-xff hop-xff-forged hop-all hop-all-tls"),
    ("walk Nominated", "haproxy-minimal", "hop-xff hop-xff-forged hop-all hop-all-tls"),
    ("counts Nominated", "haproxy-if-none", "hop-xfp hop-all hop-all-tls"),
    ("forwarded Nominated", "haproxy-forwarded", "hop-fwd-forged hop-all hop-all-tls"),
    ("forwarded-walk Nominated", "haproxy-forwarded", "hop-fwd-forged hop-all hop-all-tls"),
    // Apache obeys the client's `Connection`, even for its own X-Forwarded-Proto.
    (
        "counts Incomplete",
        "apache apache-prefix apache-preserve-host apache-strip",
        "hop-xfp hop-all hop-all-tls",
    ),
    ("counts Incomplete", "chain-haproxy-apache", "hop-xfp"),
    // It obeys also for what HAProxy wrote before it: one of two addresses is left.
    ("counts Short", "chain-haproxy-apache", "hop-xff hop-xff-forged hop-all hop-all-tls"),
    // HAProxy does not understand the client's line and adds its own as a second line. nginx does not see
    // that one. It does not understand the first line either, and replaces it: one of two elements is left.
    (
        "forwarded Short",
        "chain-haproxy-nginx-forwarded",
        "fwd-open-quote fwd-malformed fwd-unquoted-ipv6",
    ),
    // Or HAProxy understands the line and appends. Then the client's `for="198.51.100.7, for=203.0.113.9"`
    // is trusted, but it is not a node. The reader of `exceptions.json` believes the `proto` beside it.
    ("forwarded InvalidNode", "chain-haproxy-nginx-forwarded", "fwd-quoted-comma"),
    ("forwarded-walk InvalidNode", "chain-haproxy-nginx-forwarded", "fwd-quoted-comma"),
    // Envoy joins two lines: `Host: app.example,evil.example`.
    ("none InvalidHost", "envoy envoy-default", "host-twice"),
    ("counts InvalidHost", "envoy", "host-twice"),
    ("walk InvalidHost", "envoy", "host-twice"),
    ("honest", "envoy envoy-default", "host-twice"),
    // Varnish relays an absolute https target beside a different `Host`. The target's authority is the
    // host (RFC 9112 §3.2.2). The reader of `exceptions.json` looks only at `Host`.
    ("Host ok", "varnish hitch-varnish", "absolute-form-https"),
];

/// The values in the X-Forwarded family: their names in `trust.json` and in a configuration, and their
/// headers.
pub(crate) const FIELDS: [(&str, &str, &str); 5] = [
    ("x_for", "for", "x-forwarded-for"),
    ("x_proto", "proto", "x-forwarded-proto"),
    ("x_host", "host", "x-forwarded-host"),
    ("x_port", "port", "x-forwarded-port"),
    ("x_prefix", "prefix", "x-forwarded-prefix"),
];

/// What clients forged: addresses, names (`evil.example`) and a prefix (`/evil`).
pub(crate) const FORGED: [&str; 6] =
    ["198.51.100.7", "203.0.113.9", "192.0.2.33", "2001:db8::7", "evil", "worse.example"];

/// The prefix that some set-ups strip.
pub(crate) const PREFIX: &str = "/app";
