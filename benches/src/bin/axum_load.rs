//! What the layer costs an axum application under load: requests per second with and without it.
//!
//!     cargo run --release --locked -p proxyfix-benches --features load --bin axum_load
//!
//! 1. Each variant is a server process of its own, with one thread, and answers "hello".
//! 2. `wrk` keeps one variant busy at a time. All variants run in every round, in an order that changes
//!    from round to round, so that other work on the machine affects them alike.
//! 3. Variants are compared within a round. Apart from requests per second, the processor time per request
//!    is read from the kernel. Other work on the machine affects that less.
//! 4. `again` is `plain` once more. Its distance from 1 shows the error of these numbers.
//! 5. Before anything is measured, each variant reports the URI it has seen. It must be the rewritten URI
//!    if the variant rewrites.

use std::{
    convert::Infallible,
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use axum::{
    Router, ServiceExt,
    extract::{ConnectInfo, Request},
    response::Response,
    routing::get,
};
use clap::{Parser, Subcommand, ValueEnum};
use proxyfix::ProxyFixLayer;
use proxyfix_benches::{
    Beside, Workload,
    document::{self, table},
    limit::{self, Policy},
};
use tokio::net::TcpListener;
use tower::{Layer, Service, util::MapRequestLayer};

/// What the layer costs an axum application under load; needs wrk
#[derive(Parser)]
struct Arguments {
    /// Rounds, each with every variant
    #[arg(long, default_value_t = 12)]
    rounds: usize,
    /// Seconds for each variant in a round
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Connections that wrk keeps busy
    #[arg(long, default_value_t = 32)]
    connections: u32,
    /// Also writes the table of docs/PERFORMANCE.md, instead of only printing it
    #[arg(long)]
    write: bool,
    #[command(subcommand)]
    command: Option<Serve>,
}

#[derive(Subcommand)]
enum Serve {
    /// Serves one variant, for the load
    Serve { variant: Variant },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Variant {
    /// With the peer's address, as the layer needs it.
    Plain,
    /// The same once more.
    Again,
    /// With the layer around the router.
    Around,
    /// With the layer added by `Router::layer`.
    Layer,
    /// With the limit around the router.
    Limit,
    /// With a layer that does nothing. axum boxes a request on its way through any layer.
    Idle,
    /// Without the peer's address, like an application that does not ask for it.
    Bare,
}

const VARIANTS: [(Variant, &str); 7] = [
    (Variant::Plain, "without the layer"),
    (Variant::Again, "without the layer, once more"),
    (Variant::Around, "with the layer around the router"),
    (Variant::Limit, "with the limit around the router"),
    (Variant::Layer, "with the layer by `Router::layer`"),
    (Variant::Idle, "with a layer that does nothing by `Router::layer`"),
    (Variant::Bare, "without the layer and without `ConnectInfo`"),
];

#[tokio::main(flavor = "current_thread")]
async fn serve(variant: Variant) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    let seen = async |request: Request| request.uri().to_string();
    let mut app = Router::new().route("/", get(async || "hello")).route("/seen", get(seen));
    let config = "proxies=loopback for=1 proto=1 host=1".parse().expect("valid");
    let layer = ProxyFixLayer::new(config);
    match variant {
        Variant::Around => return serve_connected(listener, layer.layer(app)).await,
        Variant::Limit => {
            return serve_connected(listener, MapRequestLayer::new(limit()).layer(app)).await;
        }
        Variant::Layer => app = app.layer(layer),
        Variant::Idle => app = app.layer(MapRequestLayer::new(|request: Request| request)),
        Variant::Bare => return axum::serve(listener, app).await,
        Variant::Plain | Variant::Again => {}
    }
    serve_connected(listener, app).await
}

/// Serves an application that learns the peer's address.
async fn serve_connected<S>(listener: TcpListener, app: S) -> io::Result<()>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
}

/// The cheapest code that rewrites a request in the layer's place. It trusts the headers of the workload
/// `one`, from this machine.
fn limit() -> impl Fn(Request) -> Request + Clone {
    let workload = Workload { proxies: "127.0.0.0/8".into(), ..Workload::new("one", Beside::Ten) };
    let policy = Arc::new(Policy::of(&workload));
    move |mut request| {
        let peer =
            request.extensions().get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| *peer);
        let fixed = peer.and_then(|peer| limit::rewrite(&mut request, peer.ip(), &policy));
        fixed.expect("an honest request");
        request
    }
}

/// A server process. It ends when this value is dropped.
struct Server {
    process: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.process.kill().and_then(|()| self.process.wait());
        ended.expect("the server ends");
    }
}

/// The forwarding headers of every request.
const FORWARDING: [&str; 3] =
    ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: app.example"];

impl Server {
    /// Starts a variant, and asks it for the URI that it sees.
    fn start(variant: Variant) -> Self {
        let name = variant.to_possible_value().expect("a name");
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args(["serve", name.get_name()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server");
        let mut address = String::new();
        let output = process.stdout.take().expect("an output");
        BufReader::new(output).read_line(&mut address).expect("an address");
        let server = Self { process, address: address.trim().to_owned() };
        let rewrites = matches!(variant, Variant::Around | Variant::Limit | Variant::Layer);
        let expected = if rewrites { "https://app.example/seen" } else { "/seen" };
        assert_eq!(server.seen().expect("an answer"), expected, "{variant:?}");
        server
    }

    /// The URI that the application has seen.
    fn seen(&self) -> io::Result<String> {
        let mut connection = TcpStream::connect(&self.address)?;
        let headers = FORWARDING.join("\r\n");
        let end = "Connection: close\r\n\r\n";
        write!(connection, "GET /seen HTTP/1.1\r\nHost: backend.internal\r\n{headers}\r\n{end}")?;
        let answer = io::read_to_string(connection)?;
        Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(answer))
    }

    /// The processor time so far, in ticks of the kernel's clock.
    fn ticks(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()));
        let stat = stat.expect("a process of Linux");
        // After the name in brackets, user time is the 12th field and system time the 13th.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let fields = fields.split_whitespace().skip(11).take(2);
        fields.map(|ticks| ticks.parse::<f64>().expect("a number")).sum()
    }

    /// Requests per second, and ticks per request.
    fn load(&self, seconds: u32, connections: u32) -> [f64; 2] {
        let before = self.ticks();
        let output = Command::new("wrk")
            .args(["--threads", "1", "--connections", &connections.to_string()])
            .args(["--duration", &format!("{seconds}s")])
            .args(FORWARDING.iter().flat_map(|line| ["--header", line]))
            .arg(format!("http://{}/", self.address))
            .output()
            .expect("wrk runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let failures = ["Non-2xx", "Socket errors"];
        let failed = failures.iter().any(|failure| text.contains(failure));
        assert!(output.status.success() && !failed, "{text}");
        let requests = number_before(&text, " requests in ");
        [requests / f64::from(seconds), (self.ticks() - before) / requests]
    }
}

/// The number before some words.
fn number_before(text: &str, words: &str) -> f64 {
    let (before, _) = text.split_once(words).unwrap_or_else(|| panic!("wrk says {text}"));
    let number = before.split_whitespace().last().expect("a number");
    number.parse().expect("a number")
}

/// The results of a variant in each round.
type Rounds = Vec<[f64; 2]>;

fn measure(arguments: &Arguments) -> Vec<Rounds> {
    let servers = VARIANTS.map(|(variant, _)| Server::start(variant));
    for server in &servers {
        server.load(1, arguments.connections);
    }
    let mut rounds = vec![Rounds::new(); VARIANTS.len()];
    for round in 0..arguments.rounds {
        for turn in 0..VARIANTS.len() {
            // Forwards and backwards alternately, and starting with another variant each time.
            let at = if round % 2 == 0 { turn } else { VARIANTS.len() - 1 - turn };
            let at = (at + round / 2) % VARIANTS.len();
            let [rate, ticks] = servers[at].load(arguments.seconds, arguments.connections);
            println!("round {round}, {}: {rate:.0} requests per second", VARIANTS[at].1);
            rounds[at].push([rate, ticks]);
        }
    }
    rounds
}

/// The first quartile, the median and the third quartile.
fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| {
        let at = (values.len() - 1) * quarter;
        // Interpolated if it falls between two values.
        let (low, rest) = (values[at / 4], at % 4);
        let high = values[(at / 4 + 1).min(values.len() - 1)];
        low + (high - low) * f64::from(u8::try_from(rest).expect("below 4")) / 4.0
    })
}

fn report(rounds: &[Rounds]) -> String {
    let titles = [
        "application",
        "requests per second, median",
        "requests per second, ratio",
        "processor time per request, ratio",
    ];
    let rows = rounds.iter().zip(VARIANTS).map(|(own, (_, about))| {
        let ratio = |of: usize| {
            let pairs = own.iter().zip(&rounds[0]);
            let [low, middle, high] =
                quartiles(pairs.map(|(own, plain)| own[of] / plain[of]).collect());
            format!("{middle:.3} ({low:.3}–{high:.3})")
        };
        let [_, rate, _] = quartiles(own.iter().map(|own| own[0]).collect());
        [about.to_owned(), format!("{rate:.0}"), ratio(0), ratio(1)]
    });
    table([titles.map(str::to_owned)].into_iter().chain(rows))
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    if let Some(Serve::Serve { variant }) = arguments.command {
        return serve(variant);
    }
    let text = report(&measure(&arguments));
    print!("{text}");
    if arguments.write {
        document::replace("load", &text);
    }
    Ok(())
}
