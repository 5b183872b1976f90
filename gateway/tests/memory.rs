//! What tunnels of the forward proxy keep in memory. Only the thread of the server is counted: the clients have another.

#[path = "forward/wire.rs"]
#[allow(dead_code, reason = "a part is used")]
mod wire;

use std::{
    convert::Infallible, future::pending, net::SocketAddr, sync::Arc, thread, time::Duration,
};

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use http::{Request, Response};
use proxyfix_gateway::{Body, CertificateAuthority, ForwardProxyLayer, serve};
use rustls::{
    ClientConfig, RootCertStore, crypto::ring::default_provider, pki_types::CertificateDer,
};
use tokio::{net::TcpListener, runtime, sync::oneshot, time::sleep};
use tower::{Layer, service_fn};

use crate::wire::Wire;

/// The most that a tunnel may take that waits for its next request, in bytes. h2 has larger buffers than HTTP/1.1.
const IDLE: [(&str, u64); 2] = [("http/1.1", 40 << 10), ("h2", 50 << 10)];

/// Runs a server on a thread of its own while a client runs, and says what the server's thread allocated. `/never` is
/// never answered.
fn server<F>(client: impl FnOnce(SocketAddr, Arc<ClientConfig>) -> F) -> AllocationInfo
where
    F: Future<Output = ()>,
{
    let (begun, address) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let authority = CertificateAuthority::options().in_memory().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate_der().to_vec())).unwrap();
    let layer = ForwardProxyLayer::builder(authority).build().unwrap();
    let thread = thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        measure(|| {
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                begun.send(listener.local_addr().unwrap()).unwrap();
                let app = layer.layer(service_fn(async |request: Request<Body>| {
                    if request.uri().path().ends_with("/never") {
                        pending::<()>().await;
                    }
                    Ok::<_, Infallible>(Response::new(Body::from("hello")))
                }));
                tokio::select! {
                    served = serve(listener, app) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        })
    });
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let provider = Arc::new(default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client(address.await.unwrap(), Arc::new(tls)).await;
    });
    drop(stop);
    thread.join().unwrap()
}

/// Tunnels with TLS that had a request, and wait for the next one.
#[test]
fn idle_tunnels() {
    const TUNNELS: u64 = 200;
    for (protocol, most) in IDLE {
        let info = server(async |address, tls: Arc<ClientConfig>| {
            let mut tls = ClientConfig::clone(&tls);
            tls.alpn_protocols = vec![protocol.as_bytes().to_vec()];
            let tls = Arc::new(tls);
            let mut open = Vec::new();
            let mut senders = Vec::new();
            for _ in 0..TUNNELS {
                let wire = Wire::tunnel(address, "a.test:443").await;
                let mut wire = wire.tls(Arc::clone(&tls), "a.test").await.unwrap();
                if protocol == "h2" {
                    let (sender, connection) = h2::client::handshake(wire.stream).await.unwrap();
                    tokio::spawn(connection);
                    let mut sender: h2::client::SendRequest<Bytes> = sender.ready().await.unwrap();
                    let request = Request::get("https://a.test/x").body(()).unwrap();
                    sender.send_request(request, true).unwrap().0.await.unwrap();
                    senders.push(sender);
                } else {
                    let answer = wire.ask("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
                    assert_eq!(answer.status, 200);
                    open.push(wire);
                }
            }
        });
        let each = info.bytes_max / TUNNELS;
        println!(
            "{protocol}: {each} bytes for each tunnel, in {} pieces",
            info.count_max / TUNNELS
        );
        assert!(each <= most, "{protocol}: {each} bytes for each tunnel");
    }
}

/// One tunnel whose client does its worst: as many requests as there may be at once, none of them answered, each with as many
/// fields as there may be, or with more.
#[test]
fn heads() {
    for (count, value) in [(250, "x"), (440, "")] {
        let info = server(async |address, tls: Arc<ClientConfig>| {
            let mut tls = ClientConfig::clone(&tls);
            tls.alpn_protocols = vec![b"h2".to_vec()];
            let wire = Wire::tunnel(address, "a.test:443").await;
            let wire = wire.tls(Arc::new(tls), "a.test").await.unwrap();
            let (sender, connection) = h2::client::handshake(wire.stream).await.unwrap();
            tokio::spawn(connection);
            let mut sender: h2::client::SendRequest<Bytes> = sender;
            let mut open = Vec::new();
            for _ in 0..100 {
                sender = sender.ready().await.unwrap();
                let mut request = Request::get("https://a.test/never");
                for number in 0..count {
                    request = request.header(format!("n{number:02x}"), value);
                }
                open.push(sender.send_request(request.body(()).unwrap(), true).unwrap());
            }
            sleep(Duration::from_millis(500)).await;
            drop(open);
        });
        println!("{count} fields: {} KiB", info.bytes_max >> 10);
        assert!(info.bytes_max <= 8 << 20, "{count} fields: {} bytes", info.bytes_max);
    }
}

/// A long field that is named again and again by a byte is not copied: 100 heads have it seven times each.
#[test]
fn a_field_that_is_named_again() {
    const LENGTH: usize = 1900;
    let heads = |length: usize| {
        let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
            let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
            [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
        };
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(4, 0, 0, &[]));
        for number in 0..100 {
            // GET, https, and the path and the authority as literals.
            let mut block = b"\x82\x87\x04\x06/never\x01\x06a.test".to_vec();
            if number == 0 {
                // A literal that goes into the table (RFC 7541 §6.2.1), of 128 bytes and more (§5.1).
                let rest = length - 127;
                let more = [rest % 128 + 128, rest / 128].map(|part| u8::try_from(part).unwrap());
                block.extend([b"\x40\x01n\x7f", &more[..]].concat());
                block.extend(vec![b'x'; length]);
            }
            // Its place in the table, 62.
            block.extend([0xbe; 7]);
            bytes.extend(frame(1, 0x05, 2 * number + 1, &block));
        }
        let info = server(async |address, tls: Arc<ClientConfig>| {
            let mut tls = ClientConfig::clone(&tls);
            tls.alpn_protocols = vec![b"h2".to_vec()];
            let wire = Wire::tunnel(address, "a.test:443").await;
            let mut wire = wire.tls(Arc::new(tls), "a.test").await.unwrap();
            wire.send(bytes).await;
            wire.rest_within(Duration::from_millis(700)).await;
        });
        info.bytes_max
    };
    let (short, long) = (heads(255), heads(LENGTH));
    println!("{short} and {long} bytes");
    assert!(short > 300_000, "the requests are not there: {short}");
    assert!(long < short + 100 * 7 * u64::try_from(LENGTH).unwrap() / 4, "{short} and {long}");
}
