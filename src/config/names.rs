//! Header names: which are removed, which are read, and which are left alone.
//!
//! 1. When names are removed or compared with each other, `_` equals `-`, in any mixture: many
//!    frameworks fold both into one variable. A header is read under its own name only.
//! 2. Headers that frame, route or authorize a request are reserved: no value may be read from
//!    one, and none is removed.
//! 3. Every header of every request is looked up. For most of them, an index into a table or one bit
//!    tells that they are none of these.

use std::{
    hash::{Hash, Hasher},
    iter,
    sync::LazyLock,
};

use http::HeaderName;

/// The known forwarding headers, which are removed if they are not trusted. `docs/HEADERS.md` says
/// who sends and who reads each.
const KNOWN: [&str; 97] = [
    "ali-cdn-real-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "cf-visitor",
    "client-ip",
    "cloudfront-forwarded-proto",
    "cloudfront-viewer-address",
    "disguised-host",
    "do-connecting-ip",
    "eo-client-ip",
    "eo-connecting-ip",
    "fastly-client-ip",
    "fastly-ssl",
    "fly-client-ip",
    "fly-forwarded-port",
    "fly-forwarded-proto",
    "fly-forwarded-ssl",
    "forwarded",
    "forwarded-for",
    "front-end-https",
    "http-client-ip",
    "http-x-forwarded-for",
    "incap-client-ip",
    "path-info",
    "proxy-auth-cert",
    "proxy-client-ip",
    "proxy-ssl-id",
    "script-name",
    "true-client-ip",
    "wl-proxy-client-ip",
    "wl-proxy-ssl",
    "x-0-client-ip",
    "x-appengine-remote-addr",
    "x-appengine-user-ip",
    "x-appservice-proto",
    "x-arr-ssl",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-client-ip",
    "x-client-scheme",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-original-path",
    "x-fah-client-ip",
    "x-forwarded",
    "x-forwarded-by",
    "x-forwarded-client-ip",
    "x-forwarded-context",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-https",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-script-name",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-uri",
    "x-forwarded-url",
    "x-host",
    "x-http-host-override",
    "x-https",
    "x-ingress-path",
    "x-ms-original-url",
    "x-nf-client-connection-ip",
    "x-original-for",
    "x-original-forwarded-for",
    "x-original-forwarded-host",
    "x-original-host",
    "x-original-method",
    "x-original-port",
    "x-original-prefix",
    "x-original-proto",
    "x-original-uri",
    "x-original-url",
    "x-proxied-https",
    "x-proxycontextpath",
    "x-proxyhost",
    "x-proxyport",
    "x-proxyscheme",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-replaced-path",
    "x-rewrite-url",
    "x-scheme",
    "x-script-name",
    "x-sucuri-clientip",
    "x-url-scheme",
    "x-vercel-forwarded-for",
    "x-waws-unencoded-url",
];

/// Headers that frame, route or authorize a request (RFC 9110 §7.2, §7.6.1, §11; RFC 9112 §6).
const RESERVED: [&str; 16] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The known forwarding headers, which are removed if they are not trusted, in lower case and in alphabetical
/// order.
///
/// ```
/// assert!(proxyfix::forwarding_headers().any(|name| name == "x-real-ip"));
/// ```
pub fn forwarding_headers() -> impl Iterator<Item = &'static str> {
    KNOWN.into_iter()
}

/// Whether a header is one of the known forwarding headers, in any spelling: `_` equals `-`.
///
/// These are the headers that [`fix_request`](crate::fix_request) removes if they are not trusted. A proxy
/// that writes one family removes all others with it.
///
/// ```
/// use http::{HeaderName, header};
/// use proxyfix::is_forwarding_header;
///
/// assert!(is_forwarding_header(&HeaderName::from_static("x_forwarded-for")));
/// assert!(!is_forwarding_header(&header::USER_AGENT));
/// ```
pub fn is_forwarding_header(name: &HeaderName) -> bool {
    static SET: LazyLock<NameSet> = LazyLock::new(|| NameSet::known_and(iter::empty()));
    SET.contains(name.as_str())
}

/// Whether a header has a meaning that has nothing to do with forwarding.
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    RESERVED.iter().any(|reserved| same(reserved, name.as_str()))
}

/// Whether two names are equal if `_` equals `-`.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a == b || folded(a).eq(folded(b)))
}

fn folded(name: &str) -> impl Iterator<Item = u8> + '_ {
    name.bytes().map(fold)
}

fn fold(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte }
}

/// A number made of a name's length and its first and last byte, with `_` as `-`. With these factors, no
/// header that browsers usually send, and few that proxies send, have the same number as a
/// [known](KNOWN) one.
#[inline]
fn key(name: &str) -> u8 {
    let mut bytes = name.bytes();
    let first = bytes.next().map_or(0, fold);
    let last = bytes.next_back().map_or(first, fold);
    let [length, ..] = name.len().to_le_bytes();
    length.wrapping_mul(104).wrapping_add(last.wrapping_mul(2)).wrapping_add(first)
}

/// One more than the greatest [`hash`].
const HASHES: usize = 256;

/// A set of header names in which `_` equals `-`.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameSet {
    /// With their [`key`]s, and sorted. Duplicates do no harm.
    names: Vec<(u8, String)>,
    /// Bit *n* is set if a name has that [`key`].
    keys: [u64; 4],
}

impl NameSet {
    /// A set of the known forwarding headers and some more.
    pub(super) fn known_and<'a>(more: impl Iterator<Item = &'a HeaderName>) -> Self {
        Self::of_texts(KNOWN.iter().copied().chain(more.map(HeaderName::as_str)))
    }

    /// A set of these names.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a HeaderName>) -> Self {
        Self::of_texts(names.map(HeaderName::as_str))
    }

    fn of_texts<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut set = Self::default();
        for name in names {
            let key = key(name);
            let (word, bit) = Self::place(key);
            if let Some(word) = set.keys.get_mut(word) {
                *word |= bit;
            }
            set.names.push((key, name.to_owned()));
        }
        set.names.sort_unstable();
        set
    }

    /// The word that holds a key's bit, and the bit.
    #[inline]
    fn place(key: u8) -> (usize, u64) {
        (usize::from(key >> 6), 1 << (key & 63))
    }

    #[inline]
    pub(crate) fn contains(&self, name: &str) -> bool {
        let key = key(name);
        let (word, bit) = Self::place(key);
        self.keys.get(word).is_some_and(|word| word & bit != 0) && self.holds(key, name)
    }

    /// Whether one of the names equals this one. A separate function, because most headers never get here.
    #[inline(never)]
    fn holds(&self, key: u8, name: &str) -> bool {
        let first = self.names.partition_point(|(own, _)| *own < key);
        let rest = self.names.iter().skip(first);
        rest.take_while(|(own, _)| *own == key).any(|(_, candidate)| same(candidate, name))
    }
}

/// The most headers that a decision reads: `Host`, `Connection`, and one for each value.
pub(crate) const MOST_READ: usize = 7;

/// The headers that a decision reads, each with its place.
#[derive(Clone, Debug)]
pub(super) struct ReadNames {
    names: Vec<ReadName>,
    /// By the [`hash`] of a name: the place of the last name with this hash, or [`NONE`].
    last: [u8; HASHES],
}

#[derive(Clone, Debug)]
struct ReadName {
    name: HeaderName,
    /// The place of an earlier name with the same hash, or [`NONE`].
    before: u8,
}

/// Means that there is no place.
const NONE: u8 = u8::MAX;

impl ReadNames {
    /// Adds a name and returns its place.
    pub(super) fn add(&mut self, name: &HeaderName) -> usize {
        let place = self.names.len();
        let mut before = NONE;
        if let (Some(last), Ok(place)) = (self.last.get_mut(hash(name)), u8::try_from(place)) {
            before = std::mem::replace(last, place);
        }
        self.names.push(ReadName { name: name.clone(), before });
        place
    }

    /// The place of a name.
    #[inline]
    pub(super) fn place(&self, name: &HeaderName) -> Option<usize> {
        self.candidate(name).and_then(|candidate| self.place_from(candidate, name))
    }

    /// The place that a name may have. Only [`place_from`](Self::place_from) compares the name.
    #[inline]
    pub(super) fn candidate(&self, name: &HeaderName) -> Option<u8> {
        self.last.get(hash(name)).copied().filter(|last| *last != NONE)
    }

    /// The place of a name, given its candidate.
    #[inline]
    pub(super) fn place_from(&self, candidate: u8, name: &HeaderName) -> Option<usize> {
        let read = self.names.get(usize::from(candidate))?;
        if read.name == *name { Some(candidate.into()) } else { self.place_before(read, name) }
    }

    /// The same, for a candidate that has the hash of the name but is another name.
    #[cold]
    fn place_before(&self, read: &ReadName, name: &HeaderName) -> Option<usize> {
        self.place_from(read.before, name)
    }
}

impl Default for ReadNames {
    fn default() -> Self {
        Self { names: Vec::new(), last: [NONE; HASHES] }
    }
}

/// A hash of a name. The name is compared afterwards. Equal names have equal hashes, whatever `http` feeds
/// to the hasher.
#[inline]
fn hash(name: &HeaderName) -> usize {
    let mut hash = NameHash(0);
    name.hash(&mut hash);
    usize::from(hash.0)
}

/// The hash of a text is made of its length and last byte. The hash of a name that `http` knows is its
/// number in `http`, because asking for the name's text takes longer. The last write counts.
struct NameHash(u8);

impl Hasher for NameHash {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let [length, ..] = bytes.len().to_le_bytes();
        let last = bytes.last().copied().unwrap_or_default();
        self.write_u8(length.wrapping_mul(8).wrapping_add(last));
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.0 = number;
    }

    #[inline]
    fn write_isize(&mut self, number: isize) {
        let [low, ..] = number.to_le_bytes();
        self.write_u8(low);
    }

    fn finish(&self) -> u64 {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::{KNOWN, NameSet, same};

    const TABLE: &str = include_str!("../../docs/HEADERS.md");

    /// The section of a document under this heading.
    fn section<'a>(document: &'a str, heading: &str) -> &'a str {
        let mut parts = document.split("\n#").map(|part| part.trim_start_matches(['#', ' ']));
        parts.find(|part| part.lines().next() == Some(heading)).expect(heading)
    }

    fn in_backquotes(text: &str) -> impl Iterator<Item = &str> {
        text.split('`').skip(1).step_by(2)
    }

    /// The cells of each row of the table in a section.
    fn rows(section: &str) -> impl Iterator<Item = Vec<&str>> {
        let rows = section.lines().filter_map(|row| row.strip_prefix("| ")?.strip_suffix(" |"));
        rows.skip(1).map(|row| row.split(" | ").collect())
    }

    /// Each `[source]` is a link.
    fn assert_have_addresses(sources: &str) {
        for source in sources.split(", ") {
            assert!(TABLE.contains(&format!("\n{source}: https://")), "{source}");
        }
    }

    #[test]
    fn are_documented() {
        let section = section(include_str!("../crate.md"), "Forwarding headers");
        let list = section.trim_end().rsplit("\n\n").next().expect("a list");
        let names: Vec<_> = in_backquotes(list).map(str::to_lowercase).collect();
        assert_eq!(names, KNOWN);
    }

    #[test]
    fn have_a_source() {
        let mut names = Vec::new();
        for row in rows(section(TABLE, "The table")) {
            let [name, _tells, _sent_by, _read_by, sources] = row[..] else {
                panic!("{row:?}: five cells")
            };
            assert!(row.iter().all(|cell| !cell.trim().is_empty()), "{name}: an empty cell");
            names.push(name.trim_matches('`').to_lowercase());
            assert_have_addresses(sources);
        }
        assert_eq!(names, KNOWN);
    }

    #[test]
    fn have_what_libraries_read() {
        for row in rows(section(TABLE, "What the libraries read")) {
            let [library, reads, sources] = row[..] else { panic!("{row:?}: three cells") };
            assert_have_addresses(sources);
            for name in in_backquotes(reads) {
                let prefix = if name.starts_with('-') { "x-forwarded" } else { "" };
                let name = format!("{prefix}{name}").to_lowercase();
                assert!(KNOWN.iter().any(|known| same(known, &name)), "{library}: {name}");
            }
        }
    }

    #[test]
    fn are_told_from_what_browsers_send_by_their_keys() {
        let set = NameSet::known_and(iter::empty());
        let browser = "accept accept-encoding accept-language authorization cache-control connection \
                    content-length content-type cookie dnt host if-modified-since if-none-match \
                    origin pragma priority range referer sec-ch-ua sec-ch-ua-mobile \
                    sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site \
                    sec-fetch-user sec-gpc te upgrade upgrade-insecure-requests user-agent";
        for name in browser.split_whitespace() {
            let (word, bit) = NameSet::place(super::key(name));
            assert_eq!(set.keys[word] & bit, 0, "{name}");
        }
    }
}
