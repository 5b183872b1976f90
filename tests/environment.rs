//! A configuration from environment variables.
//!
//! 1. The whole text form in one variable, or each key in a variable of its own: not both, not none.
//! 2. What else has the name before it, and what is not Unicode, is an error that says what to write.
//! 3. Every other variable is overlooked.

mod util;

use proxyfix::{Config, ConfigError};
use util::{config, table};

type Variables<'a> = &'a [(&'a str, &'a str)];

#[test]
fn variables() {
    let rows: &[(Variables<'_>, &str)] = &[
        (&[("PROXYFIX", "proxies=any for=1")], "proxies=any for=1"),
        (&[("PROXYFIX", "for=walk\n proxies=10.0.0.0/8\n")], "proxies=10.0.0.0/8 for=walk"),
        (&[("PROXYFIX_PROXIES", "any"), ("PROXYFIX_FOR", "1")], "proxies=any for=1"),
        (
            &[
                ("PROXYFIX_HOSTS", "a.example, *.b.example"),
                ("PROXYFIX_ALL_TRUSTED", "leftmost"),
                ("PROXYFIX_CLIENT_IP", "X-Real-IP"),
                ("PROXYFIX_PROXIES", "loopback, 10.0.0.0/8"),
            ],
            "proxies=10.0.0.0/8,loopback client-ip=x-real-ip hosts=a.example,*.b.example \
             all-trusted=leftmost",
        ),
        (
            &[
                ("HOME", "/"),
                ("PROXYFIXES", "all"),
                ("proxyfix", "for=2"),
                ("proxyfix_for", "2"),
                ("MY_PROXYFIX_FOR", "2"),
                ("PROXYFIX", "proxies=any for=1"),
            ],
            "proxies=any for=1",
        ),
    ];
    for (variables, expected) in rows {
        let found = Config::from_vars("PROXYFIX", variables.iter().copied());
        assert_eq!(found, Ok(config(expected)), "{variables:?}");
    }
}

#[test]
fn errors() {
    let known = "expected one of PROXYFIX, PROXYFIX_PROXIES, PROXYFIX_FOR, PROXYFIX_PROTO, ";
    let rows: [(Variables<'_>, String); 15] = [
        (
            &[("HOME", "/"), ("PROXYFIXES", "all")],
            "no configuration in the environment; write PROXYFIX=\"proxies=10.0.0.0/8 for=1 \
             proto=1\", or a variable for each key: PROXYFIX_PROXIES, PROXYFIX_FOR, PROXYFIX_PROTO"
                .into(),
        ),
        (
            &[("PROXYFIX", "proxies=any for=1"), ("PROXYFIX_ALL_TRUSTED", "reject")],
            "PROXYFIX holds the whole configuration, and PROXYFIX_ALL_TRUSTED is set too; keep one \
             of them"
                .into(),
        ),
        (
            &[("PROXYFIX_FRO", "1")],
            "unknown environment variable \"PROXYFIX_FRO\"; did you mean PROXYFIX_FOR?".into(),
        ),
        (&[("PROXYFIX_", "1")], format!("unknown environment variable \"PROXYFIX_\"; {known}")),
        (
            &[("PROXYFIX_for", "1")],
            "unknown environment variable \"PROXYFIX_for\"; did you mean PROXYFIX_FOR?".into(),
        ),
        (
            &[("PROXYFIX_X_FORWARDED_FOR", "1")],
            "unknown environment variable \"PROXYFIX_X_FORWARDED_FOR\"; did you mean PROXYFIX_FOR?".into(),
        ),
        (
            &[("PROXYFIX_ALL-TRUSTED", "reject")],
            "unknown environment variable \"PROXYFIX_ALL-TRUSTED\"; did you mean PROXYFIX_ALL_TRUSTED?".into(),
        ),
        (
            &[("PROXYFIX", "proxies=any for=1"), ("PROXYFIX_SERVICE_HOST", "10.0.0.1")],
            format!("unknown environment variable \"PROXYFIX_SERVICE_HOST\"; {known}"),
        ),
        (&[("PROXYFIX", "")], "environment variable PROXYFIX: no trusted proxies; write ".into()),
        (
            &[("PROXYFIX", "proxies=any fro=1")],
            "environment variable PROXYFIX: unknown key \"fro\"; did you mean for=?".into(),
        ),
        (
            &[("PROXYFIX_PROXIES", "any"), ("PROXYFIX_FOR", "")],
            "environment variable PROXYFIX_FOR: for=\"\": expected a count or walk".into(),
        ),
        (
            &[("PROXYFIX_PROXIES", "any"), ("PROXYFIX_PORT", "tcp://10.0.0.1:80")],
            "environment variable PROXYFIX_PORT: port=\"tcp://10.0.0.1:80\": expected a count".into(),
        ),
        (&[("PROXYFIX_FOR", "1")], "environment variable PROXYFIX_PROXIES: no trusted proxies".into()),
        (&[("PROXYFIX_PROXIES", "any")], "environment variable PROXYFIX_*: no header is".into()),
        (
            &[("PROXYFIX_FOR", "1"), ("PROXYFIX_FOR", "2")],
            "environment variable PROXYFIX_FOR: for is set twice; keep one (here each key is a variable of its own)".into(),
        ),
    ];
    let rows = rows.map(|(variables, expected)| ((variables, expected.clone()), expected));
    table(rows, |(variables, expected)| {
        let error = Config::from_vars("PROXYFIX", variables.iter().copied()).unwrap_err();
        error.to_string().chars().take(expected.chars().count()).collect()
    });
}

#[cfg(unix)]
#[test]
fn what_is_not_unicode() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    let bytes = OsStr::from_bytes;
    let read = |variables: [(&[u8], &[u8]); 2]| {
        Config::from_vars("PROXYFIX", variables.map(|(name, value)| (bytes(name), bytes(value))))
    };
    let for_1 = b"proxies=any for=1";
    assert_eq!(read([(b"PROXYFIX", for_1), (b"\xff", b"\xff")]), Ok(config("proxies=any for=1")));
    for name in ["PROXYFIX", "PROXYFIX_HOSTS"] {
        let error = read([(name.as_bytes(), b"\xff"), (b"HOME", b"/")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("environment variable {name}: the value is not Unicode")
        );
    }
    let error = read([(b"PROXYFIX_FOR\xff", b"1"), (b"HOME", b"/")]).unwrap_err();
    assert!(matches!(error, ConfigError::UnknownVariable { .. }), "{error}");
}

/// Of the process itself, where the test runner has set a variable.
#[test]
fn of_the_process() {
    let error = Config::from_env("CARGO_PKG_NAME").unwrap_err();
    let expected = "environment variable CARGO_PKG_NAME: expected key=value, found \"proxyfix\"";
    assert!(error.to_string().starts_with(expected), "{error}");
    let error = Config::from_env("NO_SUCH_VARIABLE").unwrap_err();
    let name = "NO_SUCH_VARIABLE";
    assert!(matches!(&error, ConfigError::MissingVariable { name: found, .. } if found == name));
}
