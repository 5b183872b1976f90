//! The main job: `http`, `https` and a direct request.

use super::{front::Front, wire::Wire};

#[tokio::test]
async fn http_https_and_direct() {
    let front = Front::start().await;
    let answer = Wire::once(
        front.address,
        "GET http://example.com:123/path?q=1 HTTP/1.1\r\nHost: example.com:123\r\n\r\n",
    )
    .await;
    assert_eq!(answer.text(), "Requested Url: /prefix/http://example.com:123/path?q=1");
    let direct = Wire::once(front.address, "GET /path HTTP/1.1\r\nHost: wsgiprox\r\n\r\n").await;
    assert_eq!(direct.text(), "Requested Url: /path");
    assert!(front.log.last().proxied.is_none());
    let wire = Wire::tunnel(front.address, "example.com:443").await;
    let mut wire = wire.tls(front.tls(&["http/1.1"]), "example.com").await.unwrap();
    for number in 0..3 {
        let request = format!("GET /path?n={number} HTTP/1.1\r\nHost: example.com\r\n\r\n");
        let expected = format!("Requested Url: /prefix/https://example.com/path?n={number}");
        assert_eq!(wire.ask(request).await.text(), expected);
    }
    let seen = front.log.last();
    assert_eq!(seen.field("host"), Some("example.com"));
    assert_eq!(seen.proxied.unwrap().tunnel(), Some(("example.com".to_owned(), 443)));
    front.layer.authority();
    drop(wire);
    front.ended().await;
}
