//! The result of a request: right or wrong. If it is wrong, what the proxies logged is shown too.

use std::fmt;

use crate::{Result, client::Reply, request::Mode, setup::Setup, truth::Truth};

/// The result of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The application believes the truth.
    True,
    /// The layer rejected the attacker's own request, with this error.
    Rejected(String),
    /// The proxy did not let it through: its status, or `None` if it hung up.
    Refused(Option<u16>),
    /// The application believes something false.
    Wrong(Vec<String>),
}

impl Verdict {
    /// The verdict on this reply.
    pub fn of(reply: Reply, truth: &Truth<'_>) -> Self {
        match reply {
            Reply::Answer(answer) => match truth.check(&answer) {
                wrong if wrong.is_empty() => Self::True,
                wrong => Self::Wrong(wrong),
            },
            Reply::Rejected(reason) => Self::Rejected(reason),
            Reply::Foreign => Self::Wrong(vec!["a page of the proxy's own".to_owned()]),
            Reply::Tunnel => Self::Wrong(vec!["a tunnel to what stands behind".to_owned()]),
            Reply::Refused(status) => Self::Refused(status),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::True => f.write_str("true"),
            Self::Rejected(reason) => write!(f, "rejected: {reason}"),
            Self::Refused(Some(status)) => write!(f, "refused by the proxy with {status}"),
            Self::Refused(None) => f.write_str("refused by the proxy, which hung up"),
            Self::Wrong(wrong) => f.write_str(&wrong.join("; ")),
        }
    }
}

/// One cell: how the client connected, what it sent, and the result.
#[derive(Clone, Debug)]
pub struct Cell {
    /// How the client connected.
    pub mode: Mode,
    /// What it sent.
    pub request: &'static str,
    /// Whether it was honest.
    pub honest: bool,
    /// The result.
    pub verdict: Verdict,
    /// Whether hanging up counts as a refusal. In HTTP/2, CONNECT has a special form (RFC 9113 §8.5), and
    /// a proxy that does not know it resets the stream.
    pub resets: bool,
}

impl Cell {
    /// Whether the result is as it should be: the truth, or, for an attack, a rejection or a refusal with
    /// a 4xx. (101 is for a request that asked for an upgrade and then got no answer.) A proxy that fails
    /// or hangs up has not recognized the attack.
    pub fn passes(&self) -> bool {
        match self.verdict {
            Verdict::True => true,
            Verdict::Refused(None) if self.resets => true,
            Verdict::Rejected(_) | Verdict::Refused(Some(101 | 400..500)) => !self.honest,
            Verdict::Wrong(_) | Verdict::Refused(_) => false,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.mode.title(), self.request, self.verdict)
    }
}

/// All results, and what the proxies logged.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The cells.
    pub cells: Vec<Cell>,
    /// The last lines of all logs.
    pub logs: String,
}

impl Seen {
    /// The results with this set-up. Its logs are added to an error.
    pub(crate) fn of(setup: &Setup, cells: Result<Vec<Cell>>) -> Result<Self> {
        let logs = setup.logs();
        match cells {
            Ok(cells) => Ok(Self { cells, logs }),
            Err(error) => Err(format!("{error}\n{logs}").into()),
        }
    }

    /// Joins the two.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.cells.extend(other.cells);
        self.logs += &other.logs;
        self
    }

    /// The cells that are not right, then the logs of the proxies. Empty if all cells are right.
    pub fn wrong(&self, right: impl Fn(&Cell) -> bool) -> Vec<String> {
        let wrong = self.cells.iter().filter(|cell| !right(cell));
        let mut wrong: Vec<String> = wrong.map(Cell::to_string).collect();
        if !wrong.is_empty() {
            wrong.push(self.logs.clone());
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_come_with_what_is_wrong() {
        let cell = |verdict| Cell {
            mode: Mode::Plain,
            request: "honest",
            honest: true,
            verdict,
            resets: false,
        };
        let seen = |verdict| Seen { cells: vec![cell(verdict)], logs: "--- a.log\n".to_owned() };
        let wrong = seen(Verdict::Refused(Some(502))).wrong(Cell::passes);
        assert_eq!(wrong, ["plain, honest: refused by the proxy with 502", "--- a.log\n"]);
        assert!(seen(Verdict::True).wrong(Cell::passes).is_empty());
    }
}
