//! Where connections go, what a target's options do, and what is wrong with some.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use proxyfix_gateway::{
    ConfigError, Limits, ProxyOptions, Resolve, ResolveFuture, ReverseProxy, ReverseProxyLayer,
    Target, TargetBuilder, TransparentProxy,
};
use tokio::net::UnixListener;

use crate::net::{client::Client, front, upstream::Upstream};

const GET: &str = "GET /x HTTP/1.1\r\nHost: app.example\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";

async fn front_of(target: TargetBuilder) -> SocketAddr {
    let target = target.build().unwrap();
    front::serve(ReverseProxy::with_options(target, ProxyOptions::new()).unwrap()).await
}

/// Answers every name with these addresses, and counts how often it is asked.
#[derive(Clone)]
struct Fixed(Vec<IpAddr>, Arc<AtomicUsize>);

impl Fixed {
    fn new(addresses: &[&str]) -> Self {
        Self(addresses.iter().map(|ip| ip.parse().unwrap()).collect(), Arc::default())
    }
}

impl Resolve for Fixed {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> ResolveFuture<'a> {
        assert_eq!(host, "up.example");
        self.1.fetch_add(1, Ordering::SeqCst);
        let addresses = self.0.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        Box::pin(async { Ok(addresses) })
    }
}

#[tokio::test]
async fn unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 512];
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut head).await.unwrap();
        let head = String::from_utf8_lossy(&head[..read]).into_owned();
        assert!(
            head.starts_with("GET /base/x HTTP/1.1\r\n")
                && head.contains("\r\nhost: localhost\r\n"),
            "{head}"
        );
        tokio::io::AsyncWriteExt::write_all(&mut stream, OK.as_bytes()).await.unwrap();
    });
    let address = front_of(Target::builder(format!("unix:{}:/base", path.display()))).await;
    assert_eq!(Client::once(address, GET).await.text(), "0123456789");

    let missing =
        front_of(Target::builder(format!("unix:{}", folder.path().join("none").display()))).await;
    let answer = Client::once(missing, GET).await;
    assert_eq!((answer.status, answer.error().as_deref()), (502, Some("connection_refused")));
}

/// After an authority, an empty path is `/` on the wire too.
#[tokio::test]
async fn no_path() {
    let upstream = Upstream::answering(OK).await;
    let url = format!("http://{}/", upstream.address);
    let allowed = upstream.address.to_string();
    let transparent = TransparentProxy::builder().allow(&allowed).allow_network("127.0.0.0/8");
    for address in
        [front_of(Target::builder(&url)).await, front::serve(transparent.build().unwrap()).await]
    {
        for (after, line) in [
            ("", "GET / HTTP/1.1"),
            ("/", "GET / HTTP/1.1"),
            ("#x", "GET / HTTP/1.1"),
            ("#/x?y", "GET / HTTP/1.1"),
            ("?y", "GET /?y HTTP/1.1"),
            ("?y#x", "GET /?y HTTP/1.1"),
        ] {
            let request =
                format!("GET http://{allowed}{after} HTTP/1.1\r\nHost: {allowed}\r\n\r\n");
            assert_eq!(Client::once(address, request).await.status, 200, "{after}");
            assert_eq!(upstream.last().await.unwrap().line(), line, "{after}");
        }
    }
}

/// The addresses of a name are tried one after the other.
#[tokio::test]
async fn addresses_of_a_name() {
    let upstream = Upstream::answering(OK).await;
    let url = format!("http://up.example:{}/", upstream.address.port());
    for addresses in [&["127.0.0.1"][..], &["::1", "127.0.0.1"], &["127.0.0.9", "::1", "127.0.0.1"]]
    {
        let address = front_of(Target::builder(&url).resolver(Fixed::new(addresses))).await;
        assert_eq!(Client::once(address, GET).await.status, 200, "{addresses:?}");
    }
    let address = front_of(Target::builder(&url).resolver(Fixed::new(&[]))).await;
    assert_eq!(Client::once(address, GET).await.error().as_deref(), Some("dns_error"));
}

/// An address that does not answer is no reason to wait for the limit.
#[tokio::test]
async fn an_address_that_does_not_answer() {
    let upstream = Upstream::answering(OK).await;
    // A listener whose queue is full answers nothing. Addresses for documentation are dropped or unreachable.
    let resolver = Fixed::new(&["192.0.2.1", "127.0.0.1"]);
    let url = format!("http://up.example:{}/", upstream.address.port());
    let limits = Limits::default().connect(Duration::from_secs(15));
    let address = front_of(Target::builder(url).resolver(resolver).limits(limits)).await;
    assert_eq!(Client::once(address, GET).await.status, 200);
}

/// A name of the list that points inside gains nothing, and the address that was checked is dialled.
#[tokio::test]
async fn private_addresses_of_a_transparent_proxy() {
    let upstream = Upstream::answering(OK).await;
    let authority = format!("up.example:{}", upstream.address.port());
    let get = format!("GET /x HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    for (addresses, network, status) in [
        (&["127.0.0.1"][..], None, 403),
        (&["::ffff:127.0.0.1"], None, 403),
        (&["::1", "169.254.169.254"], None, 403),
        (&["64:ff9b::7f00:1"], None, 403),
        (&["127.0.0.1"], Some("127.0.0.0/8"), 200),
        (&["10.0.0.1", "127.0.0.1"], Some("127.0.0.1/32"), 200),
    ] {
        let resolver = Fixed::new(addresses);
        let asked = Arc::clone(&resolver.1);
        let mut builder = TransparentProxy::builder().allow(&authority);
        if let Some(network) = network {
            builder = builder.allow_network(network);
        }
        let proxy = builder.target_options(|target| target.resolver(resolver)).build().unwrap();
        let answer = Client::once(front::serve(proxy).await, &get).await;
        assert_eq!(answer.status, status, "{addresses:?}");
        if status == 403 {
            assert_eq!(answer.error().as_deref(), Some("destination_ip_prohibited"));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1, "looked up once");
    }
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn chunk_sizes() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
    )
    .await;
    let address =
        front_of(Target::builder(format!("http://{}/", upstream.address)).chunk_size(4)).await;
    let mut client = Client::connect(address).await;
    client.send(GET).await;
    client.head().await;
    let raw = client.bytes(30).await;
    assert_eq!(String::from_utf8_lossy(&raw), "4\r\n0123\r\n4\r\n4567\r\n2\r\n89\r\n0\r\n\r\n");
}

#[tokio::test]
async fn headers_of_a_target() {
    let upstream = Upstream::answering(OK).await;
    let target = Target::builder(format!("http://{}/", upstream.address))
        .header("X-Set", "ours")
        .append_header("X-More", "ours")
        .remove_header("Cookie");
    let address = front_of(target).await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Set: 1\r\nX_Set: 2\r\nX-More: 1\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n";
    assert_eq!(Client::once(address, request).await.status, 200);
    let seen = upstream.last().await.unwrap();
    assert_eq!(seen.field("x-set").as_deref(), Some("ours"));
    assert_eq!(seen.field("x-more").as_deref(), Some("1 | ours"));
    assert_eq!((seen.field("cookie"), seen.field("x_set")), (None, None));
}

/// Each mistake has an error of its own, which says what to write instead.
#[test]
fn mistakes() {
    let target = || Target::builder("http://a.example/");
    let some = || Target::parse("http://a.example/").unwrap();
    let transparent = TransparentProxy::builder;
    for (result, expected) in [
        (target().header("Content-Length", "1").build().map(|_| ()), "cannot be set or removed"),
        (target().header("X-Real-IP", "1").build().map(|_| ()), "use the option family"),
        (target().header("Via", "1").build().map(|_| ()), "use the option pseudonym"),
        (target().header("Host", "a").build().map(|_| ()), "use the option host"),
        (target().header("a b", "1").build().map(|_| ()), "is no header name"),
        (target().header("A", "a\nb").build().map(|_| ()), "control character"),
        (target().methods(["GE T"]).build().map(|_| ()), "is not a valid method"),
        (target().methods([""; 0]).build().map(|_| ()), "is not a valid method"),
        (target().methods(["CONNECT"]).build().map(|_| ()), "is not a valid method"),
        (
            target().header("Authorization=Bearer secret", "x").build().map(|_| ()),
            "\"Authorization...\"",
        ),
        (target().methods(["get"]).build().map(|_| ()), "is not a valid method"),
        (target().timeout(Duration::ZERO).build().map(|_| ()), "more than zero"),
        (target().chunk_size(0).build().map(|_| ()), "chunk_size"),
        (target().limits(Limits::default().head_bytes(1)).build().map(|_| ()), "at least 8192"),
        (target().limits(Limits::default().head_fields(0)).build().map(|_| ()), "head_fields"),
        (target().limits(Limits::default().connections(0)).build().map(|_| ()), "connections"),
        (
            target().host(proxyfix_gateway::HostHeader::Fixed("a b".into())).build().map(|_| ()),
            "is no host",
        ),
        (ReverseProxyLayer::builder().build().map(|_| ()), "there is no target"),
        (ReverseProxyLayer::builder().target("/a//b", some()).build().map(|_| ()), "two slashes"),
        (ReverseProxyLayer::builder().target("/a?b", some()).build().map(|_| ()), "a query"),
        (
            ReverseProxyLayer::builder()
                .target("/a", some())
                .target("a/", some())
                .build()
                .map(|_| ()),
            "twice",
        ),
        (transparent().build().map(|_| ()), "add allow"),
        (transparent().allow("http://a.example").build().map(|_| ()), "is no host"),
        (
            transparent().allow("a").allow_network("10.0.0.0/33").build().map(|_| ()),
            "is no network",
        ),
        (
            ReverseProxy::with_options(some(), ProxyOptions::new().pseudonym("a b")).map(|_| ()),
            "is no token",
        ),
    ] {
        let error: ConfigError = result.expect_err(expected);
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

/// Neither a password nor a configured value is in any `Debug`.
#[test]
fn secrets() {
    let builder =
        Target::builder("http://a.example/?token=hunter2").header("Authorization", "hunter2");
    let debugged = format!("{builder:?}");
    let target = builder.build().unwrap();
    let layer = ReverseProxyLayer::builder().target("/a", target.clone());
    let texts = [
        debugged,
        format!("{target:?} {target}"),
        format!("{layer:?}"),
        format!("{:?}", layer.build().unwrap()),
        format!("{:?}", ReverseProxy::with_options(target, ProxyOptions::new()).unwrap()),
        format!("{:?}", Target::parse("http://user:hunter2@a.example/")),
    ];
    for text in texts {
        assert!(!text.contains("hunter2"), "{text}");
    }
}
