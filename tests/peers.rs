//! Where the peers fail. Each input of `docs/COMPARISON.md`, which is in `peers/cases/`, is a test of
//! proxyfix. The outcome must be what the column `proxyfix` says.

mod util;

use std::{fs, path::Path};

use http::Request;
use proxyfix::{Error, Source};
use serde::Deserialize;
use util::{fix, of};

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    lines: Vec<String>,
    config: String,
    proxyfix: String,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/cases");
    let files = fs::read_dir(folder).expect("peers/cases").map(|file| file.expect("a file").path());
    let read = |path| fs::read_to_string(path).expect("text");
    files.flat_map(|path| toml::from_str::<Cases>(&read(path)).expect("cases").case).collect()
}

/// Whether the outcome agrees with one part of the column.
fn holds(part: &str, outcome: &Result<Request<()>, Error>) -> bool {
    let fixed = match outcome {
        Ok(fixed) => fixed,
        Err(error) => return part.starts_with(&format!("rejected, {}", error.status().as_u16())),
    };
    let resolved = of(fixed);
    let client = |ip: &str| resolved.client_ip().is_some_and(|found| found.to_string() == ip);
    match part.split(' ').collect::<Vec<_>>()[..] {
        ["client", "unknown"] => resolved.client().to_string() == "unknown",
        ["client", ip, "port", number] => {
            client(ip.trim_end_matches(',')) && resolved.client_port() == number.parse().ok()
        }
        ["client", ip] => client(ip) && resolved.client_port().is_none(),
        ["host", host] => resolved.host() == Some(host) && fixed.headers()["host"] == host,
        ["our", "own", "host"] => resolved.source().host() == Source::Own,
        ["scheme", scheme] => resolved.scheme().as_str() == scheme,
        [name, "removed"] => !fixed.headers().contains_key(name),
        _ => panic!("not understood: {part}"),
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let name = stringify!($name);
                let case = cases().into_iter().find(|case| case.name == name).expect("a case");
                let outcome = fix(&case.config, &case.lines);
                for part in case.proxyfix.split("; ") {
                    assert!(holds(part, &outcome), "expected {part}, got {outcome:?}");
                }
            }
        )*

        #[test]
        fn every_case_has_a_test() {
            let tests = [$(stringify!($name)),*];
            let cases = cases();
            let missing: Vec<_> =
                cases.iter().map(|case| &case.name).filter(|n| !tests.contains(&n.as_str())).collect();
            assert_eq!((missing, cases.len()), (Vec::<&String>::new(), tests.len()));
        }
    };
}

tests! {
    bare_ipv6
    empty_element_from_the_proxy
    every_entry_trusted
    forwarded_beside_x_forwarded
    forwarded_leftmost_spoof
    forwarded_open_quote
    forwarded_quoted_comma
    forwarded_quoted_comma_and_semicolon
    forwarded_quoted_comma_in_extension
    forwarded_quoted_comma_per_field
    forwarded_single_quote_host
    forwarded_trailing_comma
    forwarded_two_field_lines
    forwarded_unknown_from_the_proxy
    host_by_forwarded
    host_list
    host_two_field_lines
    leftmost_spoof
    port_on_the_proxy_entry
    scheme_list
    short_chain
    two_field_lines
    underscore_alias
    unknown_from_the_proxy
    werkzeug_lone_quote
    werkzeug_open_quote
    x_forwarded_beside_forwarded
}
