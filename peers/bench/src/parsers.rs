//! Peers that only parse. Their caller joins the field lines and takes the element that counts.

use std::{borrow::Cow, net::IpAddr};

use forwarded_header_value::ForwardedHeaderValue;
use http::{HeaderMap, HeaderValue};
use proxyfix_benches::{Answer, Gives, Subject, Visitor, Workload};
use rfc7239::{Forwarded, RfcError};

use crate::{reads_forwarded, walkers::client};

pub fn visit(visitor: &mut impl Visitor) {
    visitor.visit::<Rightmost>();
    visitor.visit::<Whole>();
    visitor.visit::<HeaderValues>();
}

/// The lines of a header, joined if there are several.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, str>> {
    let mut lines = headers.get_all(name).iter().map(HeaderValue::to_str);
    let first = lines.next()?.ok()?;
    match lines.next() {
        None => Some(Cow::Borrowed(first)),
        Some(second) => {
            let lines = [Ok(first), second].into_iter().chain(lines);
            Some(Cow::Owned(lines.collect::<Result<Vec<_>, _>>().ok()?.join(", ")))
        }
    }
}

/// How `rfc7239` reads an element.
fn address(element: Option<Result<Forwarded<'_>, RfcError>>) -> Answer {
    let parsed = element.and_then(Result::ok);
    let host = parsed.as_ref().and_then(|element| element.host).map(str::to_owned);
    let scheme = parsed.as_ref().and_then(|element| element.protocol).map(str::to_owned);
    let ip = parsed.and_then(|element| element.forwarded_for?.ip().copied());
    Answer { scheme, host, ..client(ip) }
}

struct Rightmost;

impl Subject for Rightmost {
    const NAME: &'static str = "rfc7239 0.1.3, next_back";
    const GIVES: Gives = Gives::All;
    type State = HeaderMap;
    type Input = ();
    type Output<'a> = Option<Result<Forwarded<'a>, RfcError>>;

    fn state(workload: &Workload) -> Option<Self::State> {
        reads_forwarded(workload).then(|| workload.headers())
    }

    fn input(_: &Self::State) -> Self::Input {}

    fn run<'a>(headers: &'a Self::State, (): &'a mut ()) -> Self::Output<'a> {
        // Every workload with `Forwarded` has one line.
        rfc7239::parse(headers.get("forwarded")?.to_str().ok()?).next_back()
    }

    fn answer(said: Self::Output<'_>) -> Answer {
        address(said)
    }
}

struct Whole;

impl Subject for Whole {
    const NAME: &'static str = "rfc7239 0.1.3, whole";
    const GIVES: Gives = Gives::All;
    type State = (usize, HeaderMap);
    type Input = ();
    type Output<'a> = Option<Result<Forwarded<'a>, RfcError>>;

    fn state(workload: &Workload) -> Option<Self::State> {
        Some((workload.count()?, Rightmost::state(workload)?))
    }

    fn input(_: &Self::State) -> Self::Input {}

    fn run<'a>((count, headers): &'a Self::State, (): &'a mut ()) -> Self::Output<'a> {
        let text = headers.get("forwarded")?.to_str().ok()?;
        let mut elements: Vec<_> = rfc7239::parse(text).collect();
        let at = elements.len().checked_sub(*count)?;
        Some(elements.swap_remove(at))
    }

    fn answer(said: Self::Output<'_>) -> Answer {
        address(said)
    }
}

struct HeaderValues;

impl Subject for HeaderValues {
    const NAME: &'static str = "forwarded-header-value 0.1.1";
    const GIVES: Gives = Gives::Client;
    type State = (bool, usize, HeaderMap);
    type Input = ();
    type Output<'a> = Option<IpAddr>;

    fn state(workload: &Workload) -> Option<Self::State> {
        Some((reads_forwarded(workload), workload.count()?, workload.headers()))
    }

    fn input(_: &Self::State) -> Self::Input {}

    fn run<'a>((forwarded, count, headers): &'a Self::State, (): &'a mut ()) -> Self::Output<'a> {
        let value = if *forwarded {
            ForwardedHeaderValue::from_forwarded(&text(headers, "forwarded")?).ok()?
        } else {
            ForwardedHeaderValue::from_x_forwarded_for(&text(headers, "x-forwarded-for")?).ok()?
        };
        let at = value.len().checked_sub(*count)?;
        value.iter().nth(at)?.forwarded_for_ip()
    }

    fn answer(said: Self::Output<'_>) -> Answer {
        client(said)
    }
}
