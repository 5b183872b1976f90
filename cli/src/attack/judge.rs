//! Whether a spoofing request gets another answer than an honest one.
//!
//! 1. The honest request comes first: what is believed of it must be right. If it is not, a count does not
//!    fit the chain, or a proxy in it does not write what is trusted.
//! 2. Each attack is compared with the honest request of the same client. *Same*: the answers are equal.
//!    *Rejected*: the attack is rejected. *Lost*: the client is unknown, or a value is our own. *Leaks*: a
//!    header that the client wrote reaches the application. *Believed*: another client, scheme, host, port
//!    or prefix; also the proxy's own address as the client, and our own `https` instead of `http`.
//! 3. *Believed* and *leaks* are holes. *Lost* is not a hole, but `missing=reject` and
//!    `all-trusted=reject` reject such requests.
//! 4. If an attack asks for another host, the client may choose that host, and hosts are not compared.

use std::cmp::Ordering;

use http::{HeaderName, HeaderValue, Request, header};
use proxyfix::{Config, Error, Resolved, Source, fix_request};
use serde::Serialize;

use super::requests::Attack;
use crate::{
    escape,
    model::{Chain, Client, Sent},
};

/// The result of an attack, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Same,
    Rejected,
    Lost,
    Leaks,
    Believed,
}

impl Verdict {
    /// Whether something got through.
    pub(crate) fn is_hole(self) -> bool {
        self >= Self::Leaks
    }
}

/// What the application gets of a request.
pub(super) struct Got {
    outcome: Result<Request<()>, Error>,
}

/// One field of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) field: &'static str,
    pub(super) text: String,
    pub(super) own: bool,
}

impl Got {
    /// Sends a request through the chain to the application.
    pub(super) fn new(chain: &Chain, config: &Config, sent: &Sent, client: Client) -> Self {
        Self::of(chain.pass(sent, client), config)
    }

    /// What the application gets of a request as it arrives there.
    pub(super) fn of(mut request: Request<()>, config: &Config) -> Self {
        let outcome = fix_request(&mut request, config).map(|()| request);
        Self { outcome }
    }

    pub(super) fn error(&self) -> Option<&Error> {
        self.outcome.as_ref().err()
    }

    pub(super) fn resolved(&self) -> Option<&Resolved> {
        self.outcome.as_ref().ok()?.extensions().get()
    }

    /// What is believed, in the order of the fields.
    pub(super) fn values(&self) -> Vec<Value> {
        let Some(resolved) = self.resolved() else { return Vec::new() };
        let sources = resolved.source();
        let host = resolved.host().unwrap_or("none").to_owned();
        let prefix = if resolved.prefix().is_empty() { "none" } else { resolved.prefix() };
        let value = |field, text, source| Value { field, text, own: source == Source::Own };
        vec![
            value("client", resolved.client().to_string(), sources.client()),
            value("scheme", resolved.scheme().to_string(), sources.scheme()),
            value("host", host, sources.host()),
            value("port", resolved.port().to_string(), sources.port()),
            value("prefix", prefix.to_owned(), sources.prefix()),
        ]
    }
}

/// Compares an attack with the honest request. `before` has the values that were believed of the latter, or
/// the right ones if it was rejected. The text describes the difference.
pub(super) fn judge(
    attack: &Attack,
    honest: &Got,
    before: &[Value],
    attacked: &Got,
) -> (Verdict, String) {
    if let Some(error) = attacked.error() {
        return (Verdict::Rejected, error.to_string());
    }
    let mut worst = (Verdict::Same, String::new());
    for (value, was) in attacked.values().iter().zip(before) {
        let its_choice = attack.other_host && matches!(value.field, "host" | "port");
        if its_choice || was.text == value.text {
            continue;
        }
        let verdict = changed(value, &was.text);
        let detail = format!("{} {} instead of {}", value.field, value.text, was.text);
        match verdict.cmp(&worst.0) {
            Ordering::Greater => worst = (verdict, detail),
            Ordering::Equal => worst.1 = format!("{}, {detail}", worst.1),
            Ordering::Less => {}
        }
    }
    match leak(attack, honest, attacked) {
        Some(leak) if worst.0 < Verdict::Leaks => (Verdict::Leaks, leak),
        _ => worst,
    }
}

/// The verdict on a value that differs from the honest one. A value of our own is *lost*, except if it gives
/// the client more than it has: the proxy's address, or TLS.
fn changed(value: &Value, was: &str) -> Verdict {
    let lost = match value.field {
        "client" => value.text == "unknown",
        "scheme" => value.text != "https" || was != "http",
        _ => true,
    };
    if value.own && lost { Verdict::Lost } else { Verdict::Believed }
}

/// A client's header that reaches the application, or a target with another scheme or host than those
/// believed.
fn leak(attack: &Attack, honest: &Got, attacked: &Got) -> Option<String> {
    let (resolved, request) = (attacked.resolved()?, attacked.outcome.as_ref().ok()?);
    let uri = request.uri();
    let scheme = uri.scheme_str().is_some_and(|scheme| scheme != resolved.scheme().as_str());
    if scheme || uri.authority().is_some_and(|authority| Some(authority) != resolved.authority()) {
        let uri = escape::shortened(uri.to_string().as_bytes(), 60);
        return Some(format!("the target reaches the application as {uri}"));
    }
    let same = |name: &HeaderName, value: &HeaderValue| {
        let before = honest.outcome.as_ref().ok().map(Request::headers);
        before.is_some_and(|headers| headers.get_all(name).iter().any(|line| line == value))
    };
    let written = |name: &HeaderName, value: &HeaderValue| {
        let mut sent = attack.sent.headers.get_all(name).iter().filter(|sent| !sent.is_empty());
        sent.any(|sent| value.as_bytes().windows(sent.len()).any(|part| part == sent.as_bytes()))
    };
    let own = [header::CONNECTION, header::HOST];
    let mut lines = request.headers().iter().filter(|(name, _)| !own.contains(name));
    let (name, value) = lines.find(|(name, value)| written(name, value) && !same(name, value))?;
    let value = escape::shortened(value.as_bytes(), 60);
    Some(format!("{name}: {value} reaches the application"))
}

#[cfg(test)]
mod tests {
    use super::{Value, Verdict, changed};

    #[test]
    fn own_values_are_lost_unless_they_give_more() {
        for (field, text, own, was, verdict) in [
            ("client", "unknown", true, "203.0.113.9", Verdict::Lost),
            ("client", "10.0.0.1", true, "203.0.113.9", Verdict::Believed),
            ("client", "198.51.100.7", false, "203.0.113.9", Verdict::Believed),
            ("scheme", "http", true, "https", Verdict::Lost),
            ("scheme", "https", true, "http", Verdict::Believed),
            ("scheme", "http", false, "https", Verdict::Believed),
            ("host", "none", true, "app.example", Verdict::Lost),
            ("port", "80", true, "443", Verdict::Lost),
            ("prefix", "none", true, "/app", Verdict::Lost),
            ("prefix", "/evil", false, "none", Verdict::Believed),
        ] {
            let value = Value { field, text: text.to_owned(), own };
            assert_eq!(changed(&value, was), verdict, "{field} {text}");
        }
    }
}
