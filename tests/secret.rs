//! `secret-header=`: a proxy is believed only with a secret, and nothing shows the secret.

mod util;

use std::{fmt::Write, fs, process};

use http::Request;
use proxyfix::{Config, ConfigBuilder, ConfigError, ErrorKind, Peer, explain, fix_request};
use util::{of, peer, request, table};

const SECRET: &str = "b7b1c8f6-9a52-4f43-8b0e-5f2ad1f1a001";
const NEXT: &str = "0c2f7c3e-2f0d-4d39-9c57-30f4b8b7e002";

fn with_secret(text: &str) -> Config {
    let builder = format!("{text} secret-header=X-Origin-Secret").parse::<ConfigBuilder>();
    builder.unwrap().secret(SECRET).secret(NEXT).build().unwrap()
}

fn fixed(text: &str, from: &str, lines: &[String]) -> Result<Request<()>, ErrorKind> {
    let mut request = request(from, "/", lines);
    fix_request(&mut request, &with_secret(text)).map_err(|error| error.kind())?;
    assert!(request.headers().keys().all(|name| !name.as_str().contains("secret")));
    Ok(request)
}

const FOR: &str = "X-Forwarded-For: 203.0.113.9";

fn lines(secrets: &[&str]) -> Vec<String> {
    let secrets = secrets.iter().map(|secret| format!("X-Origin-Secret: {secret}"));
    [FOR.to_owned()].into_iter().chain(secrets).collect()
}

/// Only a listed proxy that sends one line with one of the secrets is believed.
#[test]
fn believed_with_a_secret() {
    let shorter = &SECRET[..SECRET.len() - 1];
    let longer = format!("{SECRET}x");
    let twice = format!("{SECRET}{SECRET}");
    let rows: [(&str, &[&str], &str); 11] = [
        ("192.0.2.1", &[SECRET], "203.0.113.9"),
        ("192.0.2.1", &[NEXT], "203.0.113.9"),
        // A client had the proxy's secret dropped. The proxy is still not the client.
        ("192.0.2.1", &[], "unknown"),
        ("192.0.2.1", &[shorter], "unknown"),
        ("192.0.2.1", &[&longer], "unknown"),
        ("192.0.2.1", &[&twice], "unknown"),
        ("192.0.2.1", &[""], "unknown"),
        ("192.0.2.1", &["x"], "unknown"),
        ("192.0.2.1", &[SECRET, SECRET], "unknown"),
        ("192.0.2.1", &[SECRET, "x"], "unknown"),
        ("192.0.2.1", &["x", SECRET], "unknown"),
    ];
    for text in ["proxies=any for=1", "proxies=192.0.2.0/24 for=1"] {
        for (from, secrets, client) in &rows {
            let request = fixed(text, from, &lines(secrets)).unwrap();
            let resolved = of(&request);
            assert_eq!(resolved.client().to_string(), *client, "{text} {secrets:?}");
            assert_eq!(resolved.is_peer_trusted(), *client == "203.0.113.9");
            let forwarded = request.headers().contains_key("x-forwarded-for");
            assert_eq!(forwarded, resolved.is_peer_trusted());
        }
    }
    // A secret from anyone else proves nothing.
    let request = fixed("proxies=10.0.0.1 for=1", "192.0.2.1", &lines(&[SECRET])).unwrap();
    assert_eq!(of(&request).client().to_string(), "192.0.2.1");
}

/// Without the secret, `missing` decides, and a listener with `https` proves nothing.
#[test]
fn without_it() {
    let client = |text: &str, secrets: &[&str]| {
        let request = fixed(text, "10.0.0.1", &lines(secrets))?;
        Ok((of(&request).client().to_string(), of(&request).scheme().to_string()))
    };
    let text = |missing: &str| format!("proxies=10.0.0.1 for=1 proto=1 listener=https {missing}");
    assert_eq!(client(&text(""), &[]), Ok(("unknown".into(), "http".into())));
    assert_eq!(client(&text("missing=reject"), &[]), Err(ErrorKind::MissingSecret));
    assert_eq!(client(&text("missing=peer"), &[]), Ok(("10.0.0.1".into(), "https".into())));
    assert_eq!(
        client(&text("missing=peer invalid=unknown"), &[SECRET]),
        Ok(("203.0.113.9".into(), "http".into()))
    );
    let nominated = [lines(&[SECRET]), vec!["Connection: x-origin-secret".into()]].concat();
    let text = "proxies=10.0.0.1 for=1";
    assert_eq!(fixed(text, "10.0.0.1", &nominated).map(|_| ()), Err(ErrorKind::Nominated));
}

/// The header is removed in every spelling and from anyone, no matter what happens to other headers.
#[test]
fn always_removed() {
    for headers in ["", "headers=strip", "headers=keep"] {
        for from in ["10.0.0.1", "192.0.2.1"] {
            let mut all = lines(&[SECRET]);
            all.extend([format!("X_Origin_Secret: {SECRET}"), "X-Origin_Secret: x".into()]);
            assert!(fixed(&format!("proxies=10.0.0.1 for=1 {headers}"), from, &all).is_ok());
        }
    }
    // Another way in removes it too.
    let ways = "proxies=unix for=1 ; proxies=10.0.0.1 for=1 secret-header=X-Origin-Secret";
    let ways = ways.parse::<ConfigBuilder>().unwrap().secret(SECRET).build().unwrap();
    let mut tunnel = request("10.0.0.1", "/", &lines(&[SECRET]));
    tunnel.extensions_mut().insert(Peer::UNIX);
    fix_request(&mut tunnel, &ways).unwrap();
    assert!(!tunnel.headers().contains_key("x-origin-secret"));
    assert_eq!(of(&tunnel).client().to_string(), "203.0.113.9");
}

/// Nothing that can be printed contains any part of it.
#[test]
fn shown_nowhere() {
    let config = with_secret("proxies=any for=1");
    let builder = config.to_builder();
    let request = request("192.0.2.1", "/", &lines(&[SECRET]));
    let explanation = explain(peer("192.0.2.1"), request.headers(), request.uri(), &config);
    let mut shown = format!("{config} {config:?} {builder:?} {explanation} {explanation:?}");
    for secrets in [&[SECRET, NEXT][..], &["x"]] {
        let mut request = self::request("192.0.2.1", "/", &lines(secrets));
        let rejecting = with_secret("proxies=any for=1 missing=reject");
        let error = fix_request(&mut request, &rejecting).unwrap_err();
        shown.push_str(&error.to_string());
        write!(shown, "{error:?}").unwrap();
    }
    for (part, from) in [SECRET, NEXT].iter().flat_map(|secret| (0..8).map(move |at| (secret, at)))
    {
        assert!(!shown.contains(&part[from..from + 6]), "{shown}");
    }
    assert!(shown.contains("secret-header=x-origin-secret"), "{shown}");
    assert_eq!(builder.build(), Ok(config));
}

#[test]
fn from_the_environment() {
    let read = |variables: &[(&str, &str)]| {
        Config::from_vars("PROXYFIX", variables.iter().copied()).map_err(|error| error.to_string())
    };
    let expected = with_secret("proxies=any for=1");
    let text = ("PROXYFIX", "proxies=any for=1 secret-header=X-Origin-Secret");
    let both = format!("{SECRET}, {NEXT}");
    assert_eq!(read(&[text, ("PROXYFIX_SECRET", &both)]).as_ref(), Ok(&expected));
    let keys = [
        ("PROXYFIX_PROXIES", "any"),
        ("PROXYFIX_FOR", "1"),
        ("PROXYFIX_SECRET_HEADER", "X-Origin-Secret"),
        ("PROXYFIX_SECRET", &both),
    ];
    assert_eq!(read(&keys).as_ref(), Ok(&expected));

    let file = std::env::temp_dir().join(format!("proxyfix-secret-{}", process::id()));
    fs::write(&file, format!("# The old one, then the next.\n{SECRET}\r\n\n  {NEXT}\n")).unwrap();
    let path = file.to_str().unwrap();
    let read_file = read(&[text, ("PROXYFIX_SECRET_FILE", path)]);
    fs::write(&file, "x".repeat(70_000)).unwrap();
    let long = read(&[text, ("PROXYFIX_SECRET_FILE", path)]);
    fs::remove_file(&file).unwrap();
    assert_eq!(read_file.as_ref(), Ok(&expected));
    let unread = |reason: &str| {
        format!(
            "environment variable PROXYFIX_SECRET_FILE: the file that it names cannot be read: {reason}"
        )
    };
    assert_eq!(long, Err(unread("it is longer than 65536 bytes")));
    let gone = read(&[text, ("PROXYFIX_SECRET_FILE", path)]).unwrap_err();
    assert!(gone.starts_with(&unread("")), "{gone}");

    for twice in ["PROXYFIX_SECRET", "PROXYFIX_SECRET_FILE"] {
        let value = if twice.ends_with("FILE") { "/dev/null" } else { SECRET };
        let error = read(&[text, (twice, value), (twice, value)]).unwrap_err();
        assert_eq!(error, format!("environment variable {twice} is given twice; keep one"));
    }
    let error = read(&[text, ("proxyfix_secret", SECRET)]).unwrap_err();
    assert_eq!(
        error,
        "unknown environment variable \"proxyfix_secret\"; did you mean PROXYFIX_SECRET?"
    );
    let error = read(&[text, ("PROXYFIX_SECRETS", SECRET)]).unwrap_err();
    assert!(error.contains("did you mean PROXYFIX_SECRET?"), "{error}");
    // An error names the variable at fault, and those of the name that was asked for.
    let error = read(&[text, ("PROXYFIX_SECRET", "short")]).unwrap_err();
    assert!(
        error.starts_with("environment variable PROXYFIX_SECRET: a secret that the"),
        "{error}"
    );
    let other = Config::from_vars("MY_APP", [("MY_APP", text.1)]).unwrap_err().to_string();
    assert!(other.contains("MY_APP_SECRET (") && !other.contains("PROXYFIX"), "{other}");
    let error = read(&[text]).unwrap_err();
    assert!(error.contains("secret-header=x-origin-secret needs the secret"), "{error}");
    assert!(error.contains("PROXYFIX_SECRET "), "{error}");
    let error =
        read(&[("PROXYFIX", "proxies=any for=1"), ("PROXYFIX_SECRET", SECRET)]).unwrap_err();
    assert!(error.contains("a secret was given, but no header to send it in"), "{error}");
    assert!(!error.contains(&SECRET[..6]), "{error}");
}

#[test]
fn errors() {
    let given = |text: &str, secret: &str| {
        let builder = format!("proxies=any for=1 {text}").parse::<ConfigBuilder>().unwrap();
        builder.secret(secret).build().unwrap_err().to_string()
    };
    let invalid = "a secret that the proxy would send is not valid: ";
    let header = "secret-header=X-Origin-Secret";
    let rows = [
        ((header, ""), format!("{invalid}it is empty")),
        ((header, "hidden"), format!("{invalid}it is shorter than 16 bytes; write one of 128 random bits, such as a UUID")),
        ((header, " hidden-hidden-hidden"), format!("{invalid}it has white space around it")),
        ((header, "hidden\u{7}hidden-hidden"), format!("{invalid}a header cannot hold it; write visible ASCII characters")),
        (("", "hidden-hidden-hidden"), "a secret was given, but no header to send it in; write secret-header= with the header that your proxy adds, such as X-Origin-Secret".into()),
        (("secret-header=X-Forwarded-For", "hidden-hidden-hidden"), "for and secret-header are both read from x-forwarded-for; give each a header of its own".into()),
        (("secret-header=x-a exempt=X_A", "hidden-hidden-hidden"), "x_a is in secret-header and in exempt; keep one".into()),
        (("secret-header=x-a proxy-only=X-A", "hidden-hidden-hidden"), "x-a is in secret-header and in proxy-only; keep one".into()),
    ];
    table(rows, |(text, secret)| given(text, secret));
    assert!(matches!(
        format!("proxies=any for=1 {header}").parse::<Config>(),
        Err(ConfigError::MissingSecret { .. })
    ));
}
