//! The text form: `key=value` words, and several ways in.
//!
//! 1. White space separates words. ` ; ` separates two ways in.
//! 2. A line that begins with `proxies=` begins another way in, unless the way before it has no
//!    `proxies=` yet. Any other line continues the way.
//! 3. `none` alone is a way: `proxies=none`.
//! 4. Secrets have no text form. Printed text reads back as it was, except for them.

use std::{fmt, str::FromStr};

use super::{Config, ConfigBuilder, ConfigError, TrustedProxies, keys, meant};

impl FromStr for Config {
    type Err = ConfigError;

    /// Reads the text form: `key=value` words separated by white space. ` ; ` or a new line separates
    /// several ways in.
    ///
    /// # Errors
    /// [`ConfigError`] for `""` (no proxies), `for=1` (no proxies), `proxies=any` (no header),
    /// `proxies=any for=walk`, `proxies=loopback, unix for=1` (a space in a list), `proxies=loopback;for=1`,
    /// `proxies=any for=1 secret-header=X-Secret` (no secret: see [`ConfigBuilder`]), and any other text
    /// without a meaning. The error's text says what to write.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<ConfigBuilder>()?.build()
    }
}

/// Reads the text form into a builder, to add what the text form cannot hold.
///
/// ```
/// use proxyfix::{Config, ConfigBuilder};
///
/// let text = "proxies=any client-ip=CF-Connecting-IP secret-header=X-Origin-Secret";
/// assert!(text.parse::<Config>().is_err());
/// let config = text.parse::<ConfigBuilder>()?.secret("b7b1c8f6-9a52-4f43").build()?;
/// assert!(!format!("{config} {config:?}").contains("b7b1"));
/// # Ok::<(), proxyfix::ConfigError>(())
/// ```
impl FromStr for ConfigBuilder {
    type Err = ConfigError;

    /// # Errors
    /// [`ConfigError`] for a word that cannot be read. [`build`](Self::build) finds mistakes between words.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut ways = ways(text).into_iter();
        let first = way(&ways.next().unwrap_or_default())?;
        ways.try_fold(first, |builder, words| Ok(builder.and(way(&words)?)))
    }
}

/// The words of each way in.
fn ways(text: &str) -> Vec<Vec<&str>> {
    let begins = |word: &str| word == "none" || word.starts_with("proxies=");
    let mut ways = Vec::new();
    let mut way: Vec<&str> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace().peekable();
        let is_other = words.peek().is_some_and(|word| begins(word));
        if is_other && way.iter().any(|word| begins(word)) {
            ways.push(std::mem::take(&mut way));
        }
        for word in words {
            if word == ";" {
                ways.push(std::mem::take(&mut way));
            } else {
                way.push(word);
            }
        }
    }
    ways.push(way);
    ways.retain(|way| !way.is_empty());
    ways
}

/// Reads one way in.
fn way(words: &[&str]) -> Result<ConfigBuilder, ConfigError> {
    if words == ["none"] {
        return Ok(Config::builder().proxies(TrustedProxies::none()));
    }
    let mut pairs = Vec::new();
    for word in words {
        let pair = meant::pair(word);
        let before = pairs.last().map_or("", |(key, _)| *key);
        let shown = || ConfigError::NotKeyValue { word: meant::shown_of(before, word) };
        let pair = pair.ok_or_else(shown)?;
        // The key is checked at once. If it is a misspelt `secret`, the next words may be parts of a
        // secret, and an error about them would show it.
        pairs.push((keys::known(pair.0)?, pair.1));
    }
    keys::read(pairs)
}

/// Prints the text form, without defaults and without secrets.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for way in self.all() {
            f.write_str(separator)?;
            separator = "";
            for (key, value) in keys::write(&way.settings) {
                write!(f, "{separator}{key}={value}")?;
                separator = " ";
            }
            separator = " ; ";
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Config({self})")
    }
}
