//! What people write by mistake, and each error message, word for word: what is wrong, and what to write.

mod util;

use proxyfix::{Config, ConfigError};
use util::table;

const NO_COMMAS: &str = "words are separated by spaces, without commas; a list takes commas and no \
                         spaces, such as proxies=10.0.0.0/8,loopback";
const NO_SEMICOLONS: &str = "words are separated by spaces, without semicolons; a semicolon with spaces \
                             around it separates two ways";
const NO_SPACES: &str = "write no spaces around =, and none in a list, which takes commas: \
                         proxies=10.0.0.0/8,loopback";
const HOST: &str = "expected a host, such as example.com or *.example.com, or one with a port, such as example.com:443 or example.com:*";
const SECRET: &str = "write secret-header=NAME with the name of the header; the secret itself goes into \
                      a variable, such as PROXYFIX_SECRET";

fn answer(text: &str) -> String {
    text.parse::<Config>()
        .map_or_else(|error| error.to_string(), |config| format!("reads {config}"))
}

fn word(found: &str, advice: &str) -> String {
    format!("expected key=value, found {found:?}; {advice}")
}

#[test]
fn between_words() {
    let rows = [
        ("proxies=loopback, for=1", word("proxies=loopback,", NO_COMMAS)),
        ("proxies=loopback,for=1", word("proxies=loopback,for=1", NO_COMMAS)),
        ("proxies=loopback , for=1", word(",", NO_COMMAS)),
        ("proxies=loopback ,for=1", word(",for=1", NO_COMMAS)),
        ("proxies=loopback for=1,proto=1", word("for=1,proto=1", NO_COMMAS)),
        ("proxies=loopback;for=1", word("proxies=loopback;for=1", NO_SEMICOLONS)),
        ("proxies=loopback; for=1", word("proxies=loopback;", NO_SEMICOLONS)),
        ("proxies=loopback for=1;", word("for=1;", NO_SEMICOLONS)),
        ("proxies=loopback for=1 ;proto=1", word(";proto=1", NO_SEMICOLONS)),
        ("proxies = loopback for = 1", word("proxies", NO_SPACES)),
        ("proxies= loopback for=1", word("loopback", NO_SPACES)),
        ("proxies=loopback for =1", word("for", NO_SPACES)),
        ("=loopback", word("=loopback", NO_SPACES)),
        ("proxies=loopback for==1", word("for==1", NO_SPACES)),
        ("proxies=loopback unix for=1", word("unix", NO_SPACES)),
        ("\"proxies=loopback for=1\"", word("\"proxies=loopback", "leave out the quotes")),
        ("'proxies=loopback for=1'", word("'proxies=loopback", "leave out the quotes")),
        ("“proxies=loopback for=1”", word("“proxies=loopback", "leave out the quotes")),
        ("proxies=\"loopback\" for=1", word("proxies=\"loopback\"", "leave out the quotes")),
        ("proxies=loopback for='1", word("for='1", "leave out the quotes")),
    ];
    table(rows, |text| answer(text));
}

#[test]
fn keys() {
    let rows = [
        ("fro=1", "unknown key \"fro\"; did you mean for=?"),
        ("fo=1", "unknown key \"fo\"; expected one of proxies, secret-header, "),
        ("foor=1", "unknown key \"foor\"; did you mean for=?"),
        ("prot=1", "unknown key \"prot\"; did you mean proto= or port=?"),
        ("proxy=loopback", "unknown key \"proxy\"; did you mean proxies=?"),
        ("proxis=loopback", "unknown key \"proxis\"; did you mean proxies=?"),
        ("trusted_proxies=any", "unknown key \"trusted_proxies\"; did you mean proxies=?"),
        ("forwared=1", "unknown key \"forwared\"; did you mean forwarded=?"),
        ("fowraded=1", "unknown key \"fowraded\"; did you mean forwarded=?"),
        ("hots=a.example", "unknown key \"hots\"; did you mean host= or hosts=?"),
        ("FOR=1", "unknown key \"FOR\"; did you mean for=?"),
        ("--for=1", "unknown key \"--for\"; did you mean for=?"),
        ("scheme=https", "unknown key \"scheme\"; did you mean proto=?"),
        ("client_ip=X-Real-IP", "unknown key \"client_ip\"; did you mean client-ip=?"),
        ("X-Real-IP=1", "unknown key \"X-Real-IP\"; did you mean client-ip=?"),
        ("X-Client-IP=1", "unknown key \"X-Client-IP\"; expected one of proxies, secret-header, "),
        ("X-Forwarded=1", "unknown key \"X-Forwarded\"; expected one of proxies, secret-header, "),
        ("miss=reject", "unknown key \"miss\"; expected one of proxies, secret-header, "),
    ];
    let rows = rows.map(|(text, expected)| ((text, expected), expected.to_owned()));
    table(rows, |(text, expected)| {
        let answer = answer(&format!("{text} proxies=any"));
        // If a row ends with a space, a list of all keys follows, which is not compared.
        let shown = if expected.ends_with(' ') { expected.len() } else { answer.len() };
        answer.get(..shown).unwrap_or_default().to_owned()
    });
}

#[test]
fn values() {
    const COUNT: &str = "expected a count or aligned";
    let rows = [
        ("host=app.example", format!("host=\"app.example\": {COUNT}; for the hosts that are allowed, write hosts=app.example")),
        ("proto=https", format!("proto=\"https\": {COUNT}; if your proxy writes the header, write proto=1; for the scheme that our own socket speaks, listener=https")),
        ("for=X-Real-IP", "for=\"X-Real-IP\": expected a count or walk; for a header with one address, write client-ip=X-Real-IP".into()),
        ("for=X-Forwarded-For", "for=\"X-Forwarded-For\": expected a count or walk; for one proxy, write for=1".into()),
        ("forwarded=Forwarded", "forwarded=\"Forwarded\": expected a count or walk; for one proxy, write forwarded=1".into()),
        ("forwarded=X-Forwarded-For", "forwarded=\"X-Forwarded-For\": expected a count or walk; for one proxy, write for=1".into()),
        ("for=1 max-hops=form", "max-hops=\"form\": expected a number from 1".into()),
        ("proto=X-Scheme", format!("proto=\"X-Scheme\": {COUNT}; for another header, write proto=1 proto-name=X-Scheme")),
        ("for=10.0.0.0/8", "for=\"10.0.0.0/8\": expected a count or walk; for the addresses of your proxies, write proxies=10.0.0.0/8".into()),
        ("proto=true", format!("proto=\"true\": {COUNT}; for one proxy, write proto=1")),
        ("for=wlak", "for=\"wlak\": expected a count or walk; did you mean for=walk?".into()),
        ("for=cuont", "for=\"cuont\": expected a count or walk".into()),
        ("for=-1", "for=\"-1\": expected a count or walk".into()),
        ("for=1 port=alligned", format!("port=\"alligned\": {COUNT}; did you mean port=aligned?")),
        ("for=1 missing=rejct", "missing=\"rejct\": expected unknown, peer or reject; did you mean missing=reject?".into()),
        ("for=1 listener=HTTPS", "listener=\"HTTPS\": expected http or https; did you mean listener=https?".into()),
        ("for=1 headers=off", "headers=\"off\": expected canonical, strip or keep".into()),
        ("client-ip=1", "client-ip=\"1\": a count is not a header; write for=1, or a name: client-ip=X-Real-IP".into()),
        ("client-ip=walk", "client-ip=\"walk\": a count is not a header; write for=walk, or a name: client-ip=X-Real-IP".into()),
        ("proto-name=2", "proto-name=\"2\": a count is not a header; write proto=2, or a name: proto-name=X-Header".into()),
        ("for=1 exempt=1", "reads proxies=any for=1 exempt=1".into()),
        ("for=1 hosts=bücher.example", format!("hosts=\"bücher.example\": {HOST}; write it in punycode: xn--...")),
        ("for=1 hosts=*", format!("hosts=\"*\": {HOST}; to allow every host, leave hosts= out")),
        ("for=1 hosts=http://a.example", format!("hosts=\"http://a.example\": {HOST}; write the host alone, without scheme and path")),
    ];
    table(rows, |text| answer(&format!("proxies=any {text}")));
}

#[test]
fn proxies() {
    let rows = [
        (
            "*",
            "for your own proxies, write a list such as 10.0.0.0/8,loopback; any is every peer, and right only if nobody else can connect",
        ),
        ("10.0.*", "write a network with its length, such as 10.0.0.0/8"),
        ("localhost", "no names are looked up; write loopback"),
    ];
    let rows =
        rows.map(|(entry, reason)| (entry, format!("invalid trusted proxy {entry:?}: {reason}")));
    table(rows, |entry| answer(&format!("proxies={entry} for=1")));
}

/// In environment variables and in a map, each value is separate.
#[test]
fn values_by_themselves() {
    let rows = [
        (
            "PROXIES",
            "\"loopback\"",
            "invalid trusted proxy \"\\\"loopback\\\"\": leave out the quotes",
        ),
        (
            "PROXIES",
            "loopback;unix",
            "invalid trusted proxy \"loopback;unix\": a list takes commas",
        ),
        (
            "PROXIES",
            "unix loopback",
            "invalid trusted proxy \"unix loopback\": a list takes commas",
        ),
        (
            "HOSTS",
            "'a.example'",
            "hosts=\"'a.example'\": expected a host, such as example.com or *.example.com, or one with a port, such as example.com:443 or example.com:*; leave out the quotes",
        ),
        (
            "HOSTS",
            "a.example b.example",
            "hosts=\"a.example b.example\": expected a host, such as example.com or *.example.com, or one with a port, such as example.com:443 or example.com:*; a list takes commas",
        ),
        ("FOR", "\"1\"", "for=\"\\\"1\\\"\": expected a count or walk; leave out the quotes"),
        ("STRIP_ALSO", "X-A,'X-B'", "strip-also=\"'X-B'\": leave out the quotes"),
        ("CLIENT_IP", "\"X-Real-IP\"", "client-ip=\"\\\"X-Real-IP\\\"\": leave out the quotes"),
    ];
    let rows = rows.map(|(key, value, expected)| ((key, value), expected.to_owned()));
    table(rows, |(key, value)| {
        let error = Config::from_vars("P", [(format!("P_{key}"), value)]).unwrap_err();
        let ConfigError::Variable { error, .. } = error else { return error.to_string() };
        error.to_string()
    });
}

/// A secret is not allowed in the text form, and no error repeats it.
#[test]
fn secrets_are_not_repeated() {
    let rows = [
        ("proxies=any for=1 secret=s3cr3t", format!("unknown key \"secret\"; {SECRET}")),
        ("proxies=any secret=s3 s3cr3t for=1", format!("unknown key \"secret\"; {SECRET}")),
        ("secrt=s3 s3cr3t for=1", format!("unknown key \"secrt\"; {SECRET}")),
        ("Secret=s3cr3t", format!("unknown key \"Secret\"; {SECRET}")),
        ("x_origin_secret=s3cr3t", format!("unknown key \"x_origin_secret\"; {SECRET}")),
        ("secret:s3cr3t==", word("secret:...", NO_SPACES)),
        ("secret:s3cr3t=1", format!("unknown key \"secret:...\"; {SECRET}")),
        ("proxies=any,secret=s3cr3t", word("proxies=any,secret=...", NO_COMMAS)),
        ("proxies=any for=1;secret=s3cr3t", word("for=1;secret=...", NO_SEMICOLONS)),
        ("proxies=any \"secret=s3cr3t\"", word("\"secret=...", "leave out the quotes")),
        ("proxies=any for=secret:s3cr3t", "for=\"secret:...\": expected a count or walk".into()),
        ("proxies=any hosts=secret:s3cr3t", format!("hosts=\"secret:...\": {HOST}")),
        ("proxies=secret:s3cr3t", "invalid trusted proxy \"secret:...\": expected an address without port or brackets, a network such as 10.0.0.0/8, or one of loopback, private, linklocal, shared, unix; no names are looked up".into()),
        ("proxies=any strip-also=secret:s3cr3t", "strip-also=\"secret:...\": not a header name; expected one such as X-Forwarded-For".into()),
    ];
    table(rows, |text| answer(text));
    // Behind the name of the header, whatever that is.
    let header = "secret-header=\"...\": not a header name; expected one such as X-Forwarded-For";
    for text in ["X-Azure-FDID:s3cr3t", "X-Azure-FDID,s3cr3t", "X-Azure-FDID/s3cr3t"] {
        assert_eq!(answer(&format!("proxies=any for=1 secret-header={text}")), header);
        let variables = [("P_PROXIES", "any"), ("P_FOR", "1"), ("P_SECRET_HEADER", text)];
        let error = Config::from_vars("P", variables).unwrap_err().to_string();
        assert!(error.contains(header) && !error.contains("s3cr3t"), "{error}");
    }
    for text in ["X-Azure-FDID: s3cr3t", "X-Azure-FDID s3cr3t", "X-Azure-FDID s3cr3t for=1"] {
        let answer = answer(&format!("proxies=any for=1 secret-header={text}"));
        assert!(answer.contains("\"...\"") && !answer.contains("s3cr3t"), "{answer}");
    }
    #[cfg(feature = "serde")]
    for value in ["\"X-Azure-FDID: s3cr3t\"", "[\"X-Azure-FDID\", \"s3cr3t\"]"] {
        let json = format!("{{\"proxies\": \"any\", \"for\": 1, \"secret-header\": {value}}}");
        let error = serde_json::from_str::<Config>(&json).unwrap_err().to_string();
        assert!(error.starts_with(header), "{error}");
    }
    #[cfg(feature = "serde")]
    for value in ["\"s3cr3t\"", "3141", "2.71", "[3141]"] {
        let json = format!("{{\"proxies\": \"any\", \"secret\": {value}}}");
        let error = serde_json::from_str::<Config>(&json).unwrap_err().to_string();
        let (said, _) = error.split_once(" at line").unwrap_or((&error, ""));
        assert_eq!(said, format!("unknown key \"secret\"; {SECRET}"));
    }
}
