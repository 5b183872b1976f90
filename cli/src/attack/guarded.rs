//! Attacks on headers that only a proxy may send: secrets, and those of `proxy-only=`.

use super::requests::{Attack, Target, aliases, line};
use crate::settings::SECRET;

/// The name that a client claims.
const FORGED: &str = "mallory";

impl Target<'_> {
    /// Lies in the headers of `proxy-only=`.
    pub(super) fn of_proxies(&self) -> Vec<Attack> {
        let mut attacks = Vec::new();
        for name in self.settings.names("proxy-only") {
            let name = name.as_str();
            let shown = |what: &str| format!("{name}: {what}");
            let one = line(name, FORGED);
            attacks.extend(self.attack(&shown("one value"), std::slice::from_ref(&one)));
            attacks.extend(self.attack(&shown("two lines"), &[one.clone(), one]));
            attacks.extend(self.attack(&shown("an empty line"), &[line(name, "")]));
            for alias in aliases(name) {
                attacks
                    .extend(self.attack(&shown(&format!("as {alias}")), &[line(&alias, FORGED)]));
            }
            let connection = line("connection", name);
            attacks.extend(self.attack(&format!("connection names {name}"), &[connection]));
        }
        attacks
    }

    /// Wrong values in the header of the secret, together with lies in all trusted headers.
    pub(super) fn of_secret(&self) -> Vec<Attack> {
        let Some(name) = self.settings.get("secret-header") else { return Vec::new() };
        let everything = self.everything(&self.settings.trusted());
        let mut attacks = Vec::new();
        let mut add = |what: &str, lines: &[(&str, &str)]| {
            let lines: Vec<_> = lines.iter().map(|(name, value)| line(name, value)).collect();
            attacks.extend(
                self.attack(&format!("{name}: {what}"), &[&everything[..], &lines].concat()),
            );
        };
        let longer = format!("{SECRET}x");
        add("a wrong one", &[(name, "wrong")]);
        add("an empty one", &[(name, "")]);
        add("its beginning", &[(name, &SECRET[..SECRET.len() - 1])]);
        add("more than it", &[(name, &longer)]);
        add("two lines", &[(name, SECRET), (name, "wrong")]);
        add("the same twice", &[(name, SECRET), (name, SECRET)]);
        add("a list", &[(name, &format!("{SECRET}, {SECRET}"))]);
        for alias in aliases(name) {
            add(&format!("as {alias}"), &[(&alias, SECRET)]);
        }
        add("named in connection", &[("connection", name)]);
        attacks
    }
}
