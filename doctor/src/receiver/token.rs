//! The token: whoever knows it sees what arrives.
//!
//! 1. It has 128 bits of the system's generator, and is 32 hexadecimal digits in a path.
//! 2. It is compared in constant time, and no message and no `Debug` contains it.

use std::fmt;

use subtle::ConstantTimeEq as _;

/// A secret segment of the receiver's path.
///
/// ```
/// use proxyfix_doctor::receiver::Token;
///
/// let token = Token::random()?;
/// assert!(token.is(token.as_str()));
/// assert!(!token.is("0123456789abcdef0123456789abcdef"));
/// assert_eq!(format!("{token:?}"), "Token(…)");
/// # Ok::<(), proxyfix_doctor::receiver::NoRandomness>(())
/// ```
#[derive(Clone)]
pub struct Token(String);

/// The system's generator of random numbers failed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system gives no random numbers: {0}")]
pub struct NoRandomness(getrandom::Error);

impl Token {
    /// A new one.
    ///
    /// # Errors
    ///
    /// If the system's generator fails.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(NoRandomness)?;
        Ok(Self(hex(&bytes)))
    }

    /// The token with this text; `None` if it is not 32 hexadecimal digits.
    pub fn of_text(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (text.len() == 32 && is_hex).then(|| Self(text.to_owned()))
    }

    /// Its text. Print it where only the user sees it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the token.
    pub fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A short random name, which is no secret.
///
/// # Errors
///
/// If the system's generator fails.
pub(crate) fn name() -> Result<String, NoRandomness> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}
