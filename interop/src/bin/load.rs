//! Honest and hostile load through real proxies. Every answer is checked, and the application's memory is
//! watched.
//!
//! The application is a separate process, so that its memory can be measured. It is this program again,
//! with the hidden command `app`. It prints its address on its standard output. Then, for each line on its
//! standard input, it prints what it has allocated. It ends when that input ends.

use std::{
    alloc::System,
    env,
    io::{self, BufRead, BufReader, IsTerminal, Write},
    net::{Ipv4Addr, SocketAddr},
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio},
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use proxyfix_interop::{
    Result, app,
    load::{self, Progress, Tally},
    memory::{self, Memory, Quarters, Sample},
    program::Program,
    programs,
    recipe::{Family, Recipe},
    request::Mode,
    setup::{Hop, Listens, Setup},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tabled::{Table, Tabled, settings::Style};
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often the application's memory is looked at.
const OFTEN: Duration = Duration::from_millis(10);

/// Sends honest and hostile requests through real proxies, and checks every answer.
///
/// For each proxy, this starts an application with proxyfix in its own process, and the proxy in front of
/// it, configured as `docs/recipes/` says for X-Forwarded. Then many clients at once, each from its own
/// address, send requests over connections that are kept alive. Half of the requests are honest, and half
/// are the attacks of the interop tests.
///
/// An answer is right if the application believed the truth. proxyfix may also reject an attack, or the
/// proxy may refuse it, but only if that also happened when the same attack was sent alone, before the
/// load. Anything else is a failure: a false answer, an honest request turned away, a connection that
/// fails, silence for 10 s, a 5xx. An application that grows is a failure too: the greatest memory in the
/// last quarter of the requests is compared with the greatest in the first, after a warm-up of a twentieth.
#[derive(Debug, Parser)]
#[command(
    name = "load",
    args_conflicts_with_subcommands = true,
    after_help = "\
Exits with 0 if nothing failed, otherwise with 1. Ctrl-C ends a load early, which is a failure.

Examples:
  load --requests 20000                        # a few seconds, through nginx, then HAProxy
  load --proxy nginx --connections 64          # a million requests through nginx alone
  load --requests 3600000 --markdown           # an hour of 1000 requests/s, for the document

With cargo, from the project's folder:
  cargo run --release -p proxyfix-interop --bin load -- --requests 20000"
)]
struct Arguments {
    /// How many requests go through each proxy
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u64).range(1000..))]
    requests: u64,

    /// How many clients send at once, each over one connection: a multiple of 4, at most 100
    #[arg(long, value_name = "C", default_value_t = 32, value_parser = connections)]
    connections: u8,

    /// The name of a proxy's recipe; repeat it to load several, one after the other
    #[arg(long = "proxy", value_name = "NAME", default_values = ["nginx", "haproxy"],
        value_parser = program)]
    proxies: Vec<&'static Program>,

    /// By how many MiB the application's memory may grow
    #[arg(long, value_name = "MIB", default_value_t = 2)]
    growth: u64,

    /// Print the table as Markdown, for docs/INTEROP.md
    #[arg(long)]
    markdown: bool,

    #[command(subcommand)]
    hidden: Option<Hidden>,
}

#[derive(Debug, Subcommand)]
enum Hidden {
    /// The application, with this configuration of proxyfix
    #[command(hide = true)]
    App { config: String },
}

fn connections(text: &str) -> std::result::Result<u8, String> {
    match text.parse() {
        Ok(number @ 4..=100) if number % 4 == 0 => Ok(number),
        _ => Err("not a multiple of 4 from 4 to 100".to_owned()),
    }
}

fn program(name: &str) -> std::result::Result<&'static Program, String> {
    let names = programs::ALL.map(|program| program.name).join(", ");
    programs::named(name).ok_or_else(|| format!("not one of {names}"))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.hidden {
        Some(Hidden::App { config }) => serve(config).map(|()| true),
        None => run(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Loads each proxy. Returns whether nothing failed.
fn run(arguments: &Arguments) -> Result<bool> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    let missing: Vec<_> = arguments.proxies.iter().flat_map(|program| program.missing()).collect();
    if !missing.is_empty() {
        return Err(format!("not installed: {}", missing.join(", ")).into());
    }
    for program in &arguments.proxies {
        let title = program.title;
        let (tally, quarters) = match runtime.block_on(load(program, arguments)) {
            Ok(done) => done,
            Err(error) => {
                failures.push(format!("{title}: {error}"));
                break;
            }
        };
        failures.extend(tally.failures.iter().map(|failure| format!("{title}: {failure}")));
        if tally.requests() < arguments.requests {
            failures.push(format!("{title}: ended after {} requests", tally.requests()));
        }
        match quarters {
            None => failures.push(format!("{title}: too few requests to see the memory")),
            Some(quarters) if quarters.growth() > 1024 * arguments.growth => {
                failures.push(format!("{title}: memory grew by {} KiB", quarters.growth()));
            }
            Some(_) => {}
        }
        eprintln!(
            "{title}: {} requests, {} of them honest, in {:.1} s over {} connections, {} at once",
            tally.requests(),
            tally.honest,
            tally.took.as_secs_f64(),
            tally.opened,
            arguments.connections
        );
        rows.push(Row::new(program, &tally, quarters)?);
        if tally.requests() < arguments.requests {
            break;
        }
    }
    let mut table = Table::new(&rows);
    if arguments.markdown {
        table.with(Style::markdown());
    } else {
        table.with(Style::rounded());
    }
    if !rows.is_empty() {
        println!("{table}");
    }
    for failure in &failures {
        eprintln!("failed: {failure}");
    }
    Ok(failures.is_empty())
}

/// Loads one proxy with its recipe, in front of its own application.
async fn load(
    program: &'static Program,
    arguments: &Arguments,
) -> Result<(Tally, Option<Quarters>)> {
    let recipe = Recipe::read(program.name)?;
    let word = Family::XForwarded.word();
    let hops = [Hop::new(program, &recipe, &[word])?];
    let (application, probe) = Application::start(recipe.config(&[word])?)?;
    let setup = Setup::start(&hops, Listens::Already(application.address)).await?;

    let progress = Arc::new(Progress::default());
    let watch = {
        let (progress, title, requests) =
            (Arc::clone(&progress), program.title, arguments.requests);
        thread::spawn(move || watch(probe, &progress, title, requests))
    };
    let (mut interrupt, mut end) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let client = setup.client(Mode::Plain)?;
    let running = load::run(&client, arguments.requests, arguments.connections, &progress);
    tokio::pin!(running);
    let tally = loop {
        tokio::select! {
            tally = &mut running => break tally,
            _ = interrupt.recv() => progress.stop.store(true, Relaxed),
            _ = end.recv() => progress.stop.store(true, Relaxed),
        }
    };
    progress.stop.store(true, Relaxed);
    let samples = watch.join().map_err(|_| "the watch panicked")?;
    let with_logs = |error| format!("{error}\n{}", setup.logs());
    let tally = tally.map_err(with_logs)?;
    let samples = samples.map_err(with_logs)?;
    if !tally.failures.is_empty() {
        eprintln!("{}", setup.logs());
    }
    Ok((tally, Quarters::of(&samples, arguments.requests)))
}

/// Shows how far the load is, and samples the application's memory until the load ends.
fn watch(
    mut probe: Probe,
    progress: &Progress,
    title: &'static str,
    requests: u64,
) -> Result<Vec<Sample>> {
    let bar = ProgressBar::new(requests).with_prefix(title);
    bar.set_style(ProgressStyle::with_template(
        "{prefix} {wide_bar} {human_pos} of {human_len}, {per_sec}, {eta} left; {msg}",
    )?);
    let mut samples = Vec::new();
    let mut tenths = 1;
    loop {
        // Read first, so that the last sample covers all requests.
        let stop = progress.stop.load(Relaxed);
        let (done, failed) = (progress.done.load(Relaxed), progress.failed.load(Relaxed));
        let memory = probe.memory().inspect_err(|_| progress.stop.store(true, Relaxed))?;
        samples.push(Sample { done, memory });
        let message = format!("{failed} failed, app {} MiB", mib(memory.resident));
        if !io::stderr().is_terminal() && done * 10 >= requests * tenths {
            eprintln!("{title}: {done} of {requests}, {message}");
            tenths = done * 10 / requests + 1;
        }
        bar.set_position(done);
        bar.set_message(message);
        if stop {
            bar.finish_and_clear();
            return Ok(samples);
        }
        thread::sleep(OFTEN);
    }
}

/// The application's process. It ends when this is dropped.
#[derive(Debug)]
struct Application {
    child: Child,
    address: SocketAddr,
}

/// Asks the application's process for its memory.
#[derive(Debug)]
struct Probe {
    process: u32,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Application {
    fn start(config: &str) -> Result<(Self, Probe)> {
        let mut child = Command::new(env::current_exe()?)
            .args(["app", config])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for us.
            .process_group(0)
            .spawn()?;
        let input = child.stdin.take().ok_or("no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut probe = Probe { process: child.id(), input, output };
        // From here on it ends, no matter what happens.
        let mut application = Self { child, address: (Ipv4Addr::UNSPECIFIED, 0).into() };
        application.address = probe.line()?.parse()?;
        Ok((application, probe))
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Probe {
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err("the app ended".into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn memory(&mut self) -> Result<Memory> {
        self.input.write_all(b"\n").map_err(|error| format!("the app ended: {error}"))?;
        let heap: u64 = self.line()?.parse()?;
        Ok(Memory { resident: memory::resident(self.process)?, heap: heap / 1024 })
    }
}

/// Runs the hidden command.
fn serve(config: &str) -> Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let config = config.parse()?;
    let (app, address) = runtime.block_on(app::on_tcp(config, Ipv4Addr::LOCALHOST.into()))?;
    println!("{address}");
    thread::spawn(move || {
        let _app = app;
        runtime.block_on(std::future::pending::<()>());
    });
    for line in io::stdin().lines() {
        line?;
        let stats = HEAP.stats();
        println!("{}", stats.bytes_allocated.saturating_sub(stats.bytes_deallocated));
    }
    Ok(())
}

/// A row of the table.
#[derive(Debug, Tabled)]
struct Row {
    proxy: &'static str,
    version: String,
    requests: u64,
    #[tabled(rename = "true")]
    truth: u64,
    rejected: u64,
    refused: u64,
    wrong: u64,
    errors: u64,
    #[tabled(rename = "requests/s")]
    rate: String,
    #[tabled(rename = "memory, first and last quarter")]
    resident: String,
    #[tabled(rename = "allocated, first and last quarter")]
    heap: String,
}

impl Row {
    fn new(program: &Program, tally: &Tally, quarters: Option<Quarters>) -> Result<Self> {
        let pair = |of: fn(Memory) -> u64| match quarters {
            Some(Quarters { first, last }) => {
                format!("{} MiB, {} MiB", mib(of(first)), mib(of(last)))
            }
            None => "–".to_owned(),
        };
        Ok(Self {
            proxy: program.title,
            version: program.version()?,
            requests: tally.requests(),
            truth: tally.truth,
            rejected: tally.rejected,
            refused: tally.refused,
            wrong: tally.wrong,
            errors: tally.errors,
            rate: format!("{:.0}", tally.rate()),
            resident: pair(|memory| memory.resident),
            heap: pair(|memory| memory.heap),
        })
    }
}

/// KiB as MiB, with two decimals.
fn mib(kib: u64) -> String {
    let hundredths = kib * 100 / 1024;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
