//! What a style writes, in words: the lines that the model assumes of a proxy.

use proxyfix::{Family, WriteMode};
use serde::Serialize;

use super::style::{Connection, Does, How, Link, What, Write};

/// A header, and what a proxy does with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Assumed {
    pub(crate) header: &'static str,
    pub(crate) does: String,
}

/// What is assumed of a proxy in this position; 0 is the edge.
pub(crate) fn assumed(link: &Link, place: usize) -> Vec<Assumed> {
    let mut assumed = match link.does(place) {
        Does::Writes(writes) => writes.iter().map(Assumed::from).collect(),
        Does::Library(family, mode) => library(family, mode),
    };
    let connection = match link.style.connection {
        Connection::Dropped => "removed",
        Connection::Relayed => "passed on",
        Connection::Obeyed => "obeyed: the headers that it names are dropped",
    };
    assumed.push(Assumed { header: "connection", does: connection.to_owned() });
    assumed
}

impl From<&Write> for Assumed {
    fn from(write: &Write) -> Self {
        let value = value(write.what);
        let does = match write.how {
            How::Join(_) => format!("{value}, appended"),
            How::NewLine => format!("{value}, appended in a line of its own"),
            How::LastLine => format!("{value}, appended to the last line"),
            How::Set => format!("{value}, instead of what came in"),
            How::SetEarly => {
                format!("{value}, instead of what came in; dropped if Connection names the header")
            }
            How::Restore => "passed on, also if Connection names it".to_owned(),
            How::IfAbsent => format!("{value}, if the header did not come in"),
            How::Remove => "removed".to_owned(),
        };
        Self { header: write.header, does }
    }
}

/// What the value is.
fn value(what: What) -> String {
    let text = match what {
        What::Address => "the address that connects to it",
        What::AddressPort | What::BareAddressPort => {
            "the address that connects to it, with its port"
        }
        What::AddressAndOwn => "the address that connects to it and an address of its own",
        What::LastFor => "the last element of x-forwarded-for",
        What::Scheme => "the scheme",
        What::Switch => "the scheme, as on or off",
        What::Prefix(prefix) => prefix,
        What::User => "what it knows of the user",
        What::Host => "the host",
        What::HostIfAny => "the host, if the request has one",
        What::Port => "the port",
        What::Element => "for= with the address that connects to it, and proto= with the scheme",
        What::BareElement => {
            "by= with an address of its own, for= with each address of x-forwarded-for, for= with the \
             address that connects to it (IPv6 without quotes and brackets), host= with the host, and proto= with the scheme"
        }
        What::Copy(header) => return format!("what came in {header}"),
    };
    text.to_owned()
}

/// What `proxyfix::write` does.
fn library(family: Family, mode: WriteMode) -> Vec<Assumed> {
    let how = match mode {
        WriteMode::Append => ", appended",
        WriteMode::Replace => ", instead of what came in",
        _ => ", if the header did not come in",
    };
    let values: &[_] = match family {
        Family::Forwarded => &[(
            "forwarded",
            "for= with the address that connects to it, and proto= and host= with scheme and host",
        )],
        _ => &[
            ("x-forwarded-for", "the address that connects to it"),
            ("x-forwarded-proto", "the scheme"),
            ("x-forwarded-host", "the host"),
            ("x-forwarded-port", "the port"),
        ],
    };
    let assumed =
        |&(header, value): &(&'static str, &str)| Assumed { header, does: format!("{value}{how}") };
    values.iter().map(assumed).collect()
}
