//! `proxyfix serve`: the reverse proxy of `proxyfix-gateway` without Rust.
//!
//! 1. The command line and the file make the same [`Settings`](settings::Settings). All of them are checked before the listener is
//!    opened.
//! 2. Nobody is trusted unless `--trust` says so.
//! 3. One line is logged for each request. What a stranger wrote is escaped in it.
//! 4. The first SIGINT or SIGTERM ends the listener and lets requests finish. The second ends all.
//!
//! Read `settings` first, then `table` (what the settings build), `log` and `server`.

mod file;
mod log;
mod server;
pub(crate) mod settings;
mod table;

use std::io::Write;

use self::settings::Settings;
use crate::{
    args::Serve,
    status::{Failure, Status},
    style::{FAINT, TITLE},
};

/// Runs the subcommand.
pub(crate) fn run(serve: &Serve) -> Result<Status, Failure> {
    let settings = Settings::of(serve)?;
    let table = table::Table::build(&settings)?;
    if serve.check {
        let written = write!(anstream::stdout(), "{}", shown(&table));
        return Status::Good.written(written);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = server::Listener::bind(&settings.bind).await?;
        anstream::eprint!("{}", shown(&table));
        anstream::eprintln!("{TITLE}listening on{TITLE:#} {listener}");
        server::run(listener, table, settings.access_log).await;
        Ok(Status::Good)
    })
}

/// Stands for the requests under no prefix.
const OTHER: &str = "other";

/// The routes, one on each line.
fn shown(table: &table::Table) -> String {
    let width =
        table.routes.iter().map(|route| route.from.len()).max().unwrap_or(0).max(OTHER.len());
    let mut lines = Vec::new();
    for route in &table.routes {
        let note =
            if route.note.is_empty() { String::new() } else { format!("  ({})", route.note) };
        lines.push(format!("{:width$}  →  {}{FAINT}{note}{FAINT:#}\n", route.from, route.to));
    }
    lines.push(format!("{OTHER:width$}  →  {}\n", table.otherwise));
    lines.concat()
}
