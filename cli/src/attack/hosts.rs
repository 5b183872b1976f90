//! The host that clients ask for: one that `hosts=` allows.

use proxyfix::Scheme;

use crate::settings::{Settings, host_name, host_port};

/// The host that honest clients ask for with this scheme, with its port if that is not the default; `None`
/// if no host is allowed.
pub(super) fn asked(settings: &Settings, scheme: Scheme) -> Option<String> {
    if settings.get("hosts").is_none() {
        return Some("app.example".to_owned());
    }
    let default = |scheme: Scheme| scheme.default_port().to_string();
    let other = if scheme == Scheme::Http { Scheme::Https } else { Scheme::Http };
    let is_usual =
        |entry: &&str| host_port(entry).is_none_or(|port| port == "*" || port == default(scheme));
    let usual = settings.list("hosts").find(is_usual).map(name);
    usual.or_else(|| {
        // A port that is the default of neither scheme may serve either.
        let ports = settings.list("hosts").filter_map(|entry| Some((entry, host_port(entry)?)));
        let mut unusual = ports.filter(|(_, port)| *port != default(other));
        unusual.next().map(|(entry, port)| format!("{}:{port}", name(entry)))
    })
}

/// The same, or otherwise a host that is allowed with the other scheme.
pub(super) fn asked_anyhow(settings: &Settings, scheme: Scheme) -> String {
    let first = || settings.list("hosts").next().map_or_else(String::new, name);
    asked(settings, scheme).unwrap_or_else(first)
}

/// The name of an entry, or one under it.
fn name(entry: &str) -> String {
    let name = host_name(entry);
    name.strip_prefix("*.").map_or_else(|| name.to_owned(), |under| format!("app.{under}"))
}
