//! A configuration from environment variables.
//!
//! 1. Either one variable has the whole text form, or each key has its own variable. Both or neither is an
//!    error.
//! 2. Any other variable with that prefix, and a value that is not Unicode, is an error that says what to
//!    write.
//! 3. All other variables are ignored, and so are those that Kubernetes sets for a service.

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
                ("proxyfix_data", "/"),
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

/// The variables that a pod gets for the services `proxyfix` and `proxyfix-web`.
#[test]
fn of_kubernetes() {
    let services = [
        ("SERVICE_HOST", "192.0.2.1"),
        ("SERVICE_PORT", "80"),
        ("SERVICE_PORT_HTTP", "80"),
        ("SERVICE_PORT_FOR_HTTPS", "443"),
        ("PORT", "tcp://192.0.2.1:80"),
        ("PORT_80_TCP", "tcp://192.0.2.1:80"),
        ("PORT_80_TCP_PROTO", "tcp"),
        ("PORT_80_TCP_PORT", "80"),
        ("PORT_80_TCP_ADDR", "192.0.2.1"),
        ("PORT_53_UDP_ADDR", "192.0.2.1"),
        ("PORT_65535_SCTP", "sctp://192.0.2.1:65535"),
    ];
    let of =
        |name: &str| services.map(|(rest, value)| (format!("{name}_{rest}"), value.to_owned()));
    let services = [of("PROXYFIX"), of("PROXYFIX_WEB")].concat();
    let ours = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let ours = [ours("PROXYFIX_PROXIES", "any"), ours("PROXYFIX_FOR", "1")];
    let read = |variables| Config::from_vars("PROXYFIX", variables);
    assert_eq!(read([services.clone(), ours.to_vec()].concat()), Ok(config("proxies=any for=1")));
    let port = ("PROXYFIX_PORT".to_owned(), "2".to_owned());
    let two_ports = [ours.to_vec(), vec![port]].concat();
    assert_eq!(read(two_ports), Ok(config("proxies=any for=1 port=2")));
    let none = read(services).unwrap_err();
    assert!(matches!(none, ConfigError::MissingVariable { .. }), "{none}");
}

#[test]
fn errors() {
    let known = "expected one of PROXYFIX, PROXYFIX_PROXIES, PROXYFIX_SECRET_HEADER, PROXYF";
    let rows: [(Variables<'_>, String); 19] = [
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
            &[("PROXYFIX", "proxies=any for=1"), ("PROXYFIX_PORT_80", "10.0.0.1")],
            format!("unknown environment variable \"PROXYFIX_PORT_80\"; {known}"),
        ),
        (
            &[("PROXYFIX_PORT_80_FTP", "x")],
            format!("unknown environment variable \"PROXYFIX_PORT_80_FTP\"; {known}"),
        ),
        (
            &[("PROXYFIX", "proxies=any for=1"), ("proxyfix_hosts", "a.example")],
            "unknown environment variable \"proxyfix_hosts\"; did you mean PROXYFIX_HOSTS?".into(),
        ),
        (
            &[("Proxyfix", "proxies=any for=1")],
            "unknown environment variable \"Proxyfix\"; did you mean PROXYFIX?".into(),
        ),
        (
            &[("PROXYFIX", "proxies=any for=1"), ("PROXYFIX", "proxies=any for=1")],
            "environment variable PROXYFIX is given twice; keep one".into(),
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
            &[("PROXYFIX_PROXIES", "any"), ("PROXYFIX_PORT", "80 tcp://10.0.0.1:80")],
            "environment variable PROXYFIX_PORT: port=\"80 tcp://10.0.0.1:80\": expected a count".into(),
        ),
        (&[("PROXYFIX_FOR", "1")], "environment variable PROXYFIX_PROXIES: no trusted proxies".into()),
        (&[("PROXYFIX_PROXIES", "any")], "environment variable PROXYFIX_*: no header is".into()),
        (
            &[("PROXYFIX_FOR", "1"), ("PROXYFIX_FOR", "2")],
            "environment variable PROXYFIX_FOR is given twice; keep one".into(),
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

/// The environment of the process itself, if the test runner has set a variable.
#[test]
fn of_the_process() {
    let error = Config::from_env("CARGO_PKG_NAME").unwrap_err();
    let expected = "environment variable CARGO_PKG_NAME: expected key=value, found \"proxyfix\"";
    assert!(error.to_string().starts_with(expected), "{error}");
    let error = Config::from_env("NO_SUCH_VARIABLE").unwrap_err();
    let name = "NO_SUCH_VARIABLE";
    assert!(matches!(&error, ConfigError::MissingVariable { name: found, .. } if found == name));
}
