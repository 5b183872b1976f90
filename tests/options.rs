//! Every option: its text form, its builder form, and every way to get it wrong, word for word.

mod util;

use proxyfix::{
    AllTrusted, Config, ConfigBuilder, HeaderPolicy, OnInvalid, OnMissing, Scheme, Trust,
    TrustedProxies, UriPolicy,
};
use util::{config, table};

fn builder() -> ConfigBuilder {
    Config::builder().proxies(TrustedProxies::any()).x_for(1)
}

/// Each option in both forms. The configuration prints exactly the text form.
#[test]
fn both_forms() {
    let rows: Vec<(&str, ConfigBuilder)> = vec![
        ("proxies=any for=1", builder()),
        ("proxies=10.0.0.0/8,::1 for=1", builder().proxies("::1,10.1.2.3/8".parse().unwrap())),
        ("proxies=none for=1", builder().proxies(TrustedProxies::none())),
        ("proxies=unix for=walk", builder().proxies("unix".parse().unwrap()).x_for(Trust::Walk)),
        ("proxies=any for=2 proto=1", builder().x_for(2).x_proto(1)),
        ("proxies=any for=1 proto=aligned", builder().x_proto(Trust::Aligned)),
        ("proxies=any for=1 host=3", builder().x_host(3)),
        ("proxies=any for=1 port=aligned", builder().x_port(Trust::Aligned)),
        (
            "proxies=any for=1 host=aligned prefix=aligned",
            builder().x_host(Trust::Aligned).x_prefix(Trust::Aligned),
        ),
        ("proxies=any for=1 port=4", builder().x_port(4)),
        ("proxies=any for=1 prefix=2", builder().x_prefix(2)),
        ("proxies=any for=1 prefix=join:2", builder().x_prefix_joined(2)),
        ("proxies=any forwarded=1", builder().x_for(0).forwarded(1)),
        (
            "proxies=none forwarded=walk",
            builder().x_for(0).forwarded(Trust::Walk).proxies(TrustedProxies::none()),
        ),
        (
            "proxies=any client-ip=cf-connecting-ip",
            builder().x_for(0).client_ip_header("CF-Connecting-IP"),
        ),
        ("proxies=any for=1 for-name=x-original-for", builder().x_for_name("X-Original-For")),
        ("proxies=any for=1 proto-name=front-end-https", builder().x_proto_name("Front-End-Https")),
        ("proxies=any for=1 host-name=x-host", builder().x_host_name("X-Host")),
        ("proxies=any for=1 port-name=x-port", builder().x_port_name("X-Port")),
        ("proxies=any for=1 prefix-name=x_script_name", builder().x_prefix_name("X_Script_Name")),
        (
            "proxies=any for=1 hosts=[::1],a.example,*.b.example",
            builder().allowed_hosts(["*.B.example", "A.example.", "[::1]", "a.example"]),
        ),
        (
            "proxies=any for=1 hosts=[::1]:80,a.example:*,a.example:443,*.b.example:8443",
            builder().allowed_hosts([
                "[0:0::1]:80",
                "*.B.example:8443",
                "a.example:*",
                "a.example:443",
            ]),
        ),
        ("proxies=any for=1 proxy-only=x-user", builder().proxy_only("X-User")),
        ("proxies=any for=1 listener=https", builder().listener_scheme(Scheme::Https)),
        ("proxies=any for=1 missing=peer", builder().on_missing(OnMissing::Peer)),
        ("proxies=any for=1 missing=reject", builder().on_missing(OnMissing::Reject)),
        ("proxies=any for=1 invalid=unknown", builder().on_invalid(OnInvalid::Unknown)),
        ("proxies=any for=1 invalid=peer", builder().on_invalid(OnInvalid::Peer)),
        ("proxies=any for=1 all-trusted=leftmost", builder().all_trusted(AllTrusted::Leftmost)),
        ("proxies=any for=1 all-trusted=reject", builder().all_trusted(AllTrusted::Reject)),
        ("proxies=::1 for=1 verify=hops", builder().verify_hops().proxies("::1".parse().unwrap())),
        ("proxies=any for=1 headers=strip", builder().headers(HeaderPolicy::Strip)),
        ("proxies=any for=1 headers=keep", builder().headers(HeaderPolicy::Keep)),
        ("proxies=any for=1 uri=keep", builder().rewrite_uri(UriPolicy::Keep)),
        ("proxies=any for=1 max-hops=3", builder().max_hops(3)),
        (
            "proxies=any for=1 strip-also=x-a,x-b",
            builder().strip_also("X-B").strip_also("x-a").strip_also("X-B"),
        ),
        (
            "proxies=any for=1 exempt=forwarded,x-real-ip",
            builder().exempt("X-Real-IP").exempt("Forwarded"),
        ),
        // Another spelling of a name that is removed may stay.
        ("proxies=any for=1 strip-also=x-a exempt=x_a", builder().strip_also("X-A").exempt("X_A")),
        ("proxies=any for=1 connection=ignore", builder().ignore_connection()),
        ("proxies=any for=1", builder().ignore_connection().check_connection()),
    ];
    for (text, builder) in rows {
        let typed = builder.build().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(typed.to_string(), text);
        assert_eq!(config(text), typed);
        assert_eq!(typed.to_builder().build().as_ref(), Ok(&typed));
        assert_eq!(format!("{typed:?}"), format!("Config({text})"));
    }
}

/// A count of 0 means the same as no key.
#[test]
fn zero() {
    let without = "proxies=any for=1".parse().unwrap();
    let zeros = builder().x_proto(0).x_host(0).x_port(0).x_prefix(0).forwarded(0);
    assert_eq!(zeros.build(), Ok(without));
    assert_eq!(builder().x_prefix_joined(0).build(), builder().build());
}

#[test]
fn defaults_can_be_written() {
    let written = "  proxies=any \n for=1 proto=0 listener=http missing=unknown invalid=reject \
                   all-trusted=unknown verify=none headers=canonical uri=rewrite max-hops=16 \
                   connection=check strip-also= exempt= ";
    assert_eq!(config(written), config("proxies=any for=1"));
    assert_eq!(
        config("proxies=any for=1 proto=1 port=2"),
        config("port=2 proto=1 for=1 proxies=any")
    );
    assert_ne!(config("proxies=any for=1"), config("proxies=any for=2"));
}

#[test]
fn proxies_are_merged_and_sorted() {
    let rows = [
        ("loopback", "127.0.0.0/8,::1"),
        ("private", "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"),
        ("linklocal", "169.254.0.0/16,fe80::/10"),
        ("shared", "100.64.0.0/10"),
        ("unix, 10.0.0.1", "unix,10.0.0.1"),
        ("10.0.0.0/9,10.128.0.0/9,10.1.1.1", "10.0.0.0/8"),
        ("192.0.2.255/24", "192.0.2.0/24"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0,0.0.0.0/0", "0.0.0.0/0,::/0"),
        ("none", "none"),
        ("any", "any"),
    ];
    table(rows.map(|(list, text)| (list, text.to_owned())), |list| {
        list.parse::<TrustedProxies>().map_or_else(|e| e.to_string(), |proxies| proxies.to_string())
    });
    let mut any = TrustedProxies::any();
    any.extend(["192.0.2.0/24".parse::<ipnet::IpNet>().unwrap()]);
    assert_eq!(any, TrustedProxies::any());
    let networks =
        ["192.0.2.1/32", "::ffff:10.0.0.0/104"].map(|n| n.parse::<ipnet::IpNet>().unwrap());
    assert_eq!(
        networks.into_iter().collect::<TrustedProxies>().to_string(),
        "10.0.0.0/8,192.0.2.1"
    );
    let addresses =
        ["::ffff:10.0.0.1", "10.0.0.0"].map(|ip| ip.parse::<std::net::IpAddr>().unwrap());
    assert_eq!(addresses.into_iter().collect::<TrustedProxies>().to_string(), "10.0.0.0/31");
}

/// Each error says what is wrong and what to write.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn errors() {
    let rows = [
        (
            "",
            "no trusted proxies; write proxies=LIST with the addresses that your proxies connect from, such as proxies=10.0.0.0/8,loopback (proxies=any trusts every peer, and is right only where nobody else can connect)",
        ),
        (
            "proxies=any",
            "no header is trusted; write at least one of for=, proto=, host=, port=, prefix=, forwarded=, client-ip=, with a count of 1 for one proxy",
        ),
        (
            "proxies=any for=0 proto=0",
            "no header is trusted; write at least one of for=, proto=, host=, port=, prefix=, forwarded=, client-ip=, with a count of 1 for one proxy",
        ),
        ("proxies=any for=1 for=1", "for is set twice; keep one"),
        (
            "proxies=any believe=1",
            "unknown key \"believe\"; expected one of proxies, secret-header, for, proto, host, port, prefix, forwarded, forwarded-ipv6, edge, client-ip, for-name, proto-name, host-name, port-name, prefix-name, hosts, listener, missing, invalid, all-trusted, verify, headers, uri, max-hops, strip-also, proxy-only, exempt, connection",
        ),
        (
            "proxies=any for=1 strip-also=Forwarded",
            "strip-also=forwarded: it is removed anyway unless it is trusted; leave it out",
        ),
        (
            "proxies=any for=1 port-name=Forwarded",
            "port-name=forwarded: this header has a meaning of its own; choose another",
        ),
        ("proxies=any x-forwarded-for=1", "unknown key \"x-forwarded-for\"; did you mean for=?"),
        ("proxies=any x_proto_name=a", "unknown key \"x_proto_name\"; did you mean proto-name=?"),
        (
            "proxies=10.0.0.0/8, loopback for=1",
            "expected key=value, found \"proxies=10.0.0.0/8,\"; words are separated by spaces, without commas; a list takes commas and no spaces, such as proxies=10.0.0.0/8,loopback",
        ),
        (
            "proxies=10.0.0.0/8 loopback for=1",
            "expected key=value, found \"loopback\"; write no spaces around =, and none in a list, which takes commas: proxies=10.0.0.0/8,loopback",
        ),
        (
            "proxies= for=1",
            "invalid trusted proxy \"\": an entry is empty; a list takes commas, and in the text form no spaces; for nobody, write none",
        ),
        (
            "proxies=localhost for=1",
            "invalid trusted proxy \"localhost\": no names are looked up; write loopback",
        ),
        ("proxies=any,10.0.0.1 for=1", "invalid trusted proxy \"any\": it must be the only entry"),
        (
            "proxies=10.0.0.0/33 for=1",
            "invalid trusted proxy \"10.0.0.0/33\": the prefix length must be a number from 0 to 32; a list takes commas",
        ),
        (
            "proxies=10.0.0.0/ for=1",
            "invalid trusted proxy \"10.0.0.0/\": the prefix length must be a number from 0 to 32; a list takes commas",
        ),
        (
            "proxies=::1/129 for=1",
            "invalid trusted proxy \"::1/129\": the prefix length must be a number from 0 to 128; a list takes commas",
        ),
        (
            "proxies=10.0.0.0/255.0.0.0 for=1",
            "invalid trusted proxy \"10.0.0.0/255.0.0.0\": the prefix length must be a number from 0 to 32; a list takes commas",
        ),
        (
            "proxies=010.0.0.1 for=1",
            "invalid trusted proxy \"010.0.0.1\": expected an address without port or brackets, a network such as 10.0.0.0/8, or one of loopback, private, linklocal, shared, unix; no names are looked up",
        ),
        (
            "proxies=::ffff:10.0.0.0/95 for=1",
            "invalid trusted proxy \"::ffff:10.0.0.0/95\": an IPv4-mapped network must be /96 or longer; write the IPv4 network, such as 10.0.0.0/8",
        ),
        ("proxies=any for=x", "for=\"x\": expected a count or walk"),
        ("proxies=any for=-1", "for=\"-1\": expected a count or walk"),
        ("proxies=any for=aligned", "for=\"aligned\": expected a count or walk"),
        ("proxies=any forwarded=aligned", "forwarded=\"aligned\": expected a count or walk"),
        ("proxies=any proto=walk", "proto=\"walk\": expected a count or aligned"),
        ("proxies=any host=all", "host=\"all\": expected a count or aligned"),
        ("proxies=any prefix=join", "prefix=\"join\": expected a count, aligned, or join:N"),
        ("proxies=any prefix=join:x", "prefix=\"join:x\": expected a count, aligned, or join:N"),
        (
            "proxies=any for=walk",
            "walk needs a list of proxies, and proxies=any has none; write the list or a count",
        ),
        (
            "proxies=any forwarded=walk",
            "walk needs a list of proxies, and proxies=any has none; write the list or a count",
        ),
        (
            "proxies=any proto=aligned",
            "proto=aligned takes the distance of for=N or for=walk, and neither is set; write a count: proto=1",
        ),
        (
            "proxies=any client-ip=X-Real-IP prefix=aligned",
            "prefix=aligned takes the distance of for=N or for=walk, and neither is set; write a count: prefix=1",
        ),
        (
            "proxies=any client-ip=X-Real-IP for=1",
            "client-ip and for both say who the client is; keep one of them, or write edge= with the networks of the CDN that sends the header of client-ip",
        ),
        (
            "proxies=any client-ip=X-Real-IP forwarded=1",
            "client-ip and forwarded both say who the client is; keep one of them, or write edge= with the networks of the CDN that sends the header of client-ip",
        ),
        (
            "proxies=any forwarded=1 port=1",
            "forwarded and port belong to two families; trust the one that your proxy writes, because the other passes through it untouched",
        ),
        (
            "proxies=any forwarded=1 for=1",
            "forwarded and for belong to two families; trust the one that your proxy writes, because the other passes through it untouched",
        ),
        (
            "proxies=any for=1 proto=1 proto-name=X-Forwarded-For",
            "for and proto are both read from x-forwarded-for; give each a header of its own",
        ),
        (
            "proxies=any for=1 proto=1 proto-name=X_Forwarded-For",
            "for and proto are both read from x-forwarded-for; give each a header of its own",
        ),
        (
            "proxies=any client-ip=X-Forwarded-Host host=1",
            "host and client-ip are both read from x-forwarded-host; give each a header of its own",
        ),
        (
            "proxies=any host=1 host-name=Host",
            "host-name=host: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=Content_Length",
            "for-name=content_length: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=Forwarded",
            "for-name=forwarded: it names client, scheme and host together; write forwarded=1",
        ),
        (
            "proxies=any client-ip=Connection",
            "client-ip=connection: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 strip-also=Transfer-Encoding",
            "strip-also=transfer-encoding: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 exempt=Host",
            "exempt=host: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=X:Y",
            "for-name=\"X:Y\": not a header name; expected one such as X-Forwarded-For",
        ),
        (
            "proxies=any for=1 strip-also=x-a,",
            "expected key=value, found \"strip-also=x-a,\"; words are separated by spaces, without commas; a list takes commas and no spaces, such as proxies=10.0.0.0/8,loopback",
        ),
        (
            "proxies=any for=1 exempt=X-Forwarded-For",
            "exempt=x-forwarded-for is a trusted header, in this or another spelling; its own spelling is reduced to its effective value, and every other is removed; leave it out of exempt=",
        ),
        (
            "proxies=any for=1 exempt=X_Forwarded_For",
            "exempt=x_forwarded_for is a trusted header, in this or another spelling; its own spelling is reduced to its effective value, and every other is removed; leave it out of exempt=",
        ),
        (
            "proxies=any for=1 strip-also=X-Forwarded-For",
            "strip-also=x-forwarded-for is a trusted header, in this or another spelling; its own spelling is reduced to its effective value, and every other is removed; leave it out of strip-also=",
        ),
        (
            "proxies=any for=1 strip-also=x-a exempt=X-A",
            "x-a is in strip-also and in exempt; keep one",
        ),
        (
            "proxies=any for=1 verify=hops",
            "verify=hops needs for=N or forwarded=N, and a list of proxies to compare with",
        ),
        (
            "proxies=10.0.0.1 for=walk verify=hops",
            "verify=hops needs for=N or forwarded=N, and a list of proxies to compare with",
        ),
        (
            "proxies=10.0.0.1 client-ip=X-Real-IP verify=hops",
            "verify=hops needs for=N or forwarded=N, and a list of proxies to compare with",
        ),
        (
            "proxies=any for=1 for-name=TE",
            "for-name=te: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=Trailer",
            "for-name=trailer: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=Upgrade",
            "for-name=upgrade: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=Keep-Alive",
            "for-name=keep-alive: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=Expect",
            "for-name=expect: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=Authorization",
            "for-name=authorization: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=Proxy-Authenticate",
            "for-name=proxy-authenticate: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=Proxy-Authorization",
            "for-name=proxy-authorization: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=Proxy-Connection",
            "for-name=proxy-connection: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=Content-Type",
            "for-name=content-type: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=Content-Encoding",
            "for-name=content-encoding: this header has a meaning of its own; choose another",
        ),
        (
            "proxies=any for=1 for-name=A:B",
            "for-name=\"A:B\": not a header name; expected one such as X-Forwarded-For",
        ),
        (
            "proxies=any for=1 proto-name=A:B",
            "proto-name=\"A:B\": not a header name; expected one such as X-Forwarded-For",
        ),
        (
            "proxies=any for=1 host-name=A:B",
            "host-name=\"A:B\": not a header name; expected one such as X-Forwarded-For",
        ),
        (
            "proxies=any for=1 port-name=A:B",
            "port-name=\"A:B\": not a header name; expected one such as X-Forwarded-For",
        ),
        (
            "proxies=any for=1 prefix-name=A:B",
            "prefix-name=\"A:B\": not a header name; expected one such as X-Forwarded-For",
        ),
        (
            "proxies=any host=aligned",
            "host=aligned takes the distance of for=N or for=walk, and neither is set; write a count: host=1",
        ),
        (
            "proxies=any port=aligned",
            "port=aligned takes the distance of for=N or for=walk, and neither is set; write a count: port=1",
        ),
        ("proxies=any port=walk", "port=\"walk\": expected a count or aligned"),
        ("proxies=any prefix=walk", "prefix=\"walk\": expected a count, aligned, or join:N"),
        ("proxies=any forwarded=x", "forwarded=\"x\": expected a count or walk"),
        (
            "proxies=::1 forwarded=walk verify=hops",
            "verify=hops needs for=N or forwarded=N, and a list of proxies to compare with",
        ),
        ("proxies=any for=1 hosts=a hosts=b", "hosts is set twice; keep one"),
        (
            "proxies=any for=1 for-name=Cookie",
            "for-name=cookie: this header has a meaning of its own; choose another",
        ),
        ("proxies=any for=+1", "for=\"+1\": expected a count or walk"),
        (
            "proxies=10.0.0.0/+8 for=1",
            "invalid trusted proxy \"10.0.0.0/+8\": the prefix length must be a number from 0 to 32; a list takes commas",
        ),
        (
            "proxies=any for=1 hosts=",
            "hosts= has no entry, so no request would pass; leave it out to allow every host",
        ),
        (
            "proxies=any for=1 hosts=a.example,",
            "expected key=value, found \"hosts=a.example,\"; words are separated by spaces, without commas; a list takes commas and no spaces, such as proxies=10.0.0.0/8,loopback",
        ),
        (
            "proxies=any for=1 hosts=a.example:0",
            "hosts=\"a.example:0\": expected a host, such as example.com or *.example.com, or one with a port, such as example.com:443 or example.com:*",
        ),
        (
            "proxies=any for=1 hosts=a.example:",
            "hosts=\"a.example:\": expected a host, such as example.com or *.example.com, or one with a port, such as example.com:443 or example.com:*",
        ),
        (
            "proxies=any for=1 hosts=*",
            "hosts=\"*\": expected a host, such as example.com or *.example.com, or one with a port, such as example.com:443 or example.com:*; to allow every host, leave hosts= out",
        ),
        (
            "proxies=any for=1 hosts=*.*.example",
            "hosts=\"*.*.example\": expected a host, such as example.com or *.example.com, or one with a port, such as example.com:443 or example.com:*",
        ),
        (
            "proxies=any for=1 hosts=*.a.example:80:*",
            "hosts=\"*.a.example:80:*\": expected a host, such as example.com or *.example.com, or one with a port, such as example.com:443 or example.com:*",
        ),
        (
            "proxies=any for=1 hosts=*.a.example:",
            "hosts=\"*.a.example:\": expected a host, such as example.com or *.example.com, or one with a port, such as example.com:443 or example.com:*",
        ),
        (
            "proxies=any for=1 hosts=*.[::1]",
            "hosts=\"*.[::1]\": expected a host, such as example.com or *.example.com, or one with a port, such as example.com:443 or example.com:*",
        ),
        (
            "proxies=any for=1 hosts=https://a.example",
            "hosts=\"https://a.example\": expected a host, such as example.com or *.example.com, or one with a port, such as example.com:443 or example.com:*; write the host alone, without scheme and path",
        ),
        ("proxies=any for=1 listener=tls", "listener=\"tls\": expected http or https"),
        ("proxies=any for=1 missing=own", "missing=\"own\": expected unknown, peer or reject"),
        (
            "proxies=any for=1 invalid=ignore",
            "invalid=\"ignore\": expected reject, unknown or peer",
        ),
        (
            "proxies=any for=1 all-trusted=first",
            "all-trusted=\"first\": expected unknown, leftmost or reject",
        ),
        ("proxies=any for=1 verify=yes", "verify=\"yes\": expected hops or none"),
        ("proxies=any for=1 headers=drop", "headers=\"drop\": expected canonical, strip or keep"),
        ("proxies=any for=1 uri=strip", "uri=\"strip\": expected rewrite or keep"),
        ("proxies=any for=1 max-hops=0", "max-hops=\"0\": expected a number from 1"),
        ("proxies=any for=1 max-hops=many", "max-hops=\"many\": expected a number from 1"),
        ("proxies=any for=1 connection=drop", "connection=\"drop\": expected check or ignore"),
    ];
    table(rows.map(|(text, error)| (text, error.to_owned())), |text| {
        text.parse::<Config>()
            .map_or_else(|error| error.to_string(), |config| format!("valid: {config}"))
    });
}

/// A `main` that returns the error shows what to write.
#[test]
fn errors_in_debug() {
    let error = "for=1".parse::<Config>().unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
    assert!(error.to_string().contains("proxies="));
}

/// The builder reports its first mistake.
#[test]
fn builder_errors() {
    let error = |builder: ConfigBuilder| builder.build().unwrap_err().to_string();
    assert_eq!(
        error(builder().x_proto(Trust::Walk).max_hops(0)),
        "proto=\"walk\": expected a count or aligned"
    );
    assert_eq!(
        error(builder().max_hops(0).x_proto(Trust::Walk)),
        "max-hops=\"0\": expected a number from 1"
    );
    assert_eq!(error(builder().x_for(Trust::Aligned)), "for=\"aligned\": expected a count or walk");
    assert_eq!(
        error(builder().forwarded(1)),
        "forwarded and for belong to two families; trust the one that your proxy writes, because the other passes through it untouched"
    );
    assert_eq!(
        error(builder().allowed_hosts([""; 0])),
        "hosts= has no entry, so no request would pass; leave it out to allow every host"
    );
    assert!(error(Config::builder().x_for(1)).starts_with("no trusted proxies"));
}

/// `hosts=` applies to the host in effect, wherever it comes from; ports are ignored.
#[test]
fn allowed_hosts() {
    let rows = [
        ("app.example", Ok("app.example")),
        ("App.Example.:8080", Ok("app.example:8080")),
        ("a.b.example", Ok("a.b.example")),
        ("x.a.b.example", Ok("x.a.b.example")),
        ("b.example", Err("not one of the allowed hosts")),
        ("ab.example", Err("not one of the allowed hosts")),
        (".b.example", Err("malformed host")),
        ("evil.app.example", Err("not one of the allowed hosts")),
        ("app.example.evil.example", Err("not one of the allowed hosts")),
    ];
    for (host, expected) in rows {
        for (trust, header) in [("for=1", "Host"), ("host=1", "X-Forwarded-Host")] {
            let config = format!("proxies=10.0.0.0/8 {trust} hosts=app.example,*.b.example");
            let found = util::resolved(&config, &[format!("{header}: {host}")]);
            match expected {
                Ok(authority) => {
                    assert_eq!(found.expect("allowed").authority().expect("a host"), authority);
                }
                Err(text) => {
                    let error = found.expect_err("not allowed").to_string();
                    assert!(
                        error.starts_with(&header.to_lowercase()) && error.contains(text),
                        "{error}"
                    );
                }
            }
        }
    }
    assert!(util::resolved("proxies=10.0.0.0/8 for=1 hosts=[::1]", &["Host: [::1]:80"]).is_ok());
    // No matter what `invalid` says.
    let lenient = "proxies=10.0.0.0/8 host=1 invalid=peer hosts=app.example";
    assert!(util::resolved(lenient, &["X-Forwarded-Host: evil.example"]).is_err());
    assert!(util::resolved(lenient, &["X-Forwarded-Host: a b"]).is_err(), "then there is none");
    assert!(util::resolved(lenient, &["X-Forwarded-Host: a b", "Host: app.example"]).is_ok());
}

/// The counterpart of Werkzeug's `ProxyFix`.
#[test]
fn werkzeug() {
    let all = Config::werkzeug(1, 2, 3, 4, 5);
    let text = "proxies=any for=1 proto=2 host=3 port=4 prefix=5 missing=peer invalid=peer headers=keep connection=ignore";
    assert_eq!(all.to_string(), text);
    assert_eq!(config(text), all);

    let mut request = util::request(
        "192.0.2.1",
        "/",
        &["X-Forwarded-For: junk", "Connection: X-Forwarded-For", "X-Real-IP: 6.6.6.6"],
    );
    proxyfix::fix_request(&mut request, &Config::werkzeug(1, 0, 0, 0, 0)).expect("never rejected");
    assert_eq!(util::of(&request).client().to_string(), "192.0.2.1");
    assert_eq!(request.headers().len(), 3);

    let nothing = Config::werkzeug(0, 0, 0, 0, 0);
    let mut request = util::request("192.0.2.1", "/", &["X-Forwarded-For: 6.6.6.6"]);
    proxyfix::fix_request(&mut request, &nothing).expect("never rejected");
    assert_eq!(util::of(&request).client().to_string(), "192.0.2.1");
    assert!(nothing.to_string().parse::<Config>().is_err());
}
