//! Each rule with a configuration that breaks it and one that does not; the recipes; the documents.

use std::{collections::BTreeSet, fs, path::Path};

use proxyfix_lint::{Finding, Severity};

use super::codes;
use crate::settings::{SINGLE_ADDRESS, with_secret};

fn lint(text: &str) -> Vec<Finding> {
    let config = with_secret(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    proxyfix_lint::lint(text, &config)
}

fn found(text: &str) -> Vec<&'static str> {
    lint(text).iter().map(|finding| finding.code).collect()
}

/// A code, a configuration that breaks its rule, and a similar one that does not.
const ROWS: [(&str, &str, &str); 69] = [
    ("every-peer", "proxies=any for=1", "proxies=loopback for=1"),
    ("every-peer", "proxies=any for=1", "proxies=any secret-header=X-Origin-Secret for=1"),
    ("every-address", "proxies=0.0.0.0/0 for=1", "proxies=10.0.0.0/8 for=1"),
    ("every-address", "proxies=0.0.0.0/1,128.0.0.0/1 for=1", "proxies=none for=1"),
    ("every-address", "proxies=10.0.0.1,::/0 for=1", "proxies=fc00::/7 for=1"),
    ("large-network", "proxies=192.0.0.0/12 for=1", "proxies=192.0.2.0/24 for=1"),
    ("large-network", "proxies=2001:d00::/24 for=1", "proxies=2001:db8::/32 for=1"),
    ("large-network", "proxies=104.0.0.0/8 for=1", "proxies=104.16.0.0/13 for=1"),
    ("large-network", "proxies=8.0.0.0/5 for=1", "proxies=10.0.0.0/8 for=1"),
    ("public-network", "proxies=192.0.2.0/24 for=1", "proxies=192.0.2.1 for=1"),
    ("public-network", "proxies=2001:db8::/64 for=1", "proxies=192.168.0.0/16 for=1"),
    ("provider-network", "proxies=173.245.48.0/20 for=1", "proxies=192.0.2.0/24 for=1"),
    ("provider-network", "proxies=104.16.0.0/13,104.24.0.0/14 for=1", "proxies=loopback for=1"),
    ("private-clients", "proxies=private for=walk", "proxies=10.0.1.0/24 for=walk"),
    ("private-clients", "proxies=10.0.0.0/16 forwarded=walk", "proxies=10.0.0.0/8 forwarded=1"),
    ("private-clients", "proxies=fd00::/48 for=walk", "proxies=fd00::/64 for=walk"),
    ("private-clients", "proxies=100.64.0.0/10 for=walk", "proxies=loopback for=walk"),
    ("private-clients", "proxies=10.0.0.0/17 for=walk", "proxies=192.168.1.0/24 for=walk"),
    ("private-walk", "proxies=192.168.1.0/24 for=walk", "proxies=192.168.1.0/24 for=1"),
    ("private-walk", "proxies=fd00::/64 for=walk", "proxies=192.168.1.1,fd00::1 for=walk"),
    ("host-bits", "proxies=10.0.1.7/8 for=1", "proxies=10.0.0.0/8 for=1"),
    ("host-bits", "for=1 proxies=unix,2001:db8::1/32", "for=1 proxies=10.0.1.7/32"),
    ("nobody", "proxies=none for=1", "proxies=unix for=1"),
    ("no-client", "proxies=unix proto=1", "proxies=unix proto=1 for=1"),
    ("no-client", "proxies=unix port=1", "proxies=unix port=1 client-ip=X-Real-IP"),
    ("no-scheme", "proxies=unix for=1", "proxies=unix for=1 proto=1"),
    ("no-scheme", "proxies=unix for=1 host=1", "proxies=unix for=1 listener=https"),
    ("any-host", "proxies=unix for=1 host=1", "proxies=unix for=1 host=1 hosts=a.example"),
    ("any-host", "proxies=unix forwarded=1", "proxies=unix forwarded=1 hosts=a.example"),
    ("wide-hosts", "proxies=unix for=1 hosts=*.com", "proxies=unix for=1 hosts=*.a.example"),
    ("wide-hosts", "proxies=unix for=1 hosts=*.co.uk", "proxies=unix for=1 hosts=*.a.co.uk"),
    ("wide-hosts", "proxies=unix for=1 hosts=*.github.io", "proxies=unix for=1 hosts=*.co.example"),
    ("any-port", "proxies=unix for=1 hosts=a.example", "proxies=unix for=1"),
    (
        "any-port",
        "proxies=unix for=1 hosts=*.a.example,[::1]",
        "proxies=unix for=1 port=1 hosts=a.example",
    ),
    (
        "any-port",
        "proxies=unix for=1 hosts=a.example:443,b.example",
        "proxies=unix for=1 hosts=a.example:443,*.b.example:*",
    ),
    ("any-port", "proxies=unix for=1 hosts=[::1]", "proxies=unix for=1 hosts=[::1]:443"),
    (
        "wide-hosts",
        "proxies=unix for=1 hosts=*.co.uk:443",
        "proxies=unix for=1 hosts=*.a.example:443",
    ),
    (
        "listener-https",
        "proxies=unix for=1 proto=1 listener=https",
        "proxies=unix for=1 listener=https",
    ),
    ("listener-https", "proxies=unix forwarded=1 listener=https", "proxies=unix forwarded=1"),
    (
        "listener-https",
        "proxies=unix forwarded=1 listener=https missing=peer",
        "proxies=unix for=1 listener=https missing=peer",
    ),
    (
        "listener-https",
        "proxies=unix for=1 proto=1 listener=https invalid=peer",
        "proxies=unix for=1 proto=1 listener=http invalid=peer",
    ),
    ("counts-differ", "proxies=unix for=1 proto=2", "proxies=unix for=1 proto=1"),
    ("counts-differ", "proxies=unix for=3 host=2", "proxies=unix for=3 host=3"),
    ("counts-differ", "proxies=unix for=1 prefix=join:2", "proxies=unix for=3 prefix=join:2"),
    ("counts-differ", "proxies=unix for=2 port=3", "proxies=unix for=walk port=3"),
    ("unverified-count", "proxies=unix for=2", "proxies=unix for=2 verify=hops"),
    ("unverified-count", "proxies=unix forwarded=2", "proxies=unix forwarded=1"),
    (
        "name-without-key",
        "proxies=unix for=1 proto-name=X-Scheme",
        "proxies=unix for=1 proto=1 proto-name=X-Scheme",
    ),
    ("name-without-key", "proxies=unix proto=1 for-name=X-Real-IP", "proxies=unix proto=1"),
    ("single-header", "proxies=unix client-ip=X-Real-IP", "proxies=unix for=1"),
    (
        "single-header",
        "proxies=unix for=1 for-name=CF-Connecting-IP",
        "proxies=unix for=1 for-name=X-Client-List",
    ),
    (
        "single-header",
        "proxies=unix for=1 for-name=X-Real-IP",
        "proxies=unix proto=1 for-name=X-Real-IP",
    ),
    (
        "list-as-single",
        "proxies=unix client-ip=X-Forwarded-For",
        "proxies=unix client-ip=X-Real-IP",
    ),
    (
        "clients-words",
        "proxies=unix client-ip=X-Azure-ClientIP",
        "proxies=unix client-ip=X-Azure-SocketIP",
    ),
    ("not-forwarding", "proxies=unix for=1 for-name=User-Agent", "proxies=unix for=1 for-name=X-A"),
    ("not-forwarding", "proxies=unix client-ip=Referer", "proxies=unix client-ip=X-Real-IP"),
    ("not-forwarding", "proxies=unix host=1 host-name=Origin", "proxies=unix host=1"),
    (
        "not-forwarding",
        "proxies=unix for=1 for-name=Accept-Language",
        "proxies=unix proto=1 for-name=Accept-Language",
    ),
    (
        "not-forwarding",
        "proxies=unix proto=1 proto-name=Sec-Fetch-Site",
        "proxies=unix proto=1 proto-name=X-Forwarded-Ssl",
    ),
    (
        "json-value",
        "proxies=unix for=1 proto=1 proto-name=CF-Visitor",
        "proxies=unix for=1 proto=1 proto-name=X-Scheme",
    ),
    ("json-value", "proxies=unix client-ip=CF-Visitor", "proxies=unix for=1 proto-name=CF-Visitor"),
    ("prefix-passes", "proxies=unix for=1 prefix=1", "proxies=unix for=1"),
    ("no-effect", "proxies=unix for=1 max-hops=2", "proxies=unix for=walk max-hops=2"),
    ("missing-peer", "proxies=unix for=1 missing=peer", "proxies=unix for=1 missing=reject"),
    ("invalid-peer", "proxies=unix for=1 invalid=peer", "proxies=unix for=1 invalid=unknown"),
    (
        "all-trusted-leftmost",
        "proxies=unix for=walk all-trusted=leftmost",
        "proxies=unix for=walk all-trusted=reject",
    ),
    ("headers-keep", "proxies=unix for=1 headers=keep", "proxies=unix for=1 headers=strip"),
    ("uri-keep", "proxies=unix for=1 uri=keep", "proxies=unix for=1"),
    ("connection-ignore", "proxies=unix for=1 connection=ignore", "proxies=unix for=1"),
];

/// The same for trust on a condition.
const CONDITIONAL: [(&str, &str, &str); 17] = [
    (
        "every-address",
        "proxies=0.0.0.0/0 for=walk secret-header=X-A",
        "proxies=0.0.0.0/0 for=1 secret-header=X-A",
    ),
    (
        "large-network",
        "proxies=8.0.0.0/5 for=walk secret-header=X-A",
        "proxies=8.0.0.0/5 for=1 secret-header=X-A",
    ),
    (
        "public-network",
        "proxies=192.0.2.0/24 for=1",
        "proxies=192.0.2.0/24 for=1 secret-header=X-A",
    ),
    (
        "provider-network",
        "proxies=173.245.48.0/20 for=1",
        "proxies=173.245.48.0/20 for=1 secret-header=X-A",
    ),
    (
        "secret-missing-peer",
        "proxies=any for=1 secret-header=X-A missing=peer",
        "proxies=any for=1 secret-header=X-A missing=reject",
    ),
    (
        "single-header",
        "proxies=unix client-ip=X-Real-IP",
        "proxies=unix for=1 client-ip=X-Real-IP edge=192.0.2.0/24",
    ),
    (
        "edge-in-proxies",
        "proxies=10.0.0.1,192.0.2.0/24 for=walk client-ip=X-A edge=192.0.2.128/25",
        "proxies=10.0.0.1 for=walk client-ip=X-A edge=192.0.2.0/24",
    ),
    (
        "edge-in-proxies",
        "proxies=10.0.0.1,192.0.2.7 forwarded=walk client-ip=X-A edge=192.0.2.0/24",
        "proxies=10.0.0.1,192.0.2.7 forwarded=1 client-ip=X-A edge=192.0.2.0/24",
    ),
    (
        "provider-edge",
        "proxies=unix for=1 client-ip=CF-Connecting-IP edge=173.245.48.0/20",
        "proxies=unix for=1 client-ip=CF-Connecting-IP edge=192.0.2.0/24",
    ),
    ("proxy-only", "proxies=unix for=1 proxy-only=Remote-User", "proxies=unix for=1"),
    ("nearer-proto", "proxies=unix forwarded=2", "proxies=unix forwarded=2 proto=1"),
    ("nearer-proto", "proxies=unix forwarded=walk", "proxies=unix forwarded=1"),
    ("bare-ipv6", "proxies=unix forwarded=1 forwarded-ipv6=bare", "proxies=unix forwarded=1"),
    (
        "no-effect",
        "proxies=unix for=1 forwarded-ipv6=bare",
        "proxies=unix forwarded=1 forwarded-ipv6=bare",
    ),
    (
        "prefix-passes",
        "proxies=unix for=1 prefix=1 prefix-name=X-A",
        "proxies=unix for=1 prefix=1 prefix-name=X-Ingress-Path",
    ),
    ("nobody", "proxies=none", "proxies=unix for=1 ; none"),
    (
        "host-bits",
        "proxies=unix for=1 ; for=1 proxies=10.0.1.7/8 ; none",
        "proxies=unix for=1 ; proxies=10.0.0.0/8 for=1",
    ),
];

/// If there are several ways in, a finding says which one it is about.
#[test]
fn ways() {
    let text = "proxies=unix for=1 proto=1 ; proxies=10.0.1.7/8 for=2 proto=1 ; none";
    let found: Vec<_> = lint(text).iter().map(|finding| (finding.code, finding.way)).collect();
    assert_eq!(found, [("host-bits", Some(2)), ("unverified-count", Some(2))]);
    let config = with_secret(text).unwrap();
    let report = super::report::text(&lint(text), &config);
    let report = anstream::adapter::strip_str(&report).to_string();
    assert!(
        report.starts_with(
            "warning[host-bits] way 2 of 3 (proxies=10.0.0.0/8), 10.0.1.7/8 in proxies=: "
        ),
        "{report}"
    );
    assert_eq!(lint("proxies=unix for=2")[0].way, None);
}

#[test]
fn rows() {
    let mut rows = [&ROWS[..], &CONDITIONAL].concat();
    rows.push(("exempt", "proxies=unix for=1 exempt=X-Real-IP", "proxies=unix for=1"));
    for (code, bad, good) in &rows {
        assert!(found(bad).contains(code), "{bad}: {code} in {:?}", found(bad));
        assert!(!found(good).contains(code), "{good}: no {code} in {:?}", found(good));
    }
    let tested: BTreeSet<_> = rows.iter().map(|(code, ..)| *code).collect();
    assert_eq!(tested, codes().into_iter().collect());
}

/// With `missing=peer` or `invalid=peer`, a client that gets a header dropped passes for one that uses TLS.
#[test]
fn listener_https_is_worse_with_peer() {
    for (more, bad) in
        [("", false), (" missing=reject", false), (" missing=peer", true), (" invalid=peer", true)]
    {
        let text = format!("proxies=unix for=1 proto=1 listener=https{more}");
        let findings = lint(&text);
        let found = findings.iter().find(|finding| finding.code == "listener-https").unwrap();
        assert_eq!(found.severity == Severity::Warning, bad, "{text}");
    }
}

fn docs(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn each_code_has_a_section() {
    let text = docs("docs/LINT.md");
    let sections: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(sections, codes());
    for code in codes() {
        let section = super::section(code).unwrap();
        assert!(section.starts_with(code) && section.lines().count() > 2, "{section}");
    }
}

#[test]
fn headers_with_one_address() {
    let text = docs("docs/HEADERS.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let single = rows.filter(|(_, cells)| cells.starts_with("one address |"));
    let names: Vec<_> = single.map(|(name, _)| name.to_lowercase()).collect();
    assert_eq!(names, SINGLE_ADDRESS);
}

/// Notes about things that recipes cannot know: the hosts, the chain behind an address, a client's scheme if
/// no proxy names it.
const NOTES: [&str; 12] = [
    "any-host",
    "any-port",
    "private-walk",
    "unverified-count",
    "no-scheme",
    "single-header",
    "provider-edge",
    "provider-network",
    "public-network",
    // The recipe explains these beside its line.
    "bare-ipv6",
    "nearer-proto",
    "proxy-only",
];

/// Warnings and dangers in recipes, with the reason why each recipe is right.
const JUSTIFIED: [(&str, &str, &str); 4] = [
    (
        "docs/recipes/aws.md",
        "no-client",
        "an ALB in the modes `preserve` and `remove` has nobody say who the client is, and the recipe says so",
    ),
    ("docs/recipes/aws-serverless.md", "nobody", PEER_OF_EVENT),
    ("docs/recipes/README.md", "nobody", PEER_OF_EVENT),
    (
        "docs/recipes/kong.md",
        "prefix-passes",
        "Kong writes X-Forwarded-Prefix where a route strips a path, and removes a client's elsewhere",
    ),
];
const PEER_OF_EVENT: &str =
    "behind a Lambda function URL the peer is the address in the event, which is the client";

/// Every line for proxyfix in the recipes and in README.
#[test]
fn recipes_are_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| format!("docs/recipes/{}", file.unwrap().file_name().into_string().unwrap()))
        .collect();
    files.push("README.md".to_owned());
    let (mut lines, mut used) = (0, BTreeSet::new());
    for file in files {
        let text = docs(&file);
        let quoted =
            text.split('`').chain(text.lines()).filter(|part| part.starts_with("proxies="));
        for line in quoted.filter(|line| !line.contains('…') && line.contains(' ')) {
            lines += 1;
            for code in found(line) {
                let justified =
                    JUSTIFIED.iter().find(|(at, known, _)| *at == file && *known == code);
                used.extend(justified.map(|(at, ..)| *at));
                let note =
                    NOTES.contains(&code) || line == "proxies=none for=1" && code == "nobody";
                assert!(note || justified.is_some(), "{file}: {line}: {code}");
            }
        }
    }
    assert!(lines > 100, "{lines}");
    assert_eq!(used.len(), JUSTIFIED.len());
}
