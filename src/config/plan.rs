//! What a request needs of the settings.

use http::{
    HeaderName,
    header::{CONNECTION, FORWARDED, HOST},
};

use super::{
    TrustedProxies,
    names::{NameSet, ReadNames, same},
    settings::{PrefixRule, Reach, ScalarRule, Settings},
};
use crate::scheme::SchemeForm;

/// How the client is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientRule {
    /// In `X-Forwarded-For`.
    List(Reach),
    /// In `Forwarded`, which also names scheme and host.
    Forwarded(Reach),
    /// In a header with a single value.
    Single,
    /// In a header with a single value that always ends with a port.
    SingleWithPort,
}

/// A header that is believed, and which part of it.
#[derive(Clone, Debug)]
pub(crate) struct Trusted<R> {
    pub(crate) name: HeaderName,
    pub(crate) rule: R,
    /// Its place among the headers that are read.
    pub(crate) place: usize,
}

impl<R> Trusted<R> {
    pub(crate) fn name(&self) -> &HeaderName {
        &self.name
    }
}

/// The header in which an edge writes the client, if the list names an address of that edge.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) name: HeaderName,
    pub(crate) rule: ClientRule,
    pub(crate) networks: TrustedProxies,
}

/// Settings in the form that a request needs.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) client: Option<Trusted<ClientRule>>,
    pub(crate) proto: Option<Trusted<ScalarRule>>,
    pub(crate) host: Option<Trusted<ScalarRule>>,
    pub(crate) port: Option<Trusted<ScalarRule>>,
    pub(crate) prefix: Option<Trusted<PrefixRule>>,
    pub(crate) edge: Option<Edge>,
    /// Which elements of `Forwarded` name the scheme and the host, if these are not the client's element.
    pub(crate) proto_element: Option<usize>,
    pub(crate) host_element: Option<usize>,
    pub(crate) scheme_form: SchemeForm,
    /// The forwarding headers, known or configured in any way in. The guarded ones are among them.
    pub(crate) forwarding: NameSet,
    /// The headers that only a proxy may send, or that nobody may see, in any way in.
    pub(crate) guarded: Option<NameSet>,
    read: ReadNames,
    /// The headers that a proxy on the way must not drop.
    watched: Vec<HeaderName>,
    /// Bit *n* is set if the name of a watched header has *n* bytes, bit 63 if it has more.
    watched_lengths: u64,
}

/// `CloudFront-Viewer-Address` has IPv6 without brackets, followed by a port.
fn single(name: &HeaderName) -> ClientRule {
    if same(name.as_str(), "cloudfront-viewer-address") {
        ClientRule::SingleWithPort
    } else {
        ClientRule::Single
    }
}

impl Plan {
    /// The plan of one way in, among all of them.
    pub(super) fn new(settings: &Settings, ways: &[Settings]) -> Self {
        let names = &settings.names;
        let mut read = ReadNames::default();
        // `RequestLines` expects these two names at the places 0 and 1.
        read.add(&HOST);
        read.add(&CONNECTION);
        let list =
            trusted(&mut read, &names.r#for, settings.x_for.map(ClientRule::List)).or_else(|| {
                trusted(&mut read, &FORWARDED, settings.forwarded.map(ClientRule::Forwarded))
            });
        let edge = |name: &HeaderName| {
            let networks = settings.edge.clone()?;
            Some(Edge { name: name.clone(), rule: single(name), networks })
        };
        let edge = settings.client_ip.as_ref().and_then(edge);
        let client = list.or_else(|| {
            let name = settings.client_ip.as_ref()?;
            trusted(&mut read, name, Some(single(name)))
        });
        // With `forwarded`, the counts of `proto` and `host` select elements of `Forwarded`.
        let own = |rule| if settings.forwarded.is_some() { None } else { rule };
        let element = |rule| match (rule, &settings.forwarded) {
            (Some(ScalarRule::Count(count)), Some(_)) => Some(count),
            _ => None,
        };
        let guarded = || ways.iter().flat_map(Settings::guarded);
        let mut plan = Self {
            client,
            proto: trusted(&mut read, &names.proto, own(settings.x_proto)),
            host: trusted(&mut read, &names.host, own(settings.x_host)),
            port: trusted(&mut read, &names.port, settings.x_port),
            prefix: trusted(&mut read, &names.prefix, settings.x_prefix),
            proto_element: element(settings.x_proto),
            host_element: element(settings.x_host),
            scheme_form: SchemeForm::of(|switch| same(switch, names.proto.as_str())),
            forwarding: NameSet::known_and(
                ways.iter().flat_map(Settings::forwarding).chain(guarded()),
            ),
            guarded: guarded().next().is_some().then(|| NameSet::of(guarded())),
            watched: Vec::new(),
            watched_lengths: 0,
            edge,
            read,
        };
        let edge = plan.edge.iter().map(|edge| &edge.name);
        plan.watched =
            plan.trusted_names().chain(edge).chain(settings.guarded()).cloned().collect();
        let bits = |bits, name: &HeaderName| bits | length_bit(name.as_str().as_bytes());
        plan.watched_lengths = plan.watched.iter().fold(0, bits);
        plan
    }

    /// Whether a header is trusted to name the scheme.
    pub(crate) fn names_scheme(&self) -> bool {
        let client = self.client.as_ref().map(|client| client.rule);
        self.proto.is_some() || matches!(client, Some(ClientRule::Forwarded(_)))
    }

    /// The place of a header that is read: 0 for `Host`, 1 for `Connection`, then the trusted ones.
    #[inline]
    pub(crate) fn place(&self, name: &HeaderName) -> Option<usize> {
        self.read.place(name)
    }

    /// The place that a header may have among those that are read. Most headers have none, and that
    /// is cheap to tell.
    #[inline]
    pub(crate) fn candidate(&self, name: &HeaderName) -> Option<u8> {
        self.read.candidate(name)
    }

    /// The [place](Self::place) of a header, given its candidate.
    #[inline]
    pub(crate) fn place_from(&self, candidate: u8, name: &HeaderName) -> Option<usize> {
        self.read.place_from(candidate, name)
    }

    /// The header of this name, in any case, if a proxy on the way must not drop it.
    pub(crate) fn watched_name(&self, name: &[u8]) -> Option<&HeaderName> {
        if self.watched_lengths & length_bit(name) == 0 {
            return None;
        }
        self.watched.iter().find(|watched| name.eq_ignore_ascii_case(watched.as_str().as_bytes()))
    }

    /// The names of the trusted headers.
    pub(crate) fn trusted_names(&self) -> impl Iterator<Item = &HeaderName> {
        [
            self.client.as_ref().map(Trusted::name),
            self.proto.as_ref().map(Trusted::name),
            self.host.as_ref().map(Trusted::name),
            self.port.as_ref().map(Trusted::name),
            self.prefix.as_ref().map(Trusted::name),
        ]
        .into_iter()
        .flatten()
    }
}

fn length_bit(name: &[u8]) -> u64 {
    1 << name.len().min(63)
}

fn trusted<R>(read: &mut ReadNames, name: &HeaderName, rule: Option<R>) -> Option<Trusted<R>> {
    Some(Trusted { name: name.clone(), rule: rule?, place: read.add(name) })
}
