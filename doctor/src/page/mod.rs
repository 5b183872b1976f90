//! The page that the receiver serves: open it through the public URL, and it asks the proxies from a browser.
//!
//! 1. It is one document. Its style and its script are in it, and it loads nothing else: the
//!    Content-Security-Policy (CSP Level 3) allows only these two, by a nonce of each answer, and requests to the
//!    receiver itself.
//! 2. The script decides nothing. It sends the probes of `plan`, and shows what `judge` answers.
//! 3. Everything that arrived is shown as text: the script makes no markup.

use crate::receiver::{NoRandomness, Token};
pub(crate) use crate::view::view;

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page, and its Content-Security-Policy.
pub(crate) fn page() -> Result<(String, String), NoRandomness> {
    let nonce = Token::random()?;
    let nonce = nonce.as_str();
    let html = HTML.replace("{nonce}", nonce).replace("{style}", STYLE).replace("{script}", SCRIPT);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    Ok((html, policy))
}

#[cfg(test)]
mod tests {
    use super::{HTML, SCRIPT, STYLE, page};

    /// Nothing is loaded from elsewhere, and nothing becomes markup.
    #[test]
    fn self_contained() {
        for text in [HTML, STYLE, SCRIPT] {
            for word in [
                "http://",
                "https://",
                "innerHTML",
                "outerHTML",
                "insertAdjacent",
                "@import",
                "eval(",
            ] {
                let text = text.replace("http://www.w3.org/", "");
                assert!(!text.contains(word), "{word}");
            }
        }
        let (html, policy) = page().unwrap();
        assert!(html.contains("<script nonce=") && !html.contains("{script}"));
        assert!(policy.starts_with("default-src 'none'; script-src 'nonce-"));
        assert_ne!(page().unwrap().1, policy);
    }
}
