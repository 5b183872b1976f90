//! The token. A client that knows it sees what arrives.
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
///
/// Only [`Token::is`] compares, in constant time. There is no `==`:
///
/// ```compile_fail,E0369
/// # let token = proxyfix_doctor::receiver::Token::random().unwrap();
/// assert!(token == token);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Token;

    /// 32 digits of the system's generator: no bit is fixed, and no two tokens are equal.
    #[test]
    fn has_128_random_bits() {
        let (mut ones, mut zeros, mut seen) = (0_u128, 0_u128, BTreeSet::new());
        for _ in 0..200 {
            let token = Token::random().unwrap();
            assert_eq!(token.as_str().len(), 32);
            let bits = u128::from_str_radix(token.as_str(), 16).unwrap();
            (ones, zeros) = (ones | bits, zeros | !bits);
            assert!(seen.insert(bits));
            assert!(Token::of_text(token.as_str()).is_some());
        }
        // A bit that is not random would miss one of the two; a random one does so once in 2^199 runs.
        assert_eq!((ones, zeros), (u128::MAX, u128::MAX));
        let source = include_str!("token.rs").split("#[cfg(test)]").next().unwrap();
        assert!(source.contains("let mut bytes = [0; 16];\n        getrandom::fill(&mut bytes)"));
    }

    /// What a request says is compared with the token in one place, in constant time.
    #[test]
    fn is_compared_in_one_place() {
        let sources = [
            include_str!("token.rs"),
            include_str!("mod.rs"),
            include_str!("judged.rs"),
            include_str!("router.rs"),
            include_str!("answer.rs"),
            include_str!("../listen.rs"),
            include_str!("../page/mod.rs"),
        ];
        let code: String = sources
            .iter()
            .filter_map(|source| source.split("#[cfg(test)]").next())
            .flat_map(str::lines)
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        assert_eq!(code.matches("ct_eq(").count(), 1);
        assert_eq!(code.matches(".token.is(").count(), 2);
        for other in [
            "token ==",
            "token !=",
            "== self.0.token",
            "token.as_str() ==",
            "== token",
            "starts_with(token",
        ] {
            assert!(!code.contains(other), "{other}");
        }
        // All other uses of the text show it to the user, or hide it.
        assert_eq!(code.matches("token.as_str()").count(), 2);
    }
}
