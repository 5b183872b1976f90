//! How the program ends.
//!
//! 1. 0: resolved, clean, safe. 1: rejected, with findings, or spoofed. 2: the arguments or the input are
//!    at fault, as in clap.
//! 2. If a reader closes our output early, that is not a failure, and the status says what was found.

use std::{io, process::ExitCode};

use crate::style::BAD;

/// What the program found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Good = 0,
    Found = 1,
    Usage = 2,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Why the program could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The text contains nothing of a stranger's that is not escaped.
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// Prints to standard error what is wrong.
    pub(crate) fn report(&self) -> Status {
        anstream::eprintln!("{BAD}error:{BAD:#} {self}");
        Status::Usage
    }
}

impl Status {
    /// This status, if the output was written, or if nobody reads it any more.
    pub(crate) fn written(self, written: io::Result<()>) -> Result<Self, Failure> {
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(self),
            written => Ok(written.map(|()| self)?),
        }
    }
}
