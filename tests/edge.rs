//! `edge=`: a CDN in front of our own proxies, and clients that go around it.

mod util;

use http::Request;
use proxyfix::{Config, ErrorKind, TrustedProxies, explain};
use util::{client, config, fix, of, peer, request, resolved, table};

const EDGE: &str =
    "proxies=10.0.0.1,10.0.0.2 edge=162.158.0.0/15,2001:db8:cf::/48 client-ip=CF-Connecting-IP";

fn edge(trust: &str) -> String {
    format!("{EDGE} {trust}")
}

const CDN: &str = "X-Forwarded-For: 162.158.90.163";
const PAST: &str = "X-Forwarded-For: 198.51.100.66";
const CLIENT: &str = "CF-Connecting-IP: 203.0.113.9";

/// Who the client is, according to what our outermost proxy saw and what the single header says.
#[test]
fn client_behind_an_edge_or_past_it() {
    let rows: Vec<(&str, &[&str], Result<&str, ErrorKind>)> = vec![
        ("for=1", &[CDN, CLIENT], Ok("203.0.113.9")),
        ("for=1", &[PAST, CLIENT], Ok("198.51.100.66")),
        ("for=1", &[PAST, "CF-Connecting-IP: junk, \"", CLIENT], Ok("198.51.100.66")),
        ("for=1", &[PAST], Ok("198.51.100.66")),
        // What the client wrote into the list is to the left of what our proxy saw.
        ("for=1", &["X-Forwarded-For: 6.6.6.6, 162.158.90.163", CLIENT], Ok("203.0.113.9")),
        ("for=1", &["X-Forwarded-For: 162.158.90.163, 198.51.100.66", CLIENT], Ok("198.51.100.66")),
        ("for=1", &["X-Forwarded-For: [2001:db8:cf::1]:443", CLIENT], Ok("203.0.113.9")),
        ("for=1", &["X-Forwarded-For: ::ffff:162.158.90.163", CLIENT], Ok("203.0.113.9")),
        ("for=2", &["X-Forwarded-For: 162.158.90.163, 10.0.0.2", CLIENT], Ok("203.0.113.9")),
        ("for=2", &["X-Forwarded-For: 198.51.100.66, 10.0.0.2", CLIENT], Ok("198.51.100.66")),
        (
            "for=walk",
            &["X-Forwarded-For: 6.6.6.6, 162.158.90.163, 10.0.0.2", CLIENT],
            Ok("203.0.113.9"),
        ),
        (
            "for=walk",
            &["X-Forwarded-For: 162.158.90.163, 198.51.100.66, 10.0.0.2", CLIENT],
            Ok("198.51.100.66"),
        ),
        ("for=walk", &["X-Forwarded-For: 10.0.0.2", CLIENT], Ok("unknown")),
        ("forwarded=1", &["Forwarded: for=162.158.90.163;proto=https", CLIENT], Ok("203.0.113.9")),
        (
            "forwarded=walk",
            &["Forwarded: for=198.51.100.66, for=10.0.0.2", CLIENT],
            Ok("198.51.100.66"),
        ),
        // This is not an address, so it is not the edge.
        ("for=1", &["X-Forwarded-For: unknown", CLIENT], Ok("unknown")),
        ("for=1", &["X-Forwarded-For: _hidden", CLIENT], Ok("_hidden")),
        ("for=1", &["X-Forwarded-For: unix:", CLIENT], Ok("unknown")),
        // If the edge connected, its header must be there once.
        ("for=1", &[CDN], Err(ErrorKind::Incomplete)),
        ("for=1", &[CDN, CLIENT, CLIENT], Err(ErrorKind::Repeated)),
        ("for=1", &[CDN, "CF-Connecting-IP: 203.0.113.9, 6.6.6.6"], Err(ErrorKind::Repeated)),
        ("for=1", &[CDN, "CF-Connecting-IP: x"], Err(ErrorKind::InvalidNode)),
        ("for=1", &[CDN, "CF-Connecting-IP:"], Err(ErrorKind::Empty)),
        ("for=1 invalid=unknown", &[CDN], Ok("unknown")),
        ("for=1 invalid=unknown", &[CDN, "CF-Connecting-IP: x"], Ok("unknown")),
        ("for=1 invalid=peer", &[CDN], Ok("10.0.0.1")),
        // Without the list, the single header is a stranger's.
        ("for=1", &[CLIENT], Ok("unknown")),
        ("for=1 missing=reject", &[CLIENT], Err(ErrorKind::Missing)),
        ("for=1 proto=1", &[CLIENT, "X-Forwarded-Proto: http"], Err(ErrorKind::Incomplete)),
        ("for=1", &[CDN, CLIENT, "Connection: CF-Connecting-IP"], Err(ErrorKind::Nominated)),
    ];
    let rows =
        rows.into_iter().map(|(trust, lines, answer)| ((trust, lines), answer.map(str::to_owned)));
    table(rows, |(trust, lines)| client(&edge(trust), lines));
}

/// Which header is the source, and what the application sees: every trusted header names the client.
#[test]
fn downstream() {
    let header = |request: &Request<()>, name: &str| {
        request.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    let behind = fix(&edge("for=1"), &[CDN, CLIENT, "Cf_Connecting_Ip: 6.6.6.6"]).unwrap();
    assert_eq!(of(&behind).source().client().to_string(), "cf-connecting-ip, hop 1");
    assert_eq!(header(&behind, "x-forwarded-for").as_deref(), Some("203.0.113.9"));
    assert_eq!(header(&behind, "cf-connecting-ip").as_deref(), Some("203.0.113.9"));
    assert_eq!(header(&behind, "cf_connecting_ip"), None);

    let past = fix(&edge("for=1"), &[PAST, CLIENT]).unwrap();
    assert_eq!(of(&past).source().client().to_string(), "x-forwarded-for, hop 1");
    assert_eq!(header(&past, "x-forwarded-for").as_deref(), Some("198.51.100.66"));
    assert_eq!(header(&past, "cf-connecting-ip"), None);

    let stripped = fix(&edge("for=1 headers=strip"), &[CDN, CLIENT]).unwrap();
    assert_eq!(header(&stripped, "cf-connecting-ip"), None);
    let long = fix(&edge("for=1"), &[CDN, "CF-Connecting-IP: [2001:DB8::9]:80"]).unwrap();
    assert_eq!(header(&long, "cf-connecting-ip").as_deref(), Some("[2001:db8::9]:80"));
}

/// An aligned scalar is taken at the position where the list names the edge.
#[test]
fn aligned_with_the_list() {
    let lines =
        ["X-Forwarded-For: 162.158.90.163, 10.0.0.2", "X-Forwarded-Proto: https, http", CLIENT];
    for trust in ["for=walk proto=aligned", "for=2 proto=aligned"] {
        assert!(resolved(&edge(trust), &lines).unwrap().is_secure(), "{trust}");
    }
}

/// An edge that writes a port after the address.
#[test]
fn with_port() {
    let config = "proxies=10.0.0.1 edge=192.0.2.0/24 for=1 client-ip=CloudFront-Viewer-Address";
    let lines = ["X-Forwarded-For: 192.0.2.7", "CloudFront-Viewer-Address: 2001:db8::9:4711"];
    assert_eq!(client(config, &lines), Ok("[2001:db8::9]:4711".into()));
}

#[test]
fn both_forms() {
    let typed = Config::builder()
        .proxies("10.0.0.1,10.0.0.2".parse().unwrap())
        .x_for(1)
        .client_ip_header("CF-Connecting-IP")
        .edge("162.158.0.0/15,2001:db8:cf::/48".parse().unwrap())
        .build()
        .unwrap();
    assert_eq!(typed, config(&edge("for=1")));
    assert_eq!(
        typed.to_string(),
        "proxies=10.0.0.1,10.0.0.2 for=1 edge=162.158.0.0/15,2001:db8:cf::/48 client-ip=cf-connecting-ip"
    );
    assert_eq!(config(&typed.to_string()), typed);
}

#[test]
fn errors() {
    let without = "edge= needs for= (or forwarded=), which finds the address that connected to your outermost proxy, and client-ip= with the header that the edge sends, such as CF-Connecting-IP";
    let all = "edge= takes the networks of a CDN, such as edge=192.0.2.0/24; any, none, unix and a network of all addresses are not allowed";
    let rows = [
        ("for=1 edge=192.0.2.0/24", without),
        ("client-ip=X-Real-IP edge=192.0.2.0/24", without),
        ("for=1 client-ip=X-Real-IP edge=any", all),
        ("for=1 client-ip=X-Real-IP edge=none", all),
        ("for=1 client-ip=X-Real-IP edge=192.0.2.0/24,::/0", all),
        ("for=1 client-ip=X-Real-IP edge=0.0.0.0/1,128.0.0.0/1", all),
        ("for=1 client-ip=X-Real-IP edge=unix,192.0.2.0/24", all),
        (
            "for=1 client-ip=X-Forwarded-For edge=192.0.2.0/24",
            "for and client-ip are both read from x-forwarded-for; give each a header of its own",
        ),
    ];
    table(rows.map(|(text, error)| (text, error.to_owned())), |text| {
        format!("proxies=10.0.0.1 {text}").parse::<Config>().expect_err(text).to_string()
    });
    let builder = Config::builder().proxies(TrustedProxies::any()).x_for(1);
    assert!(builder.edge("192.0.2.0/24".parse().unwrap()).build().is_err());
}

#[test]
fn explained() {
    let codes = |line: &str| {
        let request = request("10.0.0.1", "/", &[line, CLIENT]);
        let config = config(&edge("for=1"));
        let explanation = explain(peer("10.0.0.1"), request.headers(), request.uri(), &config);
        let steps = explanation.steps().iter().take(3);
        steps.map(|step| (step.code(), step.text().map(<[u8]>::to_vec))).collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(
        codes(CDN),
        [("peer-trusted", None), ("edge", text("162.158.90.163")), ("client", text("203.0.113.9")),]
    );
    assert_eq!(codes(PAST)[1], ("past-edge", text("198.51.100.66")));
}
