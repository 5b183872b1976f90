//! The gate of counts for the gateway: the mapping of a path, and the work on the heads of a request and its answer,
//! without a socket.
//!
//!     cargo run --release --locked -p proxyfix-benches --bin gateway              # compares
//!     cargo run --release --locked -p proxyfix-benches --bin gateway -- --write   # records

use std::{convert::Infallible, hint::black_box, process::ExitCode};

use http::{Request, Response};
use proxyfix_benches::{
    Beside, Workload,
    count::{RUNS, instructions_of},
    document,
    file::{Counts, File, Row, With},
    gate::{self, Compared},
};
use proxyfix_gateway::{
    Body, EmbeddedFiles, FilesLayer, Mount, ProxyOptions, ReverseProxy, ReverseProxyLayer,
    SendFuture, Target, TransparentProxy, TransparentProxyBuilder, Transport, Upstream,
};
use tokio::runtime::Runtime;
use tower::{Layer, Service, service_fn};

/// What is counted: the service, what is asked of it, and a description.
const ROWS: [(&str, &str, &str); 11] = [
    ("layer", "table:1", "one prefix, which matches"),
    ("layer", "table:10", "ten prefixes, of which the last matches"),
    ("layer", "table:100", "a hundred prefixes, of which the last matches"),
    ("layer", "fall-through", "ten prefixes, of which none matches: the inner service answers"),
    ("layer", "hostile", "one prefix; forged forwarding headers, aliases and nominations"),
    ("proxy", "one", "`ReverseProxy`: no prefix"),
    ("transparent", "one", "`TransparentProxy` with ten authorities"),
    ("mount", "ten", "ten mounts, of which the last matches"),
    ("files", "embedded", "an embedded file of 1 KiB"),
    ("files", "not-modified", "the same, with `If-None-Match`: 304"),
    (
        "files",
        "fall-through",
        "three embedded exports, of which none has the file: the inner service answers",
    ),
];

/// Answers at once, as an upstream would.
struct AtOnce;

impl Transport for AtOnce {
    fn send<'a>(&'a self, _: &'a Upstream, request: Request<Body>) -> SendFuture<'a> {
        black_box(request);
        let mut response = Response::new(Body::from("ok"));
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("content-length", "2"),
            ("cache-control", "no-store"),
            ("connection", "keep-alive"),
            ("date", "Fri, 27 Nov 2026 12:00:00 GMT"),
        ] {
            response.headers_mut().insert(name, http::HeaderValue::from_static(value));
        }
        Box::pin(async { Ok(response) })
    }
}

type Answers = Box<dyn FnMut(Request<Body>, &Runtime) -> Response<Body>>;

fn answers<S>(mut service: S) -> Answers
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + 'static,
{
    Box::new(move |request, runtime| match runtime.block_on(service.call(request)) {
        Ok(response) => response,
        Err(never) => match never {},
    })
}

/// The service of a row.
fn service(subject: &str, workload: &str) -> Answers {
    let options = ProxyOptions::new().pseudonym("front").transport(AtOnce);
    let target = || {
        Target::builder("http://127.0.0.1:5001/base").remove_prefix(true).build().expect("a target")
    };
    match subject {
        "proxy" => answers(ReverseProxy::with_options(target(), options).expect("a proxy")),
        "mount" => {
            let mount = (0..9).fold(Mount::new(), |mount, at| {
                mount.at(&format!("/an/other/{at}"), service_fn(inner))
            });
            answers(mount.at("/api", service_fn(inner)).build().expect("mounts"))
        }
        "files" => {
            let mut embedded = EmbeddedFiles::new();
            embedded.insert("item/7", vec![b'x'; 1024]);
            let (one, other) = (embedded.clone(), EmbeddedFiles::new());
            let builder = FilesLayer::builder().embedded("/", other).embedded("/api", one);
            let layer = builder.embedded("/", embedded).build().expect("a layer");
            answers(layer.layer(service_fn(inner)))
        }
        "transparent" => {
            let hosts =
                (0..9).map(|at| format!("host{at}.example")).chain(["backend.internal".to_owned()]);
            let builder = hosts.fold(TransparentProxy::builder(), TransparentProxyBuilder::allow);
            answers(builder.options(options).build().expect("a proxy"))
        }
        _ => {
            let size = match workload {
                "table:10" | "fall-through" => 10,
                "table:100" => 100,
                _ => 1,
            };
            // The one that matches is the shortest, which is tried last.
            let others = (1..size).map(|at| format!("/an/other/prefix/{at}"));
            let prefixes = others.chain(["/api".to_owned()]);
            let builder = prefixes.fold(ReverseProxyLayer::builder(), |builder, prefix| {
                builder.target(prefix, target())
            });
            let layer = builder.options(options).build().expect("a layer");
            answers(layer.layer(service_fn(inner)))
        }
    }
}

/// The inner service.
async fn inner(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    black_box(request);
    Ok(Response::new(Body::from("ok")))
}

/// The request of a row: a browser's.
fn request(workload: &str) -> Request<Body> {
    let own = Workload::new("none", Beside::Browser);
    let mut request = Workload::request(&own.headers()).map(|()| Body::empty());
    let target = if workload == "fall-through" { "/item/8?q=1" } else { "/api/item/7?q=1" };
    *request.uri_mut() = target.parse().expect("a target");
    if workload == "not-modified" {
        request.headers_mut().insert("if-none-match", http::HeaderValue::from_static("*"));
    }
    if workload == "hostile" {
        for (name, value) in [
            ("connection", "close, x-hop, te"),
            ("x-hop", "1"),
            ("te", "trailers, deflate"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
            ("x_forwarded_for", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6"),
        ] {
            request.headers_mut().append(name, http::HeaderValue::from_static(value));
        }
    }
    request
}

#[inline(never)]
fn counted_run(service: &mut Answers, request: Request<Body>, runtime: &Runtime) {
    black_box(service(black_box(request), runtime));
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Runs a row under callgrind.
fn work(subject: &str, workload: &str) {
    let (mut service, runtime) = (service(subject, workload), runtime());
    let status = service(request(workload), &runtime).status();
    let is_right = if workload == "not-modified" { status == 304 } else { status.is_success() };
    assert!(is_right, "{subject} {workload}: {status}");
    for _ in 0..RUNS {
        counted_run(&mut service, request(workload), &runtime);
    }
}

fn allocations(subject: &str, workload: &str) -> u64 {
    let (mut service, runtime) = (service(subject, workload), runtime());
    service(request(workload), &runtime);
    let request = request(workload);
    allocation_counter::measure(|| counted_run(&mut service, request, &runtime)).count_total
}

fn all() -> Counts {
    let row = |(subject, workload, _): &(&str, &str, &str)| Row {
        subject: (*subject).to_owned(),
        workload: (*workload).to_owned(),
        beside: "browser".to_owned(),
        instructions: instructions_of(&["worker", subject, workload]),
        allocations: allocations(subject, workload),
        limit: None,
        ratio: None,
    };
    Counts { with: With::here(), counts: ROWS.iter().map(row).collect(), steps: Vec::new() }
}

/// The table of the document.
fn table(counts: &Counts) -> String {
    let head = ["service", "request", "instructions", "allocations"].map(str::to_owned);
    let rows = counts.counts.iter().map(|row| {
        let described = ROWS
            .iter()
            .find(|(subject, workload, _)| (*subject, *workload) == (&row.subject, &row.workload));
        let described = described.map_or("", |(_, _, text)| text);
        let (instructions, allocations) =
            (document::grouped(row.instructions), row.allocations.to_string());
        [row.subject.clone(), described.to_owned(), instructions, allocations]
    });
    document::table([head].into_iter().chain(rows))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [worker, subject, workload] = &arguments[..] {
        assert_eq!(worker, "worker", "usage: gateway [--write]");
        work(subject, workload);
        return ExitCode::SUCCESS;
    }
    let found = all();
    if arguments.first().is_some_and(|argument| argument == "--write") {
        found.write(File::Gateway);
        document::replace("gateway", &table(&found));
        return ExitCode::SUCCESS;
    }
    let recorded = Counts::of(File::Gateway);
    let Compared { mut failures, notes } = gate::compare(&recorded, &found);
    for note in notes {
        println!("{note}");
    }
    if document::part("gateway") != table(&recorded) {
        failures.push(
            "gateway/docs/PERFORMANCE.md differs from benches/gateway.toml; run with --write"
                .to_owned(),
        );
    }
    println!("{} counts, {} failures", found.counts.len(), failures.len());
    for failure in &failures {
        println!("FAILED {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
