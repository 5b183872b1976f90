//! The whole matrix: one recipe, in every mode, with every request.

use crate::{
    Context, Result,
    app::{KEPT, SILENT},
    arrived::Arrives,
    attacks,
    cell::{Cell, Seen, Verdict},
    certificate,
    client::Client,
    program::{Ability, Program},
    recipe::{Family, Recipe},
    request::{Mode, OTHER_HOST, Request, Target},
    setup::{Hop, Listens, Setup},
    truth::Truth,
};

/// One proxy alone in front of the application, with its recipe for this family. `None` if it has no
/// recipe for the family.
///
/// # Errors
///
/// If something does not start.
pub async fn single(program: &'static Program, family: Family) -> Result<Option<Seen>> {
    let recipe = Recipe::read(program.name)?;
    let words = [family.word()];
    if recipe.snippet(&words).is_none() {
        return Ok(None);
    }
    single_with(program, family, recipe.config(&words)?).await.map(Some)
}

/// The same with this configuration of proxyfix.
///
/// # Errors
///
/// If something does not start, or the recipe is missing.
pub async fn single_with(program: &'static Program, family: Family, config: &str) -> Result<Seen> {
    let recipe = Recipe::read(program.name)?;
    let words = [family.word()];
    let arrives = Arrives::by(config)
        .and_tables(program.name, family)?
        .and_upgrades([program.name].into_iter())?;

    let hops = [Hop::new(program, &recipe, &words)?];
    let setup = Setup::start(&hops, Listens::OnTcp(config)).await?;
    let modes = Mode::ALL.into_iter().filter(|mode| can(program, *mode) && *mode != Mode::Unix);
    let mut seen = run(&setup, modes, &arrives).await?;
    drop(setup);
    if program.can(Ability::Unix) {
        let unix = recipe.required(&["unix"])?;
        let setup = Setup::start(&hops, Listens::OnUnix(config, unix)).await?;
        seen = seen.and(run(&setup, [Mode::Unix], &arrives).await?);
    }
    Ok(seen)
}

/// Proxies behind each other, the outermost first. Each has its recipe for its place, and proxyfix has
/// this configuration.
///
/// # Errors
///
/// If something does not start, or a recipe is missing.
pub async fn chain(programs: &[&'static Program], config: &str) -> Result<Seen> {
    chain_of(programs, family_of(config), config).await
}

/// The family of headers that a configuration reads.
pub fn family_of(config: &str) -> Family {
    if config.contains("forwarded=") { Family::Forwarded } else { Family::XForwarded }
}

/// The same, if the edge has its recipe for this family.
///
/// # Errors
///
/// If something does not start, or a recipe is missing.
pub async fn chain_of(programs: &[&'static Program], family: Family, config: &str) -> Result<Seen> {
    let recipes =
        programs.iter().map(|program| Recipe::read(program.name)).collect::<Result<Vec<_>>>()?;
    let hops = hops(programs, &recipes, family)?;
    let names = programs.iter().map(|program| program.name);
    let arrives = Arrives::by(config).and_upgrades(names)?;
    let config = with_sources(programs, config)?;
    let setup = Setup::start(&hops, Listens::OnTcp(&config)).await?;
    let edge = programs.first().context("no proxy")?;
    run(&setup, [Mode::Plain, Mode::Tls].into_iter().filter(|mode| can(edge, *mode)), &arrives)
        .await
}

/// The hops of a chain. The edge has its recipe for this family, the others theirs behind another proxy.
///
/// # Errors
///
/// If a recipe lacks a block.
pub fn hops<'a>(
    programs: &[&'static Program],
    recipes: &'a [Recipe],
    family: Family,
) -> Result<Vec<Hop<'a>>> {
    let mut hops = Vec::new();
    for (position, (program, recipe)) in programs.iter().zip(recipes).enumerate() {
        // Inner proxies pass `Forwarded` as the edge wrote it.
        let words: &[&str] =
            if position == 0 { &[family.word()] } else { &["x-forwarded", "inner"] };
        hops.push(Hop::new(program, recipe, words)?);
    }
    Ok(hops)
}

/// These proxies, with this configuration of proxyfix, in every mode that the outermost one still has.
///
/// Left out is what no line for proxyfix can change if a recipe lacks a line: upgrades, a proxy's own pages,
/// what a cache keeps, how a proxy cuts a long host that the client chose, and what a recipe promises about `Host` as it arrives. So is HTTP/1.0, in which an honest client names no host.
///
/// # Errors
///
/// If something does not start.
pub async fn with_hops(hops: &[Hop<'_>], config: &str) -> Result<Seen> {
    let setup = Setup::start(hops, Listens::OnTcp(config)).await?;
    let edge = hops.first().context("no proxy")?.program;
    let left_out = [Mode::Unix, Mode::Http10];
    let mut seen = Seen::default();
    for mode in Mode::ALL.into_iter().filter(|mode| can(edge, *mode) && !left_out.contains(mode)) {
        let client = setup.client(mode)?;
        if client.send(&Request::honest(), mode).await.is_err() {
            continue;
        }
        seen = seen.and(run(&setup, [mode], &Arrives::default()).await?);
    }
    let other = ["upgrade", "may be kept", "says nothing", "a manager", "2 KiB in Host"];
    seen.cells.retain(|cell| !other.iter().any(|word| cell.request.contains(word)));
    for cell in &mut seen.cells {
        if let Verdict::Wrong(wrong) = &mut cell.verdict {
            // h2o writes `Host` into `Via`, which no line is about.
            let other = ["Host arrives as", "the handler sees via:"];
            wrong.retain(|text| !other.iter().any(|start| text.starts_with(start)));
            if wrong.is_empty() {
                cell.verdict = Verdict::True;
            }
        }
    }
    Ok(seen)
}

/// An inner proxy, beside Debian's own lines, gets requests from a client that is not the proxy in front.
///
/// # Errors
///
/// If something does not start, or the recipe is missing.
pub async fn stranger(program: &'static Program) -> Result<Seen> {
    let recipe = Recipe::read(program.name)?;
    let hop = Hop::new(program, &recipe, &["x-forwarded", "inner"])?;
    let hops = [Hop { debian: true, ..hop }];
    // The snippet keeps its `10.0.0.2`, an address that nobody has here.
    let setup = Setup::start(&hops, Listens::OnTcp("proxies=loopback for=1")).await?;
    // Other sites of the same program must not let anyone in either.
    let other =
        Request { name: "another host", host: Some(OTHER_HOST.to_owned()), ..Request::honest() };
    let modes = [Mode::Plain, Mode::Ipv6].into_iter().filter(|mode| can(program, *mode));
    let mut seen = run(&setup, modes.clone(), &Arrives::default()).await?;
    for mode in modes {
        seen.cells.push(cell(&setup.client(mode)?, &other, mode).await?);
    }
    Ok(seen)
}

/// Replaces the documented 10.0.0.2, 10.0.0.3 and so on in the configuration with the addresses that
/// these proxies connect from.
fn with_sources(programs: &[&Program], config: &str) -> Result<String> {
    let mut config = config.to_owned();
    for (index, program) in programs.iter().enumerate() {
        let position = u8::try_from(index + 1)?;
        let source = program.source(position).to_string();
        config = config.replace(&format!("10.0.0.{}", position + 1), &source);
    }
    Ok(config)
}

/// Whether a client can connect to this program in this mode.
pub fn can(program: &Program, mode: Mode) -> bool {
    let abilities: &[Ability] = match mode {
        Mode::Plain | Mode::Http10 => &[],
        Mode::Tls => &[Ability::Tls],
        Mode::Ipv6 => &[Ability::Ipv6],
        Mode::Ipv6Tls => &[Ability::Ipv6, Ability::Tls],
        Mode::Unix => &[Ability::Unix],
        Mode::Http2 => &[Ability::Http2],
    };
    abilities.iter().all(|ability| program.can(*ability))
}

/// Sends every request in each of these modes.
async fn run(
    setup: &Setup,
    modes: impl IntoIterator<Item = Mode>,
    arrives: &Arrives,
) -> Result<Seen> {
    let all = async {
        let mut cells = Vec::new();
        for mode in modes {
            cells.extend(in_mode(setup, mode, arrives).await?);
        }
        Ok(cells)
    };
    Seen::of(setup, all.await)
}

/// Sends every request in this mode, and those that only proxies notice.
async fn in_mode(setup: &Setup, mode: Mode, arrives: &Arrives) -> Result<Vec<Cell>> {
    let client = Client { arrives: arrives.clone(), ..setup.client(mode)? };
    let managers = attacks::managers(&client.own).filter(|manager| manager.can_come_by(mode));
    let mut cells = attack(&client, mode).await?;
    for manager in managers {
        cells.push(cell(&client, &manager, mode).await?);
    }
    if mode != Mode::Http10 {
        for kept in kept(setup.keeps(), mode) {
            cells.push(Cell { honest: true, ..cell(&client, &kept, mode).await? });
        }
    }
    Ok(cells)
}

/// Honest requests whose answers must not go to another client: one for an answer that may be kept, and
/// one for an answer that does not say whether it may.
fn kept(keeps: bool, mode: Mode) -> [Request; 2] {
    // The documents say: an application must not let caches keep an answer that is for one client.
    let may = if keeps && mode.is_ipv6() { "/kept/other" } else { KEPT };
    [("an answer that may be kept", may), ("an answer that says nothing", SILENT)].map(
        |(name, path)| Request {
            name,
            target: Target::Path(path),
            host: Some(certificate::NAME.to_owned()),
            lines: Vec::new(),
        },
    )
}

/// Sends every request from this client in this mode, and the honest one again, and checks the replies.
///
/// # Errors
///
/// If a connection fails, or nothing answers.
pub async fn attack(client: &Client, mode: Mode) -> Result<Vec<Cell>> {
    let (_, lie) = mode.schemes();
    let last = [attacks::tunnel(lie), Request { name: "honest, again", ..Request::honest() }];
    let mut cells = Vec::new();
    for request in attacks::all(lie).iter().chain(&last) {
        if request.can_come_by(mode) {
            cells.push(cell(client, request, mode).await?);
        }
    }
    Ok(cells)
}

/// Sends one request, and checks the reply.
pub(crate) async fn cell(client: &Client, request: &Request, mode: Mode) -> Result<Cell> {
    let reply = client.send(request, mode).await;
    let reply = reply.context(format_args!("{}, {}", mode.title(), request.name))?;
    let verdict = Verdict::of(reply, &Truth::of(request, client, mode));
    let resets = mode == Mode::Http2 && request.target == Target::Tunnel;
    Ok(Cell { mode, request: request.name, honest: request.is_honest(), verdict, resets })
}
