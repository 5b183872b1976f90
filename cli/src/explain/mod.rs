//! `proxyfix explain`: what is believed of a request, why, and what the application gets.
//!
//! 1. [`account`] runs the library: `explain` for the steps, `fix_request` for the outcome.
//! 2. [`hints`] tries other configurations on the same request, to say which would have fit.
//! 3. [`text`] prints it for people, with [`ruler`]; [`json`] for programs, and [`lines`] many.

mod account;
mod hints;
mod json;
mod lines;
mod request;
mod ruler;
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
use crate::{
    args::Explain,
    escape,
    json::line,
    settings::Settings,
    status::{Failure, Status},
};

/// Runs the subcommand.
pub(crate) fn run(arguments: &Explain) -> Result<Status, Failure> {
    let config = &arguments.config.given.config;
    if arguments.jsonl {
        return lines::run(arguments);
    }
    let mut received = match &arguments.request {
        Some(path) => Received::parse(&read(path)?).map_err(Failure::Usage)?,
        None => Received::default(),
    };
    for (name, value) in &arguments.headers {
        received.add(name, value.as_bytes()).map_err(Failure::Usage)?;
    }
    let account = Account::new(config, arguments.peer(), &received);
    if arguments.json {
        line(&mut io::stdout().lock(), &json::Answer::new(&account, None))?;
    } else {
        let mut out = anstream::stdout().lock();
        out.write_all(text::report(&account, &Settings::from(config)).as_bytes())?;
    }
    Ok(account.status())
}

/// Reads a file, or standard input.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let done = if path == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    done.map(|_| bytes).map_err(|error| unread(path, &error))
}

fn unread(path: &Path, error: &io::Error) -> Failure {
    let path = escape::text(path.as_os_str().as_encoded_bytes());
    Failure::Usage(format!("{path}: {error}"))
}
