//! What the settings come to at a request.

use http::{
    HeaderName,
    header::{CONNECTION, FORWARDED, HOST},
};

use super::{
    names::{NameSet, ReadNames, same},
    settings::{PrefixRule, Reach, ScalarRule, Settings},
};
use crate::scheme::SchemeForm;

/// How the client is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientRule {
    /// In `X-Forwarded-For`.
    List(Reach),
    /// In `Forwarded`, which names scheme and host too.
    Forwarded(Reach),
    /// In a header with a single value.
    Single,
    /// In one whose value ends with a port, always.
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

/// Settings in the form in which a request asks for them.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) client: Option<Trusted<ClientRule>>,
    pub(crate) proto: Option<Trusted<ScalarRule>>,
    pub(crate) host: Option<Trusted<ScalarRule>>,
    pub(crate) port: Option<Trusted<ScalarRule>>,
    pub(crate) prefix: Option<Trusted<PrefixRule>>,
    pub(crate) scheme_form: SchemeForm,
    /// The forwarding headers: known, configured or trusted.
    pub(crate) forwarding: NameSet,
    read: ReadNames,
    /// Bit *n* is set where a trusted header's name has *n* bytes, bit 63 where it has more.
    trusted_lengths: u64,
}

/// `CloudFront-Viewer-Address` has IPv6 without brackets, and then a port.
fn single(name: &HeaderName) -> ClientRule {
    if same(name.as_str(), "cloudfront-viewer-address") {
        ClientRule::SingleWithPort
    } else {
        ClientRule::Single
    }
}

impl Plan {
    pub(super) fn new(settings: &Settings) -> Self {
        let names = &settings.names;
        let mut read = ReadNames::default();
        // In these places `RequestLines` looks for them.
        read.add(&HOST);
        read.add(&CONNECTION);
        let client = trusted(&mut read, &names.r#for, settings.x_for.map(ClientRule::List))
            .or_else(|| {
                trusted(&mut read, &FORWARDED, settings.forwarded.map(ClientRule::Forwarded))
            })
            .or_else(|| {
                let name = settings.client_ip.as_ref()?;
                trusted(&mut read, name, Some(single(name)))
            });
        let is_switch = ["x-forwarded-ssl", "front-end-https"]
            .iter()
            .any(|switch| same(switch, names.proto.as_str()));
        let mut plan = Self {
            client,
            proto: trusted(&mut read, &names.proto, settings.x_proto),
            host: trusted(&mut read, &names.host, settings.x_host),
            port: trusted(&mut read, &names.port, settings.x_port),
            prefix: trusted(&mut read, &names.prefix, settings.x_prefix),
            scheme_form: if is_switch { SchemeForm::Switch } else { SchemeForm::Name },
            forwarding: NameSet::known_and(
                names.all().into_iter().chain(&settings.client_ip).chain(&settings.strip_also),
            ),
            read,
            trusted_lengths: 0,
        };
        plan.trusted_lengths =
            plan.trusted_names().fold(0, |bits, name| bits | length_bit(name.as_str().as_bytes()));
        plan
    }

    /// The place of a header that is read: 0 for `Host`, 1 for `Connection`, then those trusted.
    #[inline]
    pub(crate) fn place(&self, name: &HeaderName) -> Option<usize> {
        self.read.place(name)
    }

    /// The place where a header may be, or may not, among those that are read: most have none, which
    /// is cheap to tell.
    #[inline]
    pub(crate) fn candidate(&self, name: &HeaderName) -> Option<u8> {
        self.read.candidate(name)
    }

    /// The [place](Self::place) of a header, of which this is the candidate.
    #[inline]
    pub(crate) fn place_from(&self, candidate: u8, name: &HeaderName) -> Option<usize> {
        self.read.place_from(candidate, name)
    }

    /// The trusted header that is named, in any case.
    pub(crate) fn trusted_name(&self, name: &[u8]) -> Option<&HeaderName> {
        if self.trusted_lengths & length_bit(name) == 0 {
            return None;
        }
        self.trusted_names().find(|trusted| name.eq_ignore_ascii_case(trusted.as_str().as_bytes()))
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
