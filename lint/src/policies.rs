//! Settings that give up a part of the security property, each by one key and value.

use super::{Check, Rule, Severity};

pub(crate) const RULES: [Rule; 7] = [
    Rule {
        code: "missing-peer",
        severity: Severity::Warning,
        check: Check::Setting {
            key: "missing",
            value: Some("peer"),
            reason: "a client who gets a proxy to drop the headers is mistaken for that proxy",
            instead: "leave it out (the client is then unknown), or missing=reject; in development, \
                      proxies=none",
        },
    },
    Rule {
        code: "invalid-peer",
        severity: Severity::Warning,
        check: Check::Setting {
            key: "invalid",
            value: Some("peer"),
            reason: "a client who can make a value invalid is mistaken for the proxy",
            instead: "leave it out (such a request is then rejected), or invalid=unknown",
        },
    },
    Rule {
        code: "all-trusted-leftmost",
        severity: Severity::Warning,
        check: Check::Setting {
            key: "all-trusted",
            value: Some("leftmost"),
            reason: "anyone in the trusted networks can claim any other address in them as the client",
            instead: "leave it out (the client is then unknown), or all-trusted=reject",
        },
    },
    Rule {
        code: "headers-keep",
        severity: Severity::Warning,
        check: Check::Setting {
            key: "headers",
            value: Some("keep"),
            reason: "code that reads the headers behind proxyfix reads what a stranger wrote",
            instead: "leave it out, or headers=strip",
        },
    },
    Rule {
        code: "uri-keep",
        severity: Severity::Warning,
        check: Check::Setting {
            key: "uri",
            value: Some("keep"),
            reason: "scheme and host in the request's URI stay the client's, and may differ from what \
                     is believed",
            instead: "leave it out",
        },
    },
    Rule {
        code: "connection-ignore",
        severity: Severity::Warning,
        check: Check::Setting {
            key: "connection",
            value: Some("ignore"),
            reason: "a client can name a trusted header in Connection, and some proxies then drop it",
            instead: "leave it out",
        },
    },
    Rule {
        code: "exempt",
        severity: Severity::Warning,
        check: Check::Setting {
            key: "exempt",
            value: None,
            reason: "this header stays as a stranger wrote it, and anything that reads it believes it",
            instead: "leave it out, unless the edge writes this header on every request",
        },
    },
];
