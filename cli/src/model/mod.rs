//! Honest proxies between a client and the application. Each writes what it saw, in its style, and
//! passes everything else through.
//!
//! 1. The edge sees the client, its scheme, and the host that it asked for. Each of the others sees
//!    the proxy before it, over plain HTTP unless told otherwise.
//! 2. A request passes every proxy, from the edge to the last one, which is the application's peer.
//! 3. If documents do not say what a proxy does, the model assumes what helps an attacker: no proxy refuses a
//!    request, and a header that no line writes passes.
//! 4. Tests compare it with `tests/captures/`: what real proxies made of some thousand requests.

mod describe;
mod gateways;
mod platforms;
mod proxies;
mod style;
mod write;

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use proxyfix::{Peer, Scheme};

pub(crate) use self::{
    describe::{Assumed, assumed},
    style::{Link, What, all, link},
};
use self::{style::Connection, style::Does};
use crate::settings::SECRET;

/// What a client sends.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

/// Who sends the request, and with which scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) ip: IpAddr,
    pub(crate) scheme: Scheme,
}

/// The proxies, the edge first.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) links: Vec<Link>,
    /// The address that each connects from.
    pub(crate) addresses: Vec<Peer>,
    /// The address that some proxies write as their own, beside the client's.
    pub(crate) own: IpAddr,
    /// The scheme between the proxies.
    pub(crate) between: Scheme,
    /// Headers that the edge sets on every request, in addition to what its style says.
    pub(crate) sets: Vec<(HeaderName, What)>,
    /// The header in which the edge sends the secret, instead of what came in.
    pub(crate) secret: Option<HeaderName>,
}

/// What one proxy sees of a request.
#[derive(Clone, Debug)]
struct Seen {
    from: Peer,
    scheme: Scheme,
    /// As written in the target or in `Host`; empty if there is none.
    host: Vec<u8>,
    own: IpAddr,
}

impl Chain {
    /// Whether the edge strips a prefix and writes it into a header.
    pub(crate) fn strips(&self) -> bool {
        let told = self.links.first().is_some_and(|edge| match edge.does(0) {
            Does::Writes(writes) => {
                writes.iter().any(|write| matches!(write.what, What::Prefix(_)))
            }
            Does::Library(..) => false,
        });
        told || self.sets.iter().any(|(_, what)| matches!(what, What::Prefix(_)))
    }

    /// The request as it arrives at the application.
    pub(crate) fn pass(&self, sent: &Sent, client: Client) -> Request<()> {
        self.pass_from(0, sent, Peer::from(client.ip), client.scheme)
    }

    /// The same for a request from `from` that enters at this proxy, or, after the last one, at the
    /// application itself.
    pub(crate) fn pass_from(
        &self,
        first: usize,
        sent: &Sent,
        mut from: Peer,
        came_by: Scheme,
    ) -> Request<()> {
        let mut headers = sent.headers.clone();
        for (place, link) in self.links.iter().enumerate().skip(first) {
            let scheme = if place == first { came_by } else { self.between };
            let host = match (sent.uri.authority(), headers.get(header::HOST)) {
                (Some(authority), _) => authority.as_str().as_bytes().to_vec(),
                (None, Some(host)) => host.as_bytes().to_vec(),
                (None, None) => Vec::new(),
            };
            let seen = Seen { from, scheme, host, own: self.own };
            forward(&mut headers, link, place, &seen);
            if place == 0 {
                write::more(&mut headers, &self.sets, &seen);
                if let Some(name) = &self.secret {
                    headers.insert(name, HeaderValue::from_static(SECRET));
                }
            }
            from = self.addresses[place];
        }
        let mut request = Request::new(());
        *request.uri_mut() = sent.uri.clone();
        *request.headers_mut() = headers;
        request.extensions_mut().insert(from);
        request
    }
}

/// What one proxy makes of a request.
fn forward(headers: &mut HeaderMap, link: &Link, place: usize, seen: &Seen) {
    let came = headers.clone();
    let obeys = link.style.connection == Connection::Obeyed;
    let does = link.does(place);
    if let Does::Writes(writes) = does {
        write::early(headers, writes, seen, &came);
    }
    if obeys {
        for name in nominated(&came) {
            headers.remove(name);
        }
    }
    match does {
        Does::Writes(writes) => write::late(headers, writes, seen, &came),
        Does::Library(family, mode) => write::library(headers, family, mode, seen),
    }
    if link.style.connection != Connection::Relayed {
        headers.remove(header::CONNECTION);
    }
}

/// The headers that `Connection` names, except `Host`, because a proxy always writes one.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(header::CONNECTION).iter();
    let options = lines.flat_map(|line| line.as_bytes().split(|&b| b == b','));
    let names = options.filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok());
    names.filter(|name| name != header::HOST).collect()
}

#[cfg(test)]
mod tests;
