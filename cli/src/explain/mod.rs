//! `proxyfix explain`: what is believed of a request, why, and what the application gets.
//!
//! 1. [`account`] runs the library: `explain` for the steps, `fix_request` for the outcome.
//! 2. [`hints`] tries other configurations on the same request, to find those that fit better.
//! 3. [`secret`] replaces the secrets of a request before any other module reads it.
//! 4. [`text`] and [`ruler`] print the account for people, [`json`] prints it for programs, and [`lines`]
//!    answers many requests.

mod account;
mod hints;
mod json;
mod lines;
mod request;
mod ruler;
mod secret;
#[cfg(test)]
mod tests;
mod text;

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
};

pub(crate) use self::account::Account;
pub(crate) use self::request::Received;
use self::secret::Guarded;
use crate::{
    args::{self, Explain},
    json::line,
    status::{Failure, Status},
};

const NO_REQUEST: &str = "no request; write its header lines with -H 'Name: value', a file with its \
                          head, or - for standard input";

/// Runs the subcommand.
pub(crate) fn run(arguments: &Explain) -> Result<Status, Failure> {
    let guarded = Guarded::read(&arguments.config)?;
    if arguments.jsonl {
        return lines::run(arguments, &guarded);
    }
    let headers = arguments.headers()?;
    let mut received = match &arguments.request {
        Some(path) => Received::parse(&read(path)?).map_err(Failure::Usage)?,
        None if headers.is_empty() => return Err(Failure::Usage(NO_REQUEST.to_owned())),
        None => Received::default(),
    };
    for (name, value) in &headers {
        received.add(name, value.as_bytes()).map_err(Failure::Usage)?;
    }
    let account = Account::of(&guarded, arguments.peer(), &mut received);
    let written = if arguments.json {
        line(&mut io::stdout().lock(), &json::Answer::new(&account, None))
    } else {
        let report = text::report(&account);
        anstream::stdout().lock().write_all(report.as_bytes())
    };
    account.status().written(written)
}

/// The longest head, and the longest line of `--jsonl`, in bytes: common servers take heads of 8 KiB.
const LONGEST: u64 = 1 << 20;

/// Reads a file, or standard input.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut most = |input: &mut dyn Read| input.take(LONGEST + 1).read_to_end(&mut bytes);
    let done = if path == Path::new("-") {
        most(&mut io::stdin().lock())
    } else {
        fs::File::open(path).and_then(|mut file| most(&mut file))
    };
    let read = done.map_err(|error| unread(path, &error))?;
    if read as u64 > LONGEST {
        return Err(unread(path, &io::Error::other("longer than 1 MiB")));
    }
    Ok(bytes)
}

fn unread(path: &Path, error: &io::Error) -> Failure {
    let path = args::shown(&path.to_string_lossy());
    Failure::Usage(format!("{path}: {error}"))
}
