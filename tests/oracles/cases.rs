//! The requests. Most have what proxies write, and many have what readers disagree about.

use arbitrary::{Result, Unstructured};
use proptest::{
    prelude::RngCore,
    test_runner::{RngAlgorithm, TestRng},
};
use serde::Serialize;

/// A request, and how far each middleware trusts it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Case {
    /// Field lines in their order: name and value, with one character for each byte.
    pub(crate) lines: Vec<(String, String)>,
    /// Werkzeug's counts: for, proto, host, port, prefix.
    pub(crate) counts: [usize; 5],
    /// Hypercorn's count.
    pub(crate) hops: usize,
}

/// A header, the values that proxies write to it, and other values.
struct Header {
    name: &'static str,
    plain: &'static [&'static str],
    hard: &'static [&'static str],
}

const X_HEADERS: [Header; 5] = [
    Header {
        name: "X-Forwarded-For",
        plain: &[
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "10.0.0.2",
            "10.1.2.3",
            "2001:db8::7",
            "unknown",
        ],
        hard: &[
            "",
            "192.0.2.1:80",
            "10.0.0.2:8080",
            "10.0.0.2:99999",
            "[2001:db8::7]",
            "[2001:db8::7]:4711",
            "[2001:db8::7]:x",
            "[2001:db8::7",
            "[10.0.0.2]",
            "[192.0.2.1]",
            "2001:DB8::7",
            "2001:0db8:0:0::0007",
            "::ffff:192.0.2.1",
            "::ffff:10.0.0.2",
            "[::ffff:10.0.0.2]:80",
            "::FFFF:0a00:2",
            "fe80::1%eth0",
            "192.0.2.1:99999",
            "192.0.2.1:+80",
            "192.0.2.1:",
            "192.0.2.1:_p",
            "10.0.0.2:_p",
            "192.0.2.01",
            "192.0.2.256",
            "UNKNOWN",
            "unknown:80",
            "_hidden",
            "_hidden:80",
            "_",
            "unix:",
            "localhost",
            "for=192.0.2.1",
            "\"192.0.2.1\"",
            "\"192.0.2.1",
            "\"[2001:db8::7]:80\"",
            "\"192.0.2.1\\\"\"",
            "\u{a0}192.0.2.1",
            "10.0.0.2\u{85}",
            "\u{e9}",
        ],
    },
    Header {
        name: "X-Forwarded-Proto",
        plain: &["https", "http", "https"],
        hard: &[
            "",
            "HTTPS",
            "Http",
            "ws",
            "wss",
            "on",
            "ftp",
            "https:",
            "javascript",
            "\"https\"",
            "ht\"tps",
            "https\u{a0}",
        ],
    },
    Header {
        name: "X-Forwarded-Host",
        plain: &["shop.example", "a.example", "a.example:8443", "[2001:db8::7]"],
        hard: &[
            "",
            "A.Example",
            "a.example.",
            "a.example:",
            "a.example:80",
            "a.example:443",
            "a.example:080",
            "a.example:0",
            "a.example:99999",
            "a.example:x",
            "[2001:DB8::7]:8080",
            "[2001:db8::7",
            "[::1]x",
            "2001:db8::7",
            "a_b.example",
            "a..example",
            "a b",
            "user@a.example",
            "a.example/path",
            "a%2e.example",
            "\"a.example\"",
            "\"a.example",
            "b\u{fc}cher.example",
            "\u{a0}a.example",
        ],
    },
    Header {
        name: "X-Forwarded-Port",
        plain: &["443", "80", "8443"],
        hard: &["", "0", "080", "65536", "99999", "x", "80 80", "-1", "\"443\"", "8443\""],
    },
    Header {
        name: "X-Forwarded-Prefix",
        plain: &["/app", "/a/b", "/x-1"],
        hard: &[
            "",
            "/",
            "/app/",
            "/app//",
            "//evil.example",
            "app",
            "/a/../b",
            "/..;x",
            "/%2e%2e",
            "/%41",
            "/a b",
            "/%zz",
            "/\"q\"",
            "\"/app\"",
            "/a\\b",
            "/\u{e9}",
        ],
    },
];

/// The pairs of a forwarded-element, by parameter.
const PAIRS: [(&[&str], &[&str]); 4] = [
    (
        &["for=192.0.2.1", "for=198.51.100.7", "for=10.0.0.2", "for=unknown", "for=_hidden"],
        &[
            "for=\"[2001:db8::7]\"",
            "for=\"[2001:db8::7]:80\"",
            "for=[2001:db8::7]",
            "for=[2001:DB8::7]:80",
            "for=[::ffff:192.0.2.1]",
            "for=2001:db8::7",
            "For=192.0.2.1",
            "FOR=\"192.0.2.1\"",
            "for=192.0.2.1:80",
            "for=\"192.0.2.1:80\"",
            "for=_x:_p",
            "for=x",
            "for=Unknown",
            "for=",
            "for=\"\"",
            "for =192.0.2.1",
            "for=\"_x,for=192.0.2.1\"",
            "for=\"_x",
            "for=_y\"",
            "for=192.0.2.1\u{a0}",
        ],
    ),
    (
        &["proto=https", "proto=http"],
        &["Proto=https", "proto=HTTPS", "proto=\"https\"", "proto=wss", "proto=ftp", "proto="],
    ),
    (
        &["host=a.example", "host=shop.example"],
        &[
            "host=A.Example.",
            "host=a.example:8443",
            "host=\"a.example:443\"",
            "host=a.example:80",
            "host=\"\"",
            "Host=a.example",
            "host=\"a\\.example\"",
            "host=\"a b\"",
            "host=a..example",
            "host=",
        ],
    ),
    (
        &["by=10.0.0.1", "by=_proxy"],
        &["x=\"a,b\"", "x=\"for=_z;for=_y\"", "x=", "x=\"\\\"\"", "", "by", "for=_twice"],
    ),
];

const NOISE: [&str; 10] = ["\"", "\\", " ", "\t", ";", "=", ",", "\u{a0}", "\u{e9}", "x"];

/// This many cases, the same in every run.
pub(crate) fn cases(number: usize) -> Vec<Case> {
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut bytes = vec![0; 1500];
    let case = |_| {
        rng.fill_bytes(&mut bytes);
        generate(&mut Unstructured::new(&bytes)).expect("enough bytes")
    };
    (0..number).map(case).collect()
}

fn generate(u: &mut Unstructured<'_>) -> Result<Case> {
    let hard = *u.choose(&[0_u16, 0, 0, 0, 1, 1, 1, 4])?;
    let mut lines = Vec::new();
    for header in &X_HEADERS {
        if u.ratio(7_u8, 8)? {
            field(u, header.name, &mut lines, |u| {
                let values = if odds(u, hard, 6)? { header.hard } else { header.plain };
                let value = *u.choose(values)?;
                noisy(u, value, hard)
            })?;
        }
    }
    if u.ratio(3_u8, 4)? {
        field(u, "Forwarded", &mut lines, |u| {
            let element = element(u, hard)?;
            noisy(u, &element, hard)
        })?;
    }
    if u.ratio(1_u8, 16)? {
        let names = ["Connection", "X-Real-IP", "X-Forwarded", "X-Forwarded-By"];
        let name = *u.choose(&names)?;
        lines.insert(u.choose_index(lines.len() + 1)?, (name.into(), "X-Forwarded-For".into()));
    }
    let mut counts = [0; 5];
    for count in &mut counts {
        *count = *u.choose(&[0, 1, 1, 1, 2, 2, 3])?;
    }
    Ok(Case { lines, counts, hops: *u.choose(&[0, 1, 1, 1, 2, 2, 3])? })
}

/// One to five elements in one or more lines, sometimes under a name with an underscore.
fn field(
    u: &mut Unstructured<'_>,
    name: &str,
    lines: &mut Vec<(String, String)>,
    mut value: impl FnMut(&mut Unstructured<'_>) -> Result<String>,
) -> Result<()> {
    let name = |u: &mut Unstructured<'_>| {
        Ok(match u.int_in_range(0..=39_u8)? {
            0 => name.replacen('-', "_", 1),
            1..=9 => name.to_lowercase(),
            _ => name.to_owned(),
        })
    };
    let mut text = value(u)?;
    for _ in 1..*u.choose(&[1, 1, 2, 2, 2, 3, 3, 4, 5])? {
        let separator = *u.choose(&[", ", ", ", ", ", ", ", ",", " ,\t", "\n", "\n"])?;
        if separator == "\n" {
            lines.push((name(u)?, trimmed(&text)));
            text.clear();
        } else {
            text.push_str(separator);
        }
        text.push_str(&value(u)?);
    }
    if u.ratio(1_u8, 200)? {
        text = vec![text; 6].join(", ");
    }
    lines.push((name(u)?, trimmed(&text)));
    Ok(())
}

/// What a server leaves of a field value (RFC 9112 §5).
fn trimmed(text: &str) -> String {
    text.trim_matches([' ', '\t']).to_owned()
}

/// A forwarded-element.
fn element(u: &mut Unstructured<'_>, hard: u16) -> Result<String> {
    let mut element = String::new();
    for (at, (plain, hard_ones)) in PAIRS.iter().enumerate() {
        if !(at == 0 && u.ratio(9_u8, 10)? || u.ratio(1_u8, 2)?) {
            continue;
        }
        let pairs = if odds(u, hard, 6)? { hard_ones } else { plain };
        let separator = if odds(u, hard, 12)? { *u.choose(&["; ", " ;", ";;"])? } else { ";" };
        if !element.is_empty() {
            element.push_str(separator);
        }
        element.push_str(u.choose(pairs)?);
    }
    Ok(element)
}

/// The value, sometimes with an extra piece, or longer than an element may be.
fn noisy(u: &mut Unstructured<'_>, value: &str, hard: u16) -> Result<String> {
    let mut value = value.to_owned();
    if odds(u, hard, 40)? {
        let places: Vec<_> = value.char_indices().map(|(at, _)| at).chain([value.len()]).collect();
        value.insert_str(*u.choose(&places)?, u.choose(&NOISE)?);
    }
    if odds(u, hard, 1000)? {
        value.push_str(&"a".repeat(5000));
    }
    Ok(value)
}

fn odds(u: &mut Unstructured<'_>, hard: u16, of: u16) -> Result<bool> {
    Ok(hard > 0 && u.ratio(hard, of)?)
}
