//! What lets the prober through a login is nobody else's business: it is in no recording and no report.
//!
//! 1. The values of a line that the user added are dots, whatever its name is, unless it is a forwarding header: that is
//!    no secret, and the report is about it.
//! 2. A proxy may copy such a value, or a part of it, into another header. Parts of at least [`LONG`] bytes are dots
//!    everywhere; shorter ones occur by chance.
//! 3. A redirect may repeat the path, with the token in it.

use super::{Settings, answer::Back};
use crate::{arrived::Octets, record::Outcome};

/// The shortest part that is looked for everywhere.
const LONG: usize = 8;

/// Hides everything that is secret.
pub(super) fn hide(back: &mut Back, settings: &Settings) {
    let lines = settings.headers.iter().filter(|line| {
        !http::HeaderName::try_from(&line.name)
            .is_ok_and(|name| proxyfix::is_forwarding_header(&name))
    });
    let mut secrets = vec![settings.token.as_str().to_owned()];
    for line in lines.clone() {
        let value = String::from_utf8_lossy(line.value.as_bytes()).into_owned();
        let parts = value.split([' ', ';', '=', ',', ':']).map(|part| part.trim_matches('"'));
        secrets.extend(parts.map(str::to_owned));
        secrets.push(value);
    }
    // The host of the URL is in every request.
    let is_known = |text: &String| settings.urls.iter().any(|url| url.host.contains(text.as_str()));
    secrets.retain(|text| text.len() >= LONG && !is_known(text));
    let text = |text: &mut String| {
        let mut octets = Octets::from(text.as_str());
        for secret in &secrets {
            octets.hide(secret);
        }
        *text = String::from_utf8_lossy(octets.as_bytes()).into_owned();
    };
    match &mut back.outcome {
        Outcome::Arrived(arrived) => {
            for line in lines {
                arrived.hide_header(&line.name);
            }
            for secret in &secrets {
                arrived.hide(secret);
            }
        }
        Outcome::Refused { location: Some(location), .. } => text(location),
        _ => {}
    }
    back.servers.iter_mut().for_each(text);
}
