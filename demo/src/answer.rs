//! What the application answers: text for people, which the client parses too.

use std::{fmt, str::FromStr};

use proxyfix::Source;

const RECEIVED: &str = "received ";
const HANDLER_SEES: &str = "handler sees ";

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) client: Claim,
    pub(crate) scheme: Claim,
    pub(crate) host: Claim,
    pub(crate) port: Claim,
    pub(crate) url: String,
    /// `Host` and the forwarding headers as they arrived.
    pub(crate) received: Vec<String>,
    /// The same headers as the handler sees them.
    pub(crate) handler_sees: Vec<String>,
}

/// A value that is believed, and why.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Claim {
    pub(crate) value: String,
    pub(crate) vouched_for_by: String,
}

impl Claim {
    pub(crate) fn new(value: &impl ToString, source: Source<'_>) -> Self {
        Self { value: value.to_string(), vouched_for_by: source.to_string() }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.value, self.vouched_for_by)
    }
}

impl FromStr for Claim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.strip_suffix(')').and_then(|text| text.split_once(" ("));
        let (value, source) = parts.ok_or_else(|| format!("{text}: no source"))?;
        Ok(Self { value: value.to_owned(), vouched_for_by: source.to_owned() })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "client: {}", self.client)?;
        writeln!(f, "scheme: {}", self.scheme)?;
        writeln!(f, "host: {}", self.host)?;
        writeln!(f, "port: {}", self.port)?;
        writeln!(f, "url: {}", self.url)?;
        self.received.iter().try_for_each(|line| writeln!(f, "{RECEIVED}{line}"))?;
        self.handler_sees.iter().try_for_each(|line| writeln!(f, "{HANDLER_SEES}{line}"))
    }
}

impl FromStr for Answer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut answer = Self::default();
        for line in text.lines() {
            if let Some(header) = line.strip_prefix(RECEIVED) {
                answer.received.push(header.to_owned());
                continue;
            }
            if let Some(header) = line.strip_prefix(HANDLER_SEES) {
                answer.handler_sees.push(header.to_owned());
                continue;
            }
            match line.split_once(": ") {
                Some(("client", claim)) => answer.client = claim.parse()?,
                Some(("scheme", claim)) => answer.scheme = claim.parse()?,
                Some(("host", claim)) => answer.host = claim.parse()?,
                Some(("port", claim)) => answer.port = claim.parse()?,
                Some(("url", url)) => url.clone_into(&mut answer.url),
                _ => return Err(format!("{line}: not a line of an answer")),
            }
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let claim =
            |value: &str| Claim { value: value.into(), vouched_for_by: "host, hop 1".into() };
        let answer = Answer {
            client: claim("192.0.2.9"),
            scheme: claim("http"),
            host: claim("app.example"),
            port: claim("80"),
            url: "http://app.example/".into(),
            received: vec!["host: app.example".into(), "x-forwarded-for: client: x".into()],
            handler_sees: vec!["host: app.example".into()],
        };
        assert_eq!(answer.to_string().parse(), Ok(answer));
        assert!("400 Bad Request".parse::<Answer>().is_err());
        assert!("client: 192.0.2.9".parse::<Answer>().is_err());
    }
}
