//! Many requests: each line has a JSON object, and each is answered with one line, in order.
//!
//! 1. A line that cannot be read is answered too, with the outcome `unreadable`, and the next line is read.
//! 2. The status is that of the worst line: 2 if one was unreadable, 1 if one was rejected.
//! 3. Each answer is written before the program waits for the next line, so that another program can
//!    ask and wait. A line has at most 1 MiB; common servers accept request heads of 8 KiB.
//! 4. Header values are strings with one character for each byte, as in the answers.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, Read as _, Write},
};

use proxyfix::{Peer, Scheme};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::{
    Account, LONGEST, json,
    request::{self, Received},
    secret::Guarded,
};
use crate::{
    args::{self, Explain},
    json::{Bytes, line},
    status::{Failure, Status},
};

/// One request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "expected an object with the fields of a request")]
struct Asked {
    /// Repeated unchanged in the answer.
    id: Option<Value>,
    /// As in `--peer`, or `unix`; by default the peer of the arguments.
    peer: Option<String>,
    tls: Option<bool>,
    method: Option<String>,
    target: Option<String>,
    version: Option<String>,
    #[serde(default)]
    headers: Lines,
}

/// Header lines in order: a list of pairs, or a map whose values may be lists.
#[derive(Debug, Default)]
struct Lines(Vec<(String, Bytes)>);

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsOrMap;

        impl<'de> Visitor<'de> for PairsOrMap {
            type Value = Lines;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a list of [name, value], or a map with a value or a list for each name",
                )
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Lines, A::Error> {
                let mut lines = Vec::new();
                while let Some(line) = list.next_element()? {
                    lines.push(line);
                }
                Ok(Lines(lines))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lines, A::Error> {
                let mut lines = Vec::new();
                while let Some((name, Values(values))) = map.next_entry::<String, _>()? {
                    lines.extend(values.into_iter().map(|value| (name.clone(), value)));
                }
                Ok(Lines(lines))
            }
        }

        deserializer.deserialize_any(PairsOrMap)
    }
}

/// The values of one name: one text, or a list.
struct Values(Vec<Bytes>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Values, E> {
                Bytes::read(text).map(|bytes| Values(vec![bytes])).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Values(values))
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}

/// The answer to a line that is not a request.
#[derive(Debug, Serialize)]
struct Unreadable<'a> {
    outcome: &'static str,
    line: usize,
    reason: &'a str,
}

/// Answers every line.
pub(crate) fn run(arguments: &Explain, guarded: &Guarded) -> Result<Status, Failure> {
    let mut out = io::stdout().lock();
    match arguments.request.as_ref().filter(|path| path.as_os_str() != "-") {
        None => answer(arguments, guarded, &mut io::stdin().lock(), &mut out),
        Some(path) => {
            let file = File::open(path).map_err(|error| super::unread(path, &error))?;
            answer(arguments, guarded, &mut io::BufReader::new(file), &mut out)
        }
    }
}

fn answer(
    arguments: &Explain,
    guarded: &Guarded,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<Status, Failure> {
    let mut worst = Status::Good;
    for number in 1.. {
        let mut text = Vec::new();
        if input.take(LONGEST).read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let whole = text.ends_with(b"\n") || (text.len() as u64) < LONGEST;
        if !whole {
            skip_line(input)?;
        }
        let asked = if whole { asked(&text) } else { Err("longer than 1 MiB".to_owned()) };
        let read = asked.and_then(|asked| Ok((received(&asked)?, peer(&asked, arguments)?, asked)));
        let written = match read {
            Ok((mut received, peer, asked)) => {
                let account = Account::of(guarded, peer, &mut received);
                worst = worst.max(account.status());
                line(out, &json::Answer::new(&account, asked.id.as_ref()))
            }
            Err(reason) => {
                worst = Status::Usage;
                line(out, &Unreadable { outcome: "unreadable", line: number, reason: &reason })
            }
        };
        let written = written.and_then(|()| out.flush());
        if written.is_err() {
            return worst.written(written);
        }
    }
    Ok(worst)
}

/// Skips the rest of a line.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let mut part = Vec::new();
        let read = input.take(LONGEST).read_until(b'\n', &mut part)?;
        if read == 0 || part.ends_with(b"\n") {
            return Ok(());
        }
    }
}

fn asked(text: &[u8]) -> Result<Asked, String> {
    serde_json::from_slice(text).map_err(|error| without_text(&error.to_string()))
}

/// A message of `serde_json` without the text that was found, because it may contain a secret.
fn without_text(message: &str) -> String {
    let found =
        ["invalid type: ", "invalid value: "].iter().any(|begin| message.starts_with(begin));
    let ends = message.find(['`', '"']).zip(message.rfind(", expected "));
    match ends.filter(|(from, to)| found && from < to) {
        Some((from, to)) => format!("{}{}", message[..from].trim_end(), &message[to..]),
        None => message.to_owned(),
    }
}

fn received(asked: &Asked) -> Result<Received, String> {
    let mut received = Received::default();
    if let Some(method) = &asked.method {
        received.method = request::method(method)?;
    }
    if let Some(target) = &asked.target {
        received.uri = request::uri(target)?;
    }
    received.version = match asked.version.as_deref() {
        None | Some("HTTP/1.1") => http::Version::HTTP_11,
        Some("HTTP/1.0") => http::Version::HTTP_10,
        Some("HTTP/2" | "HTTP/2.0") => http::Version::HTTP_2,
        Some("HTTP/3" | "HTTP/3.0") => http::Version::HTTP_3,
        Some(_) => return Err("version: expected HTTP/1.0, HTTP/1.1, HTTP/2 or HTTP/3".to_owned()),
    };
    for (name, value) in &asked.headers.0 {
        received.add(name, &value.0)?;
    }
    Ok(received)
}

fn peer(asked: &Asked, arguments: &Explain) -> Result<Option<Peer>, String> {
    let peer = match &asked.peer {
        None => arguments.peer(),
        Some(text) => Some(args::peer(text).map_err(|error| format!("peer: {error}"))?),
    };
    Ok(match asked.tls {
        None if arguments.tls => peer.map(|peer| peer.with_scheme(Scheme::Https)),
        None => peer,
        Some(true) => peer.map(|peer| peer.with_scheme(Scheme::Https)),
        Some(false) => peer.map(|peer| peer.with_scheme(Scheme::Http)),
    })
}
