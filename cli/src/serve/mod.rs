//! `proxyfix serve`: the reverse proxy and the static files of `proxyfix-gateway` without Rust.
//!
//! 1. The command line and the file make the same [`Settings`]. All of them are checked before the listener is
//!    opened.
//! 2. Nobody is trusted unless `--trust` says so.
//! 3. One line is logged for each request. What a stranger wrote is escaped in it.
//! 4. The first SIGINT or SIGTERM ends the listener and lets requests finish. The second ends all.
//! 5. Nobody may read what is printed: that stops no request.
//!
//! Read `args` and `settings` first, then `file` and `keys` (TOML), `files`, `mounts`, `forward`,
//! `private` and `table` (what the settings build), `server`, `connection`, `patience` and `log`.

pub(crate) mod args;
mod connection;
mod file;
mod files;
mod forward;
mod keys;
mod log;
mod mounts;
mod patience;
mod private;
mod server;
mod settings;
mod table;

use std::{io::Write, time::Duration};

use proxyfix_gateway::ForwardProxyLayer;

use self::{args::Serve, settings::Settings};
use crate::{
    status::{Failure, Status},
    style::{BAD, FAINT, TITLE},
};

/// How long the tasks of requests that are cut may take to end.
const CUT: Duration = Duration::from_secs(1);

/// Runs the subcommand.
pub(crate) fn run(serve: &Serve) -> Result<Status, Failure> {
    let settings = Settings::of(serve)?;
    if serve.check {
        let table = table::Table::build(&settings, None)?;
        let written = write!(anstream::stdout(), "{}", shown(&table));
        return Status::Good.written(written);
    }
    let (log, end) = log::Log::to_stdout(settings.access_log);
    let table = table::Table::build(&settings, Some(&log))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let listener = server::Listener::bind(&settings.bind).await?;
        let signals = server::Signals::catch()?;
        let forward = table.forward.as_ref().zip(settings.forward.as_ref());
        if let Some((proxy, forward)) = forward {
            say(&forward::told(proxy, forward, &listener));
        }
        say(&format!("{}{TITLE}listening on{TITLE:#} {listener}", shown(&table)));
        let tunnels = table.forward.as_ref().map(ForwardProxyLayer::tunnels);
        server::run(listener, &table.service, tunnels, &log, signals).await;
        Ok(Status::Good)
    });
    log.cut();
    // A look-up of a name cannot be interrupted, so this does not wait for ever.
    runtime.shutdown_timeout(CUT);
    drop((log, table));
    end.wait();
    done
}

/// Prints to standard error.
fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// The routes, one on each line.
fn shown(table: &table::Table) -> String {
    let all = || table.routes.iter().chain(&table.otherwise);
    let width = all().map(|route| route.from.len()).max().unwrap_or_default();
    let line = |route: &table::Shown| {
        let notes = match &*route.notes.join("; ") {
            "" => String::new(),
            notes => format!("  {FAINT}({notes}){FAINT:#}"),
        };
        let danger = route.danger.map(|danger| format!("  {BAD}{danger}{BAD:#}"));
        format!("{:width$}  →  {}{notes}{}\n", route.from, route.to, danger.unwrap_or_default())
    };
    all().map(line).collect()
}
