//! The requests that every server gets. They are made from a seed, so that each run is the same.

/// What is unusual in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Name,
    Spelling,
    Range,
    Condition,
    Method,
    Encoding,
}

/// A request. The values of its fields are those of `suites.rs`.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Where it asks, and what, in one line.
    pub(crate) fn text(&self) -> String {
        let fields = self.fields.iter().map(|(name, value)| format!(" {name}: {value}"));
        format!("{} {}{}", self.method, self.target, fields.collect::<Vec<_>>().concat())
    }
}

/// What is there, and what is not.
const NAMES: &[&str] = &[
    "/",
    "/empty.txt",
    "/ten.txt",
    "/letters.bin",
    "/long.bin",
    "/page.html",
    "/sub",
    "/sub/",
    "/sub/index.html",
    "/sub/deep/x.json",
    "/bare",
    "/bare/",
    "/bare/x.txt",
    "/style.css",
    "/app.js",
    "/app.js.gz",
    "/picture.svg",
    "/module.wasm",
    "/archive.tar.gz",
    "/noext",
    "/sp%20ace.txt",
    "/100%25.txt",
    "/plus+a.txt",
    "/semi;v=1.txt",
    "/till~&'(),!$=:@.txt",
    "/%C3%A4.txt",
    "/.hidden",
    "/.dir/x.txt",
    "/1970.html",
    "/subsecond.css",
    "/nothing.txt",
    "/nothing/x.txt",
    "/ten.txt/x",
];

/// Names that are spelled otherwise.
const SPELLED: &[&str] = &[
    "/ten.txt",
    "/sub/deep/x.json",
    "/sub/index.html",
    "/page.html",
    "/sp%20ace.txt",
    "/%C3%A4.txt",
    "/bare/x.txt",
    "/nothing/x.txt",
];

const METHODS: &[&str] =
    &["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "BREW", "get"];

/// Files of which parts are asked for, with their lengths.
const PARTED: &[(&str, u64)] =
    &[("/letters.bin", 26), ("/ten.txt", 10), ("/empty.txt", 0), ("/long.bin", 360_000)];

const DATES: &[&str] = &[
    "{date}",
    "{date}",
    "Thu, 02 Jan 2020 03:04:04 GMT",
    "Thu, 02 Jan 2020 03:04:06 GMT",
    "Thursday, 02-Jan-20 03:04:05 GMT",
    "Thu Jan  2 03:04:05 2020",
    "Tue, 19 Jan 2038 03:14:08 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "yesterday",
    "{date}; length=10",
];

const TAGS: &[&str] = &[
    "{tag}",
    "{tag}",
    "W/{strong}",
    "\"x\"",
    "*",
    "\"x\", {tag}",
    "\"a,b\",{tag}",
    "W/\"x\", W/{strong} , \"y\"",
    ", ,{tag}",
    "x",
];

const CODINGS: &[&str] =
    &["gzip", "br", "zstd", "deflate", "identity", "*", "x-gzip", "GZIP", "none"];
const WEIGHTS: &[&str] = &["", "", "", ";q=1", ";q=0", ";q=0.5", "; q=0.001", ";Q=0.0", ";q=x"];

type Fields = &'static [(&'static str, &'static str)];

/// What chance makes too seldom.
const SELDOM: &[(Kind, &str, Fields)] = &[
    (Kind::Range, "/ten.txt", &[("Range", "bytes=-0")]),
    (Kind::Range, "/ten.txt", &[("Range", "bytes=-5 , ")]),
    (Kind::Range, "/ten.txt", &[("Range", "bytes=1-99999999999999999999")]),
    (Kind::Range, "/letters.bin", &[("Range", "bytes=13-25,-13")]),
    (Kind::Encoding, "/app.js", &[("Accept-Encoding", "x-gzip")]),
    (Kind::Encoding, "/app.js", &[("Accept-Encoding", "x-gzip;q=0, gzip")]),
    (
        Kind::Condition,
        "/ten.txt",
        &[("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"), ("If-None-Match", "{tag}")],
    ),
    (
        Kind::Condition,
        "/page.html",
        &[
            ("If-Match", ", ,{tag}"),
            ("If-None-Match", "W/\"x\", W/{strong}"),
            ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("Range", "bytes=0-1"),
        ],
    ),
];

/// All requests of a seed.
pub(crate) fn requests(seed: u64) -> Vec<Request> {
    let mut all = Requests { random: Random(seed), all: Vec::new() };
    for name in NAMES {
        for method in ["GET", "HEAD"] {
            all.add(Kind::Name, method, name, vec![]);
        }
    }
    for method in METHODS {
        for target in ["/ten.txt", "/sub/", "/nothing.txt"] {
            all.add(Kind::Method, method, target, vec![("Content-Length", "0".to_owned())]);
        }
    }
    for (kind, target, fields) in SELDOM {
        let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned()));
        all.add(*kind, "GET", target, fields.collect());
    }
    for _ in 0..100 {
        all.spelling();
    }
    for _ in 0..120 {
        all.range();
    }
    for _ in 0..120 {
        all.condition();
    }
    for _ in 0..60 {
        all.encoding();
    }
    all.all
}

struct Requests {
    random: Random,
    all: Vec<Request>,
}

impl Requests {
    fn add(&mut self, kind: Kind, method: &'static str, target: &str, fields: Vec<(&str, String)>) {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.all.push(Request { kind, method, target: target.to_owned(), fields });
    }

    fn spelling(&mut self) {
        let mut target = self.random.of(SPELLED).to_string();
        self.random.respell(&mut target);
        if target.starts_with('/') && self.random.one_in(6) {
            self.random.respell(&mut target);
        }
        self.add(Kind::Spelling, "GET", &target, vec![]);
    }

    fn range(&mut self) {
        let (target, length) = self.random.of(PARTED);
        let method = if self.random.one_in(8) { "HEAD" } else { "GET" };
        let mut fields = vec![("Range", self.random.ranges(length))];
        if self.random.one_in(5) {
            let pool = if self.random.one_in(2) { TAGS } else { DATES };
            fields.push(("If-Range", self.random.of(pool).to_string()));
        }
        self.add(Kind::Range, method, target, fields);
    }

    fn condition(&mut self) {
        let method = if self.random.one_in(6) { "HEAD" } else { "GET" };
        let target =
            self.random.of(&["/ten.txt", "/ten.txt", "/page.html", "/sub/", "/nothing.txt"]);
        let mut fields = Vec::new();
        while fields.is_empty() {
            for (name, pool, rarity) in [
                ("If-Match", TAGS, 3),
                ("If-None-Match", TAGS, 2),
                ("If-Modified-Since", DATES, 3),
                ("If-Unmodified-Since", DATES, 5),
            ] {
                if self.random.one_in(rarity) {
                    fields.push((name, self.random.of(pool).to_string()));
                }
            }
        }
        if self.random.one_in(8) {
            fields.push(("Range", "bytes=0-1".to_owned()));
        }
        // What is not there has no tag and no date.
        if target == "/nothing.txt" {
            for (_, value) in &mut fields {
                *value = value.replace("{tag}", "\"x\"").replace("{strong}", "\"x\"");
                *value = value.replace("{date}", "Thu, 02 Jan 2020 03:04:05 GMT");
            }
        }
        self.add(Kind::Condition, method, target, fields);
    }

    fn encoding(&mut self) {
        let target = self.random.of(&["/app.js", "/app.js", "/app.js", "/style.css", "/app.js.gz"]);
        let method = if self.random.one_in(6) { "HEAD" } else { "GET" };
        let count = self.random.below(4);
        let codings = (0..count).map(|_| {
            let (coding, weight) = (self.random.of(CODINGS), self.random.of(WEIGHTS));
            format!("{coding}{weight}")
        });
        let mut fields = vec![("Accept-Encoding", codings.collect::<Vec<_>>().join(", "))];
        if self.random.one_in(6) {
            fields.push(("If-None-Match", "{tag}".to_owned()));
        } else if self.random.one_in(8) {
            fields.push(("Range", "bytes=0-1".to_owned()));
        }
        self.add(Kind::Encoding, method, target, fields);
    }
}

/// Numbers that look like chance: `splitmix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one_in(&mut self, number: u64) -> bool {
        self.below(number) == 0
    }

    fn place(&mut self, end: usize) -> usize {
        usize::try_from(self.below(u64::try_from(end).unwrap_or(1))).unwrap_or(0)
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.place(list.len())]
    }

    /// Spells a path otherwise: sometimes it still names the same.
    fn respell(&mut self, target: &mut String) {
        let places: Vec<_> = target.char_indices().skip(1).collect();
        let letters: Vec<_> =
            places.iter().filter(|(_, letter)| letter.is_ascii_lowercase()).copied().collect();
        let (at, letter) = self.of(&letters);
        let slashes: Vec<_> = target.match_indices('/').map(|(at, _)| at).collect();
        let slash = self.of(&slashes);
        match self.below(20) {
            0 => target.replace_range(at..=at, &format!("%{:02X}", u32::from(letter))),
            1 => target.replace_range(at..=at, &format!("%{:02x}", u32::from(letter))),
            2 => target.replace_range(at..=at, &format!("%25{:02x}", u32::from(letter))),
            3 => target.replace_range(at..=at, &letter.to_ascii_uppercase().to_string()),
            4 if slash > 0 => target.replace_range(slash..=slash, "%2F"),
            4 | 5 => target.insert(slash, '/'),
            6 => target.insert_str(slash, "/."),
            7 => target.insert_str(slash, "/sub/.."),
            8 => target.insert_str(0, "/.."),
            9 => target.insert_str(slash, "/%2e%2E"),
            10 => target.push('/'),
            11 => target.push_str("%00"),
            12 => target.push_str(self.of(&["%", "%z", "%zz", "%2"])),
            13 => target.push_str(self.of(&["?", "?a=b", "?%zz", "?/../x"])),
            14 => target.push_str(self.of(&[".", "%20", ";x", "+", "~"])),
            15 if slash > 0 => target.replace_range(slash..=slash, "\\"),
            15 | 16 => target.insert_str(0, "http://files.example"),
            17 => target.push_str("%C0%AE"),
            18 => target.insert_str(slash, "/%2F"),
            _ => target.push_str("/../ten.txt"),
        }
    }

    /// A set of ranges of a file of this length, or something like it.
    fn ranges(&mut self, length: u64) -> String {
        let count = self.of(&[1, 1, 1, 1, 2, 2, 3, 5]);
        let ranges: Vec<_> = (0..count).map(|_| self.range(length)).collect();
        let unit = self
            .of(&["bytes=", "bytes=", "bytes=", "bytes=", "bytes=", "Bytes=", "lines=", "bytes"]);
        format!("{unit}{}", ranges.join(self.of(&[",", ", ", " , ", ",,"])))
    }

    fn range(&mut self, length: u64) -> String {
        let end = length.max(1);
        let near = [0, 1, end / 2, end - 1, end, end + 1, self.below(end), self.below(end)];
        let (first, second) = (self.of(&near), self.of(&near));
        match self.below(14) {
            0..=4 => format!("{}-{}", first.min(second), first.max(second)),
            5 | 6 => format!("{first}-"),
            7 | 8 => format!("-{first}"),
            9 => format!("{first}-{second}"),
            10 => format!("{first}-99999999999999999999"),
            11 => format!("-{}", end * 9),
            12 => format!("{first} - {second}"),
            _ => self.of(&["", "-", "x", "1", "--1", "0x1-2", "1-x", "+1-2"]).to_string(),
        }
    }
}
