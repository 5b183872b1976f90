//! One machine, many hops: client, CDN, load balancer and application on hosts of their own, with
//! IPv4 and IPv6.
//!
//! ```text
//! client                cdn                    lb                 app
//!   203.0.113.9 -- 203.0.113.1
//!   2001:db8::9 -- 2001:db8::1
//!                     10.0.1.1 -- 10.0.1.2
//!                    fd00:1::1 -- fd00:1::2
//!                                     10.0.2.1 -- 10.0.2.2
//! ```
//!
//! The proxies listen on the documented ports, and the application trusts networks, as it would in
//! production. Where hosts can't be made, or a program is not installed, the tests are ignored, by
//! name; with `PROXYFIX_ALL_PROXIES=1` they fail.

use std::{
    env,
    net::{IpAddr, SocketAddr},
    path::Path,
    process::ExitCode,
};

use libtest_mimic::{Arguments, Failed, Trial};
use proxyfix::Config;
use proxyfix_interop::{
    Result, app, certificate,
    client::{Client, Reply},
    matrix::{attack, can},
    namespace::{self, Host, join},
    process::Running,
    program::{Program, Site, Upstream},
    programs,
    recipe::Recipe,
    request::{self, Mode},
    snippet::Snippet,
};

/// Who is the CDN, and who the load balancer.
const CHAINS: [[&str; 2]; 3] = [["nginx", "nginx"], ["nginx", "envoy"], ["envoy", "nginx"]];

/// How the two talk to each other, and what the application makes of it.
const WAYS: [(&str, [&str; 2], &str); 2] =
    [("IPv4", ["10.0.1.1", "10.0.1.2"], "for=walk"), ("IPv6", ["fd00:1::1", "fd00:1::2"], "for=2")];

/// The client and the CDN, as they see each other.
const CLIENTS: [[&str; 2]; 2] = [["203.0.113.9", "203.0.113.1"], ["2001:db8::9", "2001:db8::1"]];

/// The load balancer and the application, as they see each other.
const APP: [&str; 2] = ["10.0.2.1", "10.0.2.2"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let all = env::var_os("PROXYFIX_ALL_PROXIES").is_some_and(|value| value == "1");
    let refused = namespace::available().err().map(|error| format!("hosts: {error}"));
    let mut trials = Vec::new();
    for names in CHAINS {
        let chain = names.map(|name| programs::named(name).expect("a program of this name"));
        let mut missing: Vec<String> = refused.iter().cloned().collect();
        missing.extend(chain.iter().flat_map(|program| program.missing()).map(str::to_owned));
        missing.dedup();
        let missing = missing.join(", ");
        for (between, link, count) in WAYS {
            let name = format!("{}, {between} between them, {count}", names.join(" and "));
            let needs =
                if missing.is_empty() { String::new() } else { format!(" (needs {missing})") };
            let needed = missing.clone();
            let test = move || match needed.as_str() {
                "" => check(chain, link, count).map_err(|error| Failed::from(error.to_string())),
                needed => Err(format!("needs {needed}").into()),
            };
            trials.push(
                Trial::test(name + &needs, test).with_ignored_flag(!missing.is_empty() && !all),
            );
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Fails with what the application believes falsely.
fn check(chain: [&'static Program; 2], link: [&str; 2], count: &str) -> Result<()> {
    // What is declared first ends last.
    let (client, cdn, lb) = (Host::new("client")?, Host::new("cdn")?, Host::new("lb")?);
    let app = Host::new("app")?;
    join(
        (&client, &["203.0.113.9/24", "2001:db8::9/64"]),
        (&cdn, &["203.0.113.1/24", "2001:db8::1/64"]),
    )?;
    join((&cdn, &["10.0.1.1/24", "fd00:1::1/64"]), (&lb, &["10.0.1.2/24", "fd00:1::2/64"]))?;
    join((&lb, &["10.0.2.1/24"]), (&app, &["10.0.2.2/24"]))?;

    let folder = tempfile::Builder::new().prefix("proxyfix-").tempdir()?;
    let tls = certificate::write(folder.path())?;
    let config = format!("proxies=10.0.0.0/8,fd00::/8 {count} proto=1 host=1 port=1");
    let config: Config = config.parse()?;
    let [lb_inside, app_address] = parsed(APP)?;
    let (_app, address) = app.run(async move || app::on_tcp(config, app_address).await)?;

    let [cdn_inside, lb_address] = parsed(link)?;
    let [edge, inner] = chain;
    let lb_program =
        start(&lb, inner, Some(cdn_inside), lb_inside, Upstream::Tcp(address), folder.path())?;
    let upstream = Upstream::Tcp((lb_address, lb_program.place().http).into());
    let cdn_program = start(&cdn, edge, None, cdn_inside, upstream, folder.path())?;
    let logs = || [cdn_program.logs(), lb_program.logs()].concat();

    let mut wrong = Vec::new();
    for addresses in CLIENTS {
        let [from, to] = parsed(addresses)?;
        for mode in [Mode::Plain, Mode::Tls, Mode::Http10, Mode::Http2] {
            if !can(edge, mode) {
                continue;
            }
            let place = cdn_program.place();
            let port = if mode.is_tls() { place.https } else { place.http };
            let sender = Client { from, to: SocketAddr::new(to, port), tls: tls.clone() };
            let cells = client.run(async move || attack(&sender, mode).await);
            for cell in cells.map_err(|error| format!("from {from}: {error}\n{}", logs()))? {
                if env::var_os("SHOW").is_some() {
                    eprintln!("from {from}: {cell}");
                }
                if !cell.passes() {
                    wrong.push(format!("from {from}: {cell}"));
                }
            }
        }
    }

    // Whoever is not the CDN cannot say of himself what the CDN says of its clients.
    let stranger =
        Client { from: app_address, to: (lb_inside, lb_program.place().http).into(), tls };
    let forged = request::all("https");
    let reply = app.run(async move || {
        let forged = forged.iter().find(|request| request.name == "the whole family");
        stranger.send(forged.ok_or("no such request")?, Mode::Plain).await
    })?;
    if !matches!(reply, Reply::Refused(_)) {
        wrong.push(format!("{} lets in others than the CDN: {reply:?}", inner.name));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// Starts a proxy on this host by its recipe: for the outermost, or for one behind this address.
fn start(
    host: &Host,
    program: &'static Program,
    edge: Option<IpAddr>,
    own: IpAddr,
    upstream: Upstream,
    tls: &Path,
) -> Result<Running> {
    let tls = tls.to_owned();
    host.run(async move || {
        let recipe = Recipe::read(program.name)?;
        let words: &[&str] =
            if edge.is_some() { &["x-forwarded", "inner"] } else { &["x-forwarded"] };
        let text = recipe.snippet(words).ok_or("the recipe lacks this snippet")?;
        let snippet = Snippet { text, unix: None, edge, extra: &recipe.extra(edge.is_some()) };
        program.start(snippet, Site::Host(own), &upstream, &tls)
    })
}

fn parsed(addresses: [&str; 2]) -> Result<[IpAddr; 2]> {
    let [one, other] = addresses;
    Ok([one.parse()?, other.parse()?])
}
