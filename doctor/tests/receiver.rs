//! The safety of the receiver: the token, its end, the rate, limits, and what the answers say.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use proxyfix::Peer;
use proxyfix_doctor::receiver::{Doctor, Token};
use tower_service::Service as _;

async fn send(doctor: &Doctor, request: Request<Full<Bytes>>) -> (Response<()>, Bytes) {
    let response = doctor.clone().call(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (Response::from_parts(parts, ()), body.collect().await.unwrap().to_bytes())
}

fn get(path: &str) -> Request<Full<Bytes>> {
    let mut request = Request::get(path).body(Full::default()).unwrap();
    request.extensions_mut().insert(Peer::UNIX);
    request
}

#[tokio::test]
async fn without_the_token_nothing_is_said() {
    let doctor = Doctor::new().unwrap();
    let token = doctor.token().as_str().to_owned();
    let other = Doctor::new().unwrap();
    let usual = send(&doctor, get("/")).await;
    assert_eq!((usual.0.status(), usual.1.len()), (StatusCode::NOT_FOUND, 0));
    assert!(usual.0.headers().is_empty());
    for path in [
        other.path(),
        format!("/proxyfix-doctor/{}/", &token[..31]),
        format!("/proxyfix-doctor/{token}0/"),
        format!(
            "/proxyfix-doctor/{}/",
            token.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A")
        ),
        format!("/proxyfix-doctor/x{token}/"),
        format!("/proxyfix-doctor/?{token}"),
        "/proxyfix-doctor//".to_owned(),
        "//".to_owned(),
    ] {
        let mut request = get(&path);
        request.headers_mut().insert("x-secret", "seen".parse().unwrap());
        let (response, body) = send(&doctor, request).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(response.headers().is_empty() && body.is_empty(), "{path}");
    }
    assert_eq!(send(&doctor, get(&doctor.path())).await.0.status(), StatusCode::OK);
    // Wherever a proxy puts it.
    let moved = format!("/app/v2/proxyfix-doctor/{token}/p/1");
    assert_eq!(send(&doctor, get(&moved)).await.0.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_token_expires() {
    let doctor = Doctor::with(Token::random().unwrap(), Duration::from_millis(40)).unwrap();
    assert_eq!(send(&doctor, get(&doctor.path())).await.0.status(), StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(60)).await;
    let (response, body) = send(&doctor, get(&doctor.path())).await;
    assert_eq!((response.status(), body.len()), (StatusCode::NOT_FOUND, 0));
    assert!(response.headers().is_empty());
}

#[tokio::test]
async fn answers_only_so_many_a_second() {
    let doctor = Doctor::new().unwrap();
    let path = format!("{}p/1", doctor.path());
    let mut later = 0;
    for _ in 0..400 {
        let (response, body) = send(&doctor, get(&path)).await;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(response.headers()["retry-after"], "1");
            assert!(body.len() < 100);
            later += 1;
        }
    }
    assert!(later > 100, "{later}");
}

#[tokio::test]
async fn what_arrived_is_text_and_is_not_kept() {
    let doctor = Doctor::new().unwrap();
    let markup = "<script>alert(1)</script>\"'&";
    let mut request = get(&format!("{}p/1?a=b", doctor.path()));
    request.headers_mut().append("x-forwarded-for", markup.parse().unwrap());
    let bytes = http::HeaderValue::from_bytes(b"\xff\x80\\").unwrap();
    request.headers_mut().append("x-forwarded-for", bytes);
    let original = format!("http://h{}", doctor.path());
    request.headers_mut().insert("x-original-url", original.parse().unwrap());
    let (response, body) = send(&doctor, request).await;
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.is_ascii());
    assert!(!text.contains(doctor.token().as_str()), "the token is echoed");
    let answer: serde_json::Value = serde_json::from_str(text).unwrap();
    let fields = answer["arrived"]["fields"].as_array().unwrap();
    assert_eq!(fields[0]["value"], markup);
    assert_eq!(fields[1]["value"], r"\xff\x80\\");
}

#[tokio::test]
async fn the_page_is_strict() {
    let doctor = Doctor::new().unwrap();
    let (response, body) = send(&doctor, get(&doctor.path())).await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'nonce-"), "{policy}");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(!String::from_utf8_lossy(&body).contains(doctor.token().as_str()));
}

#[tokio::test]
async fn heads_and_bodies_are_limited() {
    let doctor = Doctor::new().unwrap();
    let path = format!("{}p/1", doctor.path());
    let mut long = get(&path);
    for _ in 0..9 {
        long.headers_mut().append("x-a", "x".repeat(8000).parse().unwrap());
    }
    let (response, _) = send(&doctor, long).await;
    assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let mut many = get(&path);
    for _ in 0..300 {
        many.headers_mut().append("x-a", "x".parse().unwrap());
    }
    let (response, _) = send(&doctor, many).await;
    assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);

    let post = |body: Vec<u8>| {
        Request::post(format!("{}judge", doctor.path())).body(Full::new(body.into())).unwrap()
    };
    let (response, _) = send(&doctor, post(vec![b' '; 5 * 1024 * 1024])).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let (response, _) = send(&doctor, post(b"{}".to_vec())).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

/// What the page sends is judged as what the prober records.
#[tokio::test]
async fn the_page_gets_a_report() {
    let doctor = Doctor::new().unwrap();
    let plan = |more: &str| get(&format!("{}plan?scheme=http{more}", doctor.path()));
    let mut answers = Vec::new();
    for more in ["", "&with=x-forwarded-for,host"] {
        let (_, body) = send(&doctor, plan(more)).await;
        let plan: serde_json::Value = serde_json::from_slice(&body).unwrap();
        for probe in plan["probes"].as_array().unwrap() {
            let id = probe["id"].as_str().unwrap();
            let path = format!("/proxyfix-doctor/{}/p/r-{id}", ".".repeat(32));
            let mut list = String::new();
            let mut fields = vec![serde_json::json!({"name": "host", "value": "app.example"})];
            for header in probe["headers"].as_array().unwrap() {
                let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
                if name == "x-forwarded-for" {
                    list = format!("{value}, ");
                } else {
                    fields.push(serde_json::json!({"name": name, "value": value}));
                }
            }
            let list = format!("{list}198.18.0.9");
            fields.push(serde_json::json!({"name": "x-forwarded-for", "value": list}));
            answers.push(serde_json::json!({"id": id, "path": path, "outcome": {"arrived": {
                "peer": "10.0.0.2:4000", "version": "HTTP/1.1", "method": "GET", "target": path,
                "fields": fields, "instance": "a"}}}));
        }
    }
    let judged = |client: &[&str]| {
        let body = serde_json::json!({"url": "http://app.example/", "scheme": "http",
            "host": "app.example", "port": 80, "with": ["x-forwarded-for", "host"],
            "client": client, "answers": answers});
        let body = serde_json::to_vec(&body).unwrap();
        Request::post(format!("{}judge", doctor.path())).body(Full::new(body.into())).unwrap()
    };
    let report = async |client: &[&str]| {
        let (response, body) = send(&doctor, judged(client)).await;
        assert_eq!(response.status(), StatusCode::OK);
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()
    };
    let unconfirmed = report(&[]).await;
    assert_eq!(unconfirmed["line"], serde_json::Value::Null);
    assert_eq!(unconfirmed["findings"][0]["code"], "client-unconfirmed");
    let confirmed = report(&["198.18.0.9"]).await;
    // A browser cannot send all that a proof needs.
    assert_eq!(confirmed["line"], serde_json::Value::Null);
    assert_eq!(confirmed["findings"][0]["code"], "needs-command");
    assert_eq!(confirmed["unproved"], "proxies=10.0.0.2 for=1");
    let wrong = report(&["198.18.0.10"]).await;
    assert_eq!(wrong["line"], serde_json::Value::Null);
    assert_eq!(wrong["unproved"], serde_json::Value::Null);
}

/// In an axum application: below its own path or below another one, the target is the one that arrived.
#[cfg(feature = "axum")]
#[tokio::test]
async fn in_an_application() {
    use axum::{Router, extract::ConnectInfo};
    use tower_service::Service as _;

    let doctor = Doctor::new().unwrap();
    let app: Router = Router::new()
        .route("/", axum::routing::get(|| async { "hello" }))
        .merge(doctor.router())
        .nest("/below", doctor.router());
    for (before, status) in [("", 200), ("/below", 200), ("/other", 404)] {
        let path = format!("{before}{}p/1", doctor.path());
        let mut request = Request::get(&path).body(axum::body::Body::empty()).unwrap();
        let peer = std::net::SocketAddr::from(([192, 0, 2, 7], 4711));
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = app.clone().call(request).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        if status == 200 {
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(answer["arrived"]["peer"], "192.0.2.7:4711");
            let hidden = path.replace(doctor.token().as_str(), &".".repeat(32));
            assert_eq!(answer["arrived"]["target"], hidden);
        }
    }
}
