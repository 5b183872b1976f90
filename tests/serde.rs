//! `Config`, `TrustedProxies` and `Scheme` from and to TOML, JSON and YAML.
//!
//! 1. A map with the keys of the text form means the same as the text form. Its values are numbers,
//!    strings and lists. The text form in one string means the same too.
//! 2. What is written is read back as an equal value, from each format.
//! 3. An error names the key and says what it expects.

#![cfg(feature = "serde")]

mod util;

use proxyfix::{Config, ConfigBuilder, Scheme, TrustedProxies};
use serde::{Deserialize, Serialize};
use util::config;

/// Configurations as text, as a TOML table and as a JSON object.
const FORMS: &[(&str, &str, &str)] = &[
    (
        "proxies=loopback for=1",
        r#"proxies = "loopback"
      for = 1"#,
        r#"{"proxies": "loopback", "for": 1}"#,
    ),
    (
        "proxies=10.0.0.0/8,loopback for=walk proto=aligned",
        r#"proxies = ["10.0.0.0/8", "loopback"]
           for = "walk"
           proto = "aligned""#,
        r#"{"proxies": ["10.0.0.0/8", "loopback"], "for": "walk", "proto": "aligned"}"#,
    ),
    (
        "proxies=any forwarded=2 hosts=app.example,*.app.example max-hops=4",
        r#"proxies = "any"
           forwarded = "2"
           hosts = "app.example, *.app.example"
           max-hops = 4"#,
        r#"{"max-hops": 4, "hosts": ["app.example", "*.app.example"], "forwarded": 2,
            "proxies": ["any"]}"#,
    ),
    (
        "proxies=unix client-ip=CF-Connecting-IP prefix=join:2 headers=strip uri=keep",
        r#"proxies = ["unix"]
           client-ip = "CF-Connecting-IP"
           prefix = "join:2"
           headers = "strip"
           uri = "keep""#,
        r#"{"proxies": "unix", "client-ip": "cf-connecting-ip", "prefix": "join:2",
            "headers": "strip", "uri": "keep"}"#,
    ),
    (
        "proxies=::1 for=2 proto=1 proto-name=X-Forwarded-Ssl listener=https missing=peer \
         invalid=unknown all-trusted=leftmost verify=hops strip-also=X-A,X-B exempt=X-Real-IP",
        r#"proxies = "::1"
           for = 2
           proto = 1
           proto-name = "X-Forwarded-Ssl"
           listener = "https"
           missing = "peer"
           invalid = "unknown"
           all-trusted = "leftmost"
           verify = "hops"
           strip-also = ["X-A", "X-B"]
           exempt = "X-Real-IP""#,
        r#"{"proxies": "::1", "for": 2, "proto": 1, "proto-name": "X-Forwarded-Ssl",
            "listener": "https", "missing": "peer", "invalid": "unknown",
            "all-trusted": "leftmost", "verify": "hops", "strip-also": "X-A,X-B",
            "exempt": ["X-Real-IP"]}"#,
    ),
];

#[test]
fn maps_mean_what_the_text_means() {
    for (text, toml, json) in FORMS {
        let expected = config(text);
        assert_eq!(toml::from_str::<Config>(toml).unwrap(), expected, "{toml}");
        assert_eq!(serde_json::from_str::<Config>(json).unwrap(), expected, "{json}");
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::from_value::<Config>(value).unwrap(), expected, "{json}");
    }
}

/// An application's settings, with a configuration in them.
#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Application {
    proxyfix: Config,
}

#[test]
fn the_text_in_one_string() {
    for (text, ..) in FORMS {
        let expected = Application { proxyfix: config(text) };
        let toml = format!("proxyfix = \"{text}\"");
        assert_eq!(toml::from_str::<Application>(&toml).unwrap(), expected);
        let json = format!("{{\"proxyfix\": \"{text}\"}}");
        assert_eq!(serde_json::from_str::<Application>(&json).unwrap(), expected);
    }
}

#[test]
fn round_trips() {
    let werkzeug = Config::werkzeug(1, 1, 1, 1, 1);
    for written in FORMS.iter().map(|(text, ..)| config(text)).chain([werkzeug]) {
        let written = Application { proxyfix: written };
        let toml = toml::to_string(&written).unwrap();
        assert_eq!(toml::from_str::<Application>(&toml).unwrap(), written, "{toml}");
        let json = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<Application>(&json).unwrap(), written, "{json}");
        let yaml = serde_yaml_ng::to_string(&written).unwrap();
        assert_eq!(serde_yaml_ng::from_str::<Application>(&yaml).unwrap(), written, "{yaml}");
    }
}

/// JSON is YAML too. This is how people write YAML.
#[test]
fn yaml() {
    let yaml = "proxyfix:
  proxies: [10.0.0.0/8, loopback]
  for: walk
  proto: 1
  hosts:
    - app.example
    - '*.app.example'
";
    let expected = "proxies=10.0.0.0/8,loopback for=walk proto=1 hosts=app.example,*.app.example";
    let expected = Application { proxyfix: config(expected) };
    assert_eq!(serde_yaml_ng::from_str::<Application>(yaml).unwrap(), expected);
    for (_, _, json) in FORMS {
        let expected = serde_json::from_str::<Config>(json).unwrap();
        assert_eq!(serde_yaml_ng::from_str::<Config>(json).unwrap(), expected, "{json}");
    }
    for (yaml, expected) in [
        ("proxies: any\nfor: on", "for=\"on\": expected a count or walk"),
        ("proxies: any\nfor: yes\nproto: 1", "for=\"yes\": expected a count or walk"),
        ("proxies: any\nfor: true", "for: invalid type: boolean `true`"),
        ("proxies:\nfor: 1", "proxies: invalid type: unit value"),
    ] {
        let error = serde_yaml_ng::from_str::<Config>(yaml).unwrap_err().to_string();
        assert!(error.contains(expected), "{yaml}: {error}");
    }
}

#[test]
fn what_is_default_is_not_written() {
    let json = serde_json::to_string(&config("missing=unknown for=1 proxies=loopback")).unwrap();
    assert_eq!(json, r#"{"proxies":"127.0.0.0/8,::1","for":"1"}"#);
}

#[test]
fn errors_name_the_key() {
    let rows = [
        (r#"{"proxies": "any", "for": -1}"#, r#"for="-1": expected a count or walk"#),
        (r#"{"proxies": "any", "for": 1.5}"#, "for: invalid type: floating point `1.5`"),
        (
            r#"{"proxies": "any", "for": true}"#,
            "for: invalid type: boolean `true`, expected a string, a number, or a list of strings",
        ),
        (r#"{"proxies": "any", "for": null}"#, "for: invalid type: null"),
        (r#"{"proxies": "any", "for": {}}"#, "for: invalid type: map"),
        (r#"{"proxies": [1], "for": 1}"#, "proxies: invalid type: integer `1`"),
        (r#"{"proxies": "any", "for": "all"}"#, r#"for="all": expected a count or walk"#),
        (r#"{"proxies": "any", "for": 1, "uri": "off"}"#, r#"uri="off": expected rewrite or keep"#),
        (r#"{"proxies": "any", "fro": 1}"#, r#"unknown key "fro"; did you mean for=?"#),
        (r#"{"proxies": "any", "for": 1, "for": 1}"#, "for is set twice"),
        (r#"{"proxies": ["10.0.0.0/33"], "for": 1}"#, r#"invalid trusted proxy "10.0.0.0/33""#),
        (r#"{"for": 1}"#, "no trusted proxies; write proxies=LIST"),
        (r#"{"proxies": "any"}"#, "no header is trusted"),
        (r#""proxies=any for""#, r#"expected key=value, found "for""#),
        ("[]", "invalid length 0, expected at least one way in"),
        (
            r#"[{"proxies": "none"}, {"proxies": "any", "for": 1}]"#,
            "no peer can reach the way in with proxies=none",
        ),
        ("1", "invalid type: integer `1`, expected a map with keys such as proxies and for"),
    ];
    for (json, expected) in rows {
        let error = serde_json::from_str::<Config>(json).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{json}: {error}");
    }
    let error = toml::from_str::<Config>("proxies = \"any\"\nfor = -1").unwrap_err().to_string();
    assert!(error.contains(r#"for="-1": expected a count or walk"#), "{error}");
    let error = toml::from_str::<Config>("proxies = \"any\"\nfor = 1.5").unwrap_err().to_string();
    assert!(error.contains("for: invalid type: floating point `1.5`"), "{error}");
}

#[test]
fn trusted_proxies() {
    #[derive(Debug, PartialEq, Deserialize, Serialize)]
    struct Holder {
        proxies: TrustedProxies,
    }

    let expected = Holder { proxies: "10.0.0.0/8, unix".parse().unwrap() };
    for toml in [r#"proxies = "unix,10.0.0.0/8""#, r#"proxies = ["10.1.2.3/8", "unix"]"#] {
        assert_eq!(toml::from_str::<Holder>(toml).unwrap(), expected, "{toml}");
    }
    let toml = toml::to_string(&expected).unwrap();
    assert_eq!(toml, "proxies = \"unix,10.0.0.0/8\"\n");
    for text in ["any", "none", "unix", "10.0.0.0/8", "loopback,private,linklocal,unix"] {
        let written: TrustedProxies = text.parse().unwrap();
        let json = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<TrustedProxies>(&json).unwrap(), written, "{json}");
    }
    let error = serde_json::from_str::<TrustedProxies>(r#"["any", "unix"]"#).unwrap_err();
    assert!(
        error.to_string().starts_with(r#"invalid trusted proxy "any": it must be the only entry"#)
    );
}

#[test]
fn schemes() {
    for (scheme, json) in [(Scheme::Http, r#""http""#), (Scheme::Https, r#""https""#)] {
        assert_eq!(serde_json::to_string(&scheme).unwrap(), json);
        assert_eq!(serde_json::from_str::<Scheme>(json).unwrap(), scheme);
    }
    assert_eq!(serde_json::from_str::<Scheme>(r#""WSS""#).unwrap(), Scheme::Https);
    for json in [r#""ftp""#, r#""""#, "1", "[]"] {
        serde_json::from_str::<Scheme>(json).unwrap_err();
    }
}

/// A list has one way in for each entry, as a map or as text. A builder takes what no format can hold.
#[test]
fn several_ways_and_secrets() {
    let two = config("proxies=unix client-ip=x-a ; proxies=10.0.0.1 for=2");
    let json = serde_json::to_string(&two).unwrap();
    assert_eq!(json, r#"[{"proxies":"unix","client-ip":"x-a"},{"proxies":"10.0.0.1","for":"2"}]"#);
    for json in [&json, r#"["proxies=unix client-ip=x-a", {"proxies": "10.0.0.1", "for": 2}]"#] {
        assert_eq!(serde_json::from_str::<Config>(json).unwrap(), two);
    }
    let json = r#"{"proxies": "any", "for": 1, "secret-header": "X-Secret"}"#;
    let error = serde_json::from_str::<Config>(json).unwrap_err().to_string();
    assert!(error.starts_with("secret-header=x-secret needs the secret"), "{error}");
    let builder: ConfigBuilder = serde_json::from_str(json).unwrap();
    let built = builder.secret("s3cr3t-s3cr3t-s3cr3t").build().unwrap();
    assert_eq!(
        serde_json::to_string(&built).unwrap(),
        r#"{"proxies":"any","secret-header":"x-secret","for":"1"}"#
    );
}
