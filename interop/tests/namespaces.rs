//! One machine, many hops: the client, the CDN, the load balancer and the application each have their own
//! host, with IPv4 and IPv6.
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
//! The proxies listen on the documented ports, and the application trusts networks, as in production. No
//! recipe has `Forwarded` behind another proxy, so that family is tested with one proxy: the CDN, which is
//! then connected to the application's host too.
//!
//! If hosts can't be made, or a program is not installed, the tests are ignored and say so in their names.
//! With `INTEROP_ALL_PROXIES=1`, a test fails if its program is not installed.

use std::{
    env,
    net::{IpAddr, SocketAddr},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use libtest_mimic::{Arguments, Failed, Trial};
use proxyfix::Config;
use proxyfix_interop::{
    Result, app,
    arrived::Arrives,
    attacks, certificate,
    client::{Client, Reply},
    matrix::{attack, can},
    namespace::{self, Host, join},
    process::{Running, folder},
    program::{Program, Site, Upstream, all_must_be_there},
    programs,
    recipe::Recipe,
    request::Mode,
    snippet::Snippet,
};
use tokio_rustls::rustls::ClientConfig;

/// The programs that are the CDN and the load balancer.
const CHAINS: [[&str; 2]; 3] = [["nginx", "nginx"], ["nginx", "envoy"], ["envoy", "nginx"]];

/// The programs that are a CDN with nothing between it and the application.
const ALONE: [&str; 2] = ["nginx", "envoy"];

/// How the two proxies talk to each other, and how the application finds the client.
const WAYS: [(&str, [&str; 2], &str); 2] =
    [("IPv4", ["10.0.1.1", "10.0.1.2"], "for=walk"), ("IPv6", ["fd00:1::1", "fd00:1::2"], "for=2")];

/// The client and the CDN, as they see each other.
const CLIENTS: [[&str; 2]; 2] = [["203.0.113.9", "203.0.113.1"], ["2001:db8::9", "2001:db8::1"]];

/// The load balancer and the application, as they see each other.
const APP: [&str; 2] = ["10.0.2.1", "10.0.2.2"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let refused = namespace::available().err().map(|error| format!("hosts: {error}"));
    let mut trials = Vec::new();
    for names in CHAINS {
        let chain = names.map(named);
        for (between, link, count) in WAYS {
            let name = format!("{}, {between} between them, {count}", names.join(" and "));
            trials
                .push(trial(&name, &chain, refused.as_deref(), move || check(chain, link, count)));
        }
    }
    for name in ALONE {
        let program = named(name);
        let test = move || alone(program);
        trials.push(trial(
            &format!("{name} alone, forwarded"),
            &[program],
            refused.as_deref(),
            test,
        ));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn named(name: &str) -> &'static Program {
    programs::named(name).expect("a program of this name")
}

/// A test of these programs. If hosts can't be made, it is always ignored. A missing program can be
/// installed.
fn trial(
    name: &str,
    programs: &[&'static Program],
    refused: Option<&str>,
    test: impl FnOnce() -> Result<()> + Send + 'static,
) -> Trial {
    let mut missing: Vec<&str> = programs.iter().flat_map(|program| program.missing()).collect();
    missing.dedup();
    let ignored = refused.is_some() || (!missing.is_empty() && !all_must_be_there());
    let needs: Vec<&str> = refused.into_iter().chain(missing).collect();
    let needs = needs.join(", ");
    let title = if needs.is_empty() { name.to_owned() } else { format!("{name} (needs {needs})") };
    let test = move || match needs.as_str() {
        "" => test().map_err(|error| Failed::from(error.to_string())),
        needs => Err(format!("needs {needs}").into()),
    };
    Trial::test(title, test).with_ignored_flag(ignored)
}

/// Fails with the false things that the application believes.
fn check(chain: [&'static Program; 2], link: [&str; 2], count: &str) -> Result<()> {
    // What is declared first is dropped last.
    let (client, cdn, lb) = (Host::new("client")?, Host::new("cdn")?, Host::new("lb")?);
    let app = Host::new("app")?;
    join(
        (&client, &["203.0.113.9/24", "2001:db8::9/64"]),
        (&cdn, &["203.0.113.1/24", "2001:db8::1/64"]),
    )?;
    join((&cdn, &["10.0.1.1/24", "fd00:1::1/64"]), (&lb, &["10.0.1.2/24", "fd00:1::2/64"]))?;
    join((&lb, &["10.0.2.1/24"]), (&app, &["10.0.2.2/24"]))?;

    let folder = folder()?;
    let tls = certificate::write(folder.path())?;
    let config = format!("proxies=10.0.0.0/8,fd00::/8 {count} proto=1 host=1 port=1");
    let config: Config = config.parse()?;
    let [lb_inside, app_address] = parsed(APP)?;
    let (_app, address) = app.run(async move || app::on_tcp(config, app_address).await)?;

    let [cdn_inside, lb_address] = parsed(link)?;
    let [edge, inner] = chain;
    let words = &["x-forwarded", "inner"];
    let behind =
        Behind { edge: Some(cdn_inside), own: lb_inside, upstream: Upstream::Tcp(address) };
    let lb_program = start(&lb, inner, words, behind, folder.path())?;
    let front = (lb_address, lb_program.place().http).into();
    let behind = Behind { edge: None, own: cdn_inside, upstream: Upstream::Tcp(front) };
    let cdn_program = start(&cdn, edge, &["x-forwarded"], behind, folder.path())?;
    let own = vec![address, front];
    let mut wrong = attacked(&client, edge, &cdn_program, &tls, &own)
        .map_err(|error| format!("{error}\n{}{}", cdn_program.logs(), lb_program.logs()))?;

    // A client that is not the CDN must not be able to say what the CDN says about its clients.
    let stranger = Client {
        from: app_address,
        to: (lb_inside, lb_program.place().http).into(),
        tls,
        own,
        arrives: Arrives::default(),
    };
    let forged = attacks::all("https");
    let reply = app.run(async move || {
        let forged = forged.iter().find(|request| request.name == "the whole family");
        stranger.send(forged.ok_or("no such request")?, Mode::Plain).await
    })?;
    if !matches!(reply, Reply::Refused(_)) {
        wrong.push(format!("{} lets in a client that is not the CDN: {reply:?}", inner.name));
    }
    told(&wrong, &[&cdn_program, &lb_program])
}

/// Fails with what is wrong and what the proxies logged.
fn told(wrong: &[String], proxies: &[&Running]) -> Result<()> {
    if wrong.is_empty() {
        return Ok(());
    }
    let logs: String = proxies.iter().map(|proxy| proxy.logs()).collect();
    Err(format!("{}\n{logs}", wrong.join("\n")).into())
}

/// Tests one proxy with `Forwarded`. Fails with the false things that the application believes.
fn alone(program: &'static Program) -> Result<()> {
    let (client, cdn, app) = (Host::new("client")?, Host::new("cdn")?, Host::new("app")?);
    join(
        (&client, &["203.0.113.9/24", "2001:db8::9/64"]),
        (&cdn, &["203.0.113.1/24", "2001:db8::1/64"]),
    )?;
    join((&cdn, &["10.0.2.1/24"]), (&app, &["10.0.2.2/24"]))?;

    let folder = folder()?;
    let tls = certificate::write(folder.path())?;
    let line = Recipe::read(program.name)?.config(&["forwarded"])?.to_owned();
    let config: Config = line.replace("proxies=loopback", "proxies=10.0.0.0/8").parse()?;
    let [inside, app_address] = parsed(APP)?;
    let (_app, address) = app.run(async move || app::on_tcp(config, app_address).await)?;
    let behind = Behind { edge: None, own: inside, upstream: Upstream::Tcp(address) };
    let running = start(&cdn, program, &["forwarded"], behind, folder.path())?;
    let wrong = attacked(&client, program, &running, &tls, &[address]);
    let wrong = wrong.map_err(|error| format!("{error}\n{}", running.logs()))?;
    told(&wrong, &[&running])
}

/// Sends every request over IPv4 and IPv6. Returns the false things that the application believes.
fn attacked(
    client: &Host,
    edge: &'static Program,
    running: &Running,
    tls: &Arc<ClientConfig>,
    own: &[SocketAddr],
) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for addresses in CLIENTS {
        let [from, to] = parsed(addresses)?;
        for mode in [Mode::Plain, Mode::Tls, Mode::Http10, Mode::Http2] {
            if !can(edge, mode) {
                continue;
            }
            let place = running.place();
            let port = if mode.is_tls() { place.https } else { place.http };
            let to = SocketAddr::new(to, port);
            let own = [own, &[to]].concat();
            let sender =
                Client { from, to, tls: Arc::clone(tls), own, arrives: Arrives::default() };
            let cells = client.run(async move || attack(&sender, mode).await);
            for cell in cells.map_err(|error| format!("from {from}: {error}"))? {
                if env::var_os("SHOW").is_some() {
                    eprintln!("from {from}: {cell}");
                }
                if !cell.passes() {
                    wrong.push(format!("from {from}: {cell}"));
                }
            }
        }
    }
    Ok(wrong)
}

/// What is in front of a proxy, what it connects from, and its upstream.
struct Behind {
    edge: Option<IpAddr>,
    own: IpAddr,
    upstream: Upstream,
}

/// Starts a proxy on this host with the block of its recipe that has these words.
fn start(
    host: &Host,
    program: &'static Program,
    words: &'static [&'static str],
    behind: Behind,
    tls: &Path,
) -> Result<Running> {
    let tls = tls.to_owned();
    host.run(async move || {
        let recipe = Recipe::read(program.name)?;
        let Behind { edge, own, upstream } = behind;
        let text = recipe.required(words)?;
        let extra = &recipe.extra(edge.is_some());
        let snippet = Snippet { text, unix: None, edge, extra, debian: false };
        program.start(snippet, Site::Host(own), &upstream, &tls)
    })
}

fn parsed(addresses: [&str; 2]) -> Result<[IpAddr; 2]> {
    let [one, other] = addresses;
    Ok([one.parse()?, other.parse()?])
}
