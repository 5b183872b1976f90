//! [`Credentials`]: who may use the proxy (RFC 9110 §11.7, RFC 7617).
//!
//! 1. `Basic` alone. Without credentials, with wrong ones, or with what cannot be read, the answer is 407.
//! 2. A user has a name: visible text in UTF-8. The password may be empty.
//! 3. Passwords are compared in constant time, and against all users of the list, so that time tells nothing.
//! 4. `Proxy-Authorization` ends here (`common/hop_by_hop.rs`). The application is told the name alone.
//! 5. A realm is a quoted text. Names and passwords are in UTF-8, and clients are told so.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header::PROXY_AUTHORIZATION};
use ring::digest::{SHA256, digest};

use crate::common::error::ConfigError;

type Check = dyn Fn(&str, &str) -> bool + Send + Sync;

/// Who may use the proxy, and what the client is asked.
///
/// ```
/// use proxyfix_gateway::Credentials;
///
/// let team = Credentials::users("the archive", [("ada", "correct horse"), ("bob", "battery")])?;
/// // Any name, as the prefix of `UserResolver`.
/// let anybody = Credentials::any_user("Please enter prefix path")?;
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Credentials {
    challenge: HeaderValue,
    check: Arc<Check>,
}

impl Credentials {
    /// These users and passwords.
    ///
    /// # Errors
    /// [`ConfigError::InvalidRealm`] for a realm with a control character; [`ConfigError::InvalidUser`] for a name that no
    /// client can send: `""`, `ada:admin`, or one with a control character.
    pub fn users<I, U, P>(realm: &str, users: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item = (U, P)>,
        U: AsRef<str>,
        P: AsRef<str>,
    {
        let mut list: Vec<[u8; 32]> = Vec::new();
        for (user, password) in users {
            let (user, password) = (user.as_ref(), password.as_ref());
            let is_text = !user.chars().chain(password.chars()).any(char::is_control);
            if user.is_empty() || user.contains(':') || !is_text {
                return Err(ConfigError::InvalidUser { number: list.len().saturating_add(1) });
            }
            list.push(fingerprint(user, password));
        }
        Self::checked(realm, move |user, password| is_one_of(&list, user, password))
    }

    /// Any user with any password. This asks for a name, and protects nothing.
    ///
    /// # Errors
    /// [`ConfigError::InvalidRealm`] for a realm with a control character.
    pub fn any_user(realm: &str) -> Result<Self, ConfigError> {
        Self::checked(realm, |_, _| true)
    }

    /// Those that a function admits. It is called with the name and the password, and should compare in constant time.
    ///
    /// # Errors
    /// [`ConfigError::InvalidRealm`] for a realm with a control character.
    pub fn checked<F>(realm: &str, check: F) -> Result<Self, ConfigError>
    where
        F: Fn(&str, &str) -> bool + Send + Sync + 'static,
    {
        let invalid = |reason| ConfigError::InvalidRealm { realm: realm.to_owned(), reason };
        if realm.chars().any(char::is_control) {
            return Err(invalid("has a control character"));
        }
        let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("Basic realm=\"{quoted}\", charset=\"UTF-8\"");
        let challenge = HeaderValue::from_bytes(text.as_bytes())
            .map_err(|_| invalid("is no value of a header"))?;
        Ok(Self { challenge, check: Arc::new(check) })
    }

    /// The value of `Proxy-Authenticate`.
    pub(super) fn challenge(&self) -> HeaderValue {
        self.challenge.clone()
    }

    /// The user of a request, if it may use the proxy.
    pub(super) fn user(&self, headers: &HeaderMap) -> Option<Arc<str>> {
        let (user, password) = read(headers)?;
        (self.check)(&user, &password).then(|| user.into())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?})", self.challenge)
    }
}

/// Rule 3. The name may have no colon, so the two are one text.
fn fingerprint(user: &str, password: &str) -> [u8; 32] {
    let digest = digest(&SHA256, format!("{user}:{password}").as_bytes());
    digest.as_ref().try_into().unwrap_or_default()
}

fn is_one_of(list: &[[u8; 32]], user: &str, password: &str) -> bool {
    let sent = fingerprint(user, password);
    let mut is_found = false;
    for known in list {
        let differs = known.iter().zip(sent).fold(0, |all, (known, sent)| all | known ^ sent);
        is_found |= std::hint::black_box(differs) == 0;
    }
    is_found
}

/// Rules 1 and 2.
fn read(headers: &HeaderMap) -> Option<(String, String)> {
    let mut lines = headers.get_all(PROXY_AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(token.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    let is_text = !user.is_empty() && !text.chars().any(char::is_control);
    is_text.then(|| (user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use http::{HeaderMap, HeaderValue};

    use super::Credentials;

    fn user(credentials: &Credentials, lines: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("proxy-authorization", HeaderValue::from_bytes(line).expect("a value"));
        }
        credentials.user(&headers).map(|user| user.to_string())
    }

    #[test]
    fn who_is_admitted() {
        let list = [("ada", "a:b"), ("bob", ""), ("\u{e9}va", "\u{fc}")];
        let credentials = Credentials::users("x", list).expect("valid");
        let basic = |text: &[u8]| format!("Basic {}", STANDARD.encode(text)).into_bytes();
        for text in ["ada:a:b", "bob:", "\u{e9}va:\u{fc}"] {
            let name = text.split(':').next().map(str::to_owned);
            assert_eq!(user(&credentials, &[&basic(text.as_bytes())]), name, "{text}");
        }
        let lower = [b"bAsIc  ".as_slice(), STANDARD.encode("ada:a:b").as_bytes()].concat();
        assert_eq!(user(&credentials, &[&lower]).as_deref(), Some("ada"));
        for line in [
            &b"Bearer abc"[..],
            b"Basic !!!",
            b"Basic",
            b"",
            &basic(b"ada"),
            &basic(b"ada:b"),
            &basic(b":"),
            &basic(b":a:b"),
            &basic(b"ada:a:b\n"),
            &basic(b"\xe9va:\xfc"),
            &basic(b"ADA:a:b"),
        ] {
            assert_eq!(user(&credentials, &[line]), None, "{line:?}");
        }
        assert_eq!(user(&credentials, &[]), None);
        let twice = basic(b"bob:");
        assert_eq!(user(&credentials, &[&twice, &twice]), None);
        let anybody = Credentials::any_user("x").expect("valid");
        assert_eq!(
            user(&anybody, &[&basic(b"other-prefix:ignore")]).as_deref(),
            Some("other-prefix")
        );
        assert_eq!(user(&anybody, &[&basic(b":ignore")]), None);
    }

    #[test]
    fn challenges() {
        let credentials = Credentials::any_user("say \"hi\" \\ ").expect("valid");
        let expected = r#"Basic realm="say \"hi\" \\ ", charset="UTF-8""#;
        assert_eq!(credentials.challenge(), expected);
        assert!(Credentials::any_user("a\r\nX: b").is_err());
        // A password is nowhere.
        let debug = format!("{:?}", Credentials::users("x", [("ada", "secret")]).expect("valid"));
        assert!(!debug.contains("secret"), "{debug}");
    }
}
