//! The command line.

use std::net::SocketAddr;

use crate::proxy::Choice;

pub(crate) const USAGE: &str = "\
Starts an axum app behind a proxy, sends it honest and lying requests, and shows who believes the
lies.

The app is wrapped in `ProxyFixLayer`, which knows which proxy to believe. Each request goes over
real sockets: from the client, through the proxy, to the app. The table has a row for each request:
what was sent, what two common ways to read the headers make of it, what the app believes, and which
header vouches for that.

usage: cargo run -p proxyfix-demo -- [OPTIONS]

  --proxy auto        nginx if it is installed, otherwise a small proxy in this process (default)
  --proxy nginx       a real nginx as a child process; an error if it is not installed
  --proxy embedded    the small proxy
  --serve             after the table, keep the app and the proxy running for your own requests
  --before ADDRESS    start the proxy alone, in front of your own app at this address
  --help              print this text

Exits with 0 if every answer of the app is the truth, otherwise with 1.
";

#[derive(Debug, PartialEq)]
pub(crate) struct Args {
    pub(crate) proxy: Choice,
    pub(crate) serve: bool,
    pub(crate) before: Option<SocketAddr>,
}

impl Args {
    /// `None` if the user asks for help.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut args = Self { proxy: Choice::Auto, serve: false, before: None };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--proxy" => args.proxy = value()?.parse()?,
                "--serve" => args.serve = true,
                "--before" => {
                    let address = value()?;
                    let address = address.parse().map_err(|_| {
                        format!("{address} is not an address; write one such as 127.0.0.1:3000")
                    })?;
                    args.before = Some(address);
                }
                "-h" | "--help" => return Ok(None),
                _ => return Err(format!("unknown option {word}; --help lists them")),
            }
        }
        Ok(Some(args))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Args>, String> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options() {
        let args = Args { proxy: Choice::Auto, serve: false, before: None };
        assert_eq!(parse(""), Ok(Some(args)));
        let args = Args { proxy: Choice::Nginx, serve: true, before: None };
        assert_eq!(parse("--serve --proxy nginx"), Ok(Some(args)));
        let app = SocketAddr::from(([127, 0, 0, 1], 3000));
        let args = Args { proxy: Choice::Embedded, serve: false, before: Some(app) };
        assert_eq!(parse("--proxy embedded --before 127.0.0.1:3000"), Ok(Some(args)));
        assert_eq!(parse("--serve --help"), Ok(None));
    }

    #[test]
    fn mistakes() {
        for (line, message) in [
            ("--proxy", "--proxy needs a value"),
            ("--proxy apache", "unknown proxy apache; write auto, nginx or embedded"),
            ("--before app", "app is not an address; write one such as 127.0.0.1:3000"),
            ("serve", "unknown option serve; --help lists them"),
        ] {
            assert_eq!(parse(line), Err(message.to_owned()));
        }
    }
}
