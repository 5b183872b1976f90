//! What a decision costs: `cargo bench`.

use std::net::IpAddr;

use divan::{AllocProfiler, Bencher};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use proxyfix::{Config, Peer, fix_request, resolve};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// A name, a configuration, and forwarding headers.
type Workload = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const WORKLOADS: [Workload; 4] = [
    ("none", "for=1 proto=1 host=1", &[]),
    (
        "one proxy",
        "for=1 proto=1 host=1",
        &[
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "app.example"),
        ],
    ),
    (
        "two lines",
        "for=2 proto=1 host=1",
        &[
            ("x-forwarded-for", "6.6.6.6, 203.0.113.9"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "app.example"),
        ],
    ),
    (
        "forwarded",
        "forwarded=1",
        &[(
            "forwarded",
            "for=6.6.6.6, for=_x, for=\"[2001:db8::9]:4711\";proto=https;host=app.example",
        )],
    ),
];

const BROWSER: [(&str, &str); 4] = [
    ("host", "app.example"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.5"),
];

fn headers(forwarding: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in BROWSER.iter().chain(forwarding) {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

fn peer() -> Peer {
    Peer::from(IpAddr::from([10, 0, 0, 1]))
}

fn workload(name: &str) -> (Config, HeaderMap) {
    let (_, config, forwarding) =
        WORKLOADS.iter().find(|(workload, ..)| *workload == name).expect("a workload");
    let config = format!("proxies=10.0.0.0/8 {config}").parse().expect("valid");
    (config, headers(forwarding))
}

#[divan::bench(args = WORKLOADS.map(|(name, ..)| name))]
fn decide(bencher: Bencher<'_, '_>, name: &str) {
    let (config, headers) = workload(name);
    let uri = Uri::from_static("/item?q=1");
    bencher.bench_local(|| resolve(peer(), &headers, &uri, &config));
}

#[divan::bench(args = WORKLOADS.map(|(name, ..)| name))]
fn decide_and_rewrite(bencher: Bencher<'_, '_>, name: &str) {
    let (config, headers) = workload(name);
    bencher
        .with_inputs(|| {
            let mut request = Request::get("/item?q=1").extension(peer()).body(()).expect("valid");
            *request.headers_mut() = headers.clone();
            request
        })
        .bench_local_refs(|request| fix_request(request, &config));
}

fn main() {
    divan::main();
}
