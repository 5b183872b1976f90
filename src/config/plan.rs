//! What the settings come to at a request.

use http::HeaderName;

use super::{
    names::{NameSet, same},
    settings::Settings,
};
use crate::scheme::SchemeForm;

/// How the client is found in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Count(usize),
    Walk,
}

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

/// Which element of a list holds a scheme, host, port or prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScalarRule {
    Count(usize),
    Aligned,
}

/// Which elements hold the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrefixRule {
    One(ScalarRule),
    /// That many, outermost first.
    Joined(usize),
}

/// A header that is believed, and which part of it.
#[derive(Clone, Debug)]
pub(crate) struct Trusted<R> {
    pub(crate) name: HeaderName,
    pub(crate) rule: R,
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
        fn trusted<R: Copy>(name: &HeaderName, rule: Option<R>) -> Option<Trusted<R>> {
            rule.map(|rule| Trusted { name: name.clone(), rule })
        }
        let names = &settings.names;
        let client = trusted(&names.r#for, settings.x_for.map(ClientRule::List))
            .or_else(|| {
                trusted(&http::header::FORWARDED, settings.forwarded.map(ClientRule::Forwarded))
            })
            .or_else(|| {
                settings.client_ip.as_ref().and_then(|name| trusted(name, Some(single(name))))
            });
        let is_switch = ["x-forwarded-ssl", "front-end-https"]
            .iter()
            .any(|switch| same(switch, names.proto.as_str()));
        Self {
            client,
            proto: trusted(&names.proto, settings.x_proto),
            host: trusted(&names.host, settings.x_host),
            port: trusted(&names.port, settings.x_port),
            prefix: trusted(&names.prefix, settings.x_prefix),
            scheme_form: if is_switch { SchemeForm::Switch } else { SchemeForm::Name },
            forwarding: NameSet::known_and(
                names.all().into_iter().chain(&settings.client_ip).chain(&settings.strip_also),
            ),
        }
    }

    /// The names of the trusted headers.
    pub(crate) fn trusted_names(&self) -> impl Iterator<Item = &HeaderName> {
        fn name<R>(trusted: Option<&Trusted<R>>) -> Option<&HeaderName> {
            trusted.map(|trusted| &trusted.name)
        }
        [
            name(self.client.as_ref()),
            name(self.proto.as_ref()),
            name(self.host.as_ref()),
            name(self.port.as_ref()),
            name(self.prefix.as_ref()),
        ]
        .into_iter()
        .flatten()
    }
}
