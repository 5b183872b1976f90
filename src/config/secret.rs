//! The secrets by which a proxy proves that a request went through it.
//!
//! 1. A request proves it with one field line that equals one of the secrets, byte for byte. If there are
//!    two lines, one of them may be a stranger's, so neither counts.
//! 2. The time of a comparison depends on the length of the line and on the secrets, but not on how
//!    much of the line is right.
//! 3. No text shows a secret: `Debug` prints how many there are, and no error repeats one.

use std::{fmt, hint::black_box};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::ConfigError;

/// The shortest secret, in bytes: a shorter text cannot hold 128 bits, as many as a UUID has (RFC 9562).
const SHORTEST: usize = 16;

/// Secrets, one of which a request must send. There are several while one replaces another.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Secrets(Vec<Box<[u8]>>);

impl Secrets {
    /// Adds a secret, unless it is already there.
    pub(super) fn add(&mut self, secret: &str) -> Result<(), ConfigError> {
        if secret.is_empty() {
            return Err(ConfigError::InvalidSecret { reason: "it is empty" });
        }
        // Servers drop white space around a value, so such a secret could never match.
        if secret.trim() != secret {
            return Err(ConfigError::InvalidSecret { reason: "it has white space around it" });
        }
        if secret.len() < SHORTEST {
            let reason =
                "it is shorter than 16 bytes; write one of 128 random bits, such as a UUID";
            return Err(ConfigError::InvalidSecret { reason });
        }
        if HeaderValue::from_str(secret).is_err() {
            let reason = "a header cannot hold it; write visible ASCII characters";
            return Err(ConfigError::InvalidSecret { reason });
        }
        let secret = secret.as_bytes().into();
        if !self.0.contains(&secret) {
            self.0.push(secret);
        }
        Ok(())
    }

    /// Adds the secrets of another set.
    pub(super) fn extend(&mut self, other: &Self) {
        for secret in &other.0 {
            if !self.0.contains(secret) {
                self.0.push(secret.clone());
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request sends one of them in this header.
    #[inline(never)]
    pub(crate) fn are_sent(&self, headers: &HeaderMap, name: &HeaderName) -> bool {
        let mut lines = headers.get_all(name).iter();
        match (lines.next(), lines.next()) {
            (Some(line), None) => {
                let sent = line.as_bytes();
                self.0.iter().fold(false, |found, secret| found | is_equal(sent, secret))
            }
            _ => false,
        }
    }
}

/// Compares what was sent with a secret, which is not empty. Each byte that was sent is compared, and the
/// secret is repeated if it is shorter, so that no byte ends the comparison.
fn is_equal(sent: &[u8], secret: &[u8]) -> bool {
    let pairs = sent.iter().zip(secret.iter().cycle());
    let difference = pairs.fold(0, |all, (sent, secret)| black_box(all | (sent ^ secret)));
    (difference == 0) & (sent.len() == secret.len())
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}
