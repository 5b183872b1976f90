//! The URL of a listener.

use std::{fmt, str::FromStr};

use http::Uri;

/// A listener, and the path below which the receiver is.
///
/// ```
/// use proxyfix_doctor::prober::Url;
///
/// let url: Url = "https://app.example/shop".parse()?;
/// assert_eq!((url.port, url.path.as_str()), (443, "/shop/"));
/// assert_eq!(url.to_string(), "https://app.example/shop/");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Url {
    /// `http` or `https`.
    pub scheme: String,
    /// The host, in lower case.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path. It ends with a slash.
    pub path: String,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a URL such as https://app.example/".to_owned();
        let uri: Uri = text.parse().map_err(|_| expected())?;
        let scheme = uri.scheme_str().unwrap_or_default().to_owned();
        let usual = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(expected()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(expected)?;
        if uri.query().is_some() || uri.authority().is_some_and(|it| it.as_str().contains('@')) {
            return Err("a URL without a query and without a user".to_owned());
        }
        let port = uri.port_u16().unwrap_or(usual);
        let path = format!("{}/", uri.path().trim_end_matches('/'));
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port, path })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = if self.scheme == "https" { 443 } else { 80 };
        write!(f, "{}://{}", self.scheme, self.host)?;
        if self.port != usual {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn what_is_no_listener() {
        for wrong in ["app.example", "ftp://a/", "/", "https://", "http://u@a/", "http://a/?q"] {
            assert!(wrong.parse::<Url>().is_err(), "{wrong}");
        }
        let url: Url = "http://[::1]:8080".parse().unwrap();
        assert_eq!((url.host.as_str(), url.port), ("[::1]", 8080));
    }
}
