//! The file of `--config`, in TOML.
//!
//! 1. Its keys are the arguments without the dashes. Those of one target stand below its `[[proxy]]`.
//! 2. An unknown key is an error. Each error names the file and the line, and says what to write instead.
//! 3. A path is relative to the folder of the file, not to where the program was started.
//! 4. No message repeats a text of the file other than a key, because it may be a secret.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::{
    files::{FILES, Folder},
    forward::{FORWARD, Forward},
    keys::{Keys, Source},
    mounts::{MOUNT, Mounted},
    settings::{
        Bind, FamilyChoice, HostChoice, Placed, Route, SchemeChoice, Settings, TargetOptions,
        Transparent,
    },
};
use crate::{escape, status::Failure};

/// The longest file that is read, in bytes: more than any table needs.
const LONGEST: u64 = 1 << 20;

/// What holds for all targets, and the tables.
pub(super) const WHOLE: [&str; 11] = [
    "bind",
    "trust",
    "family",
    "listener",
    "pseudonym",
    "access-log",
    "files",
    "mount",
    "proxy",
    "transparent",
    "forward",
];

/// The same in a file that is mounted.
const MOUNTED: [&str; 7] =
    ["family", "listener", "pseudonym", "files", "mount", "proxy", "transparent"];

/// What a target needs, and its options.
pub(super) const PROXY: [&str; 13] = [
    "prefix",
    "url",
    "keep-prefix",
    "host",
    "headers",
    "remove-headers",
    "methods",
    "timeout",
    "body-bytes",
    "rewrite",
    "http2",
    "cacert",
    "insecure",
];

/// The transparent proxy, and the options of its targets.
pub(super) const TRANSPARENT: [&str; 13] = [
    "allow",
    "allow-network",
    "force-host",
    "force-scheme",
    "headers",
    "remove-headers",
    "methods",
    "timeout",
    "body-bytes",
    "rewrite",
    "http2",
    "cacert",
    "insecure",
];

/// Reads a file. `above` are the files in which it is mounted, the outermost first; an empty path is the command line.
pub(super) fn read(path: &Path, above: &[PathBuf]) -> Result<Settings, Failure> {
    let name = escape::text(path.as_os_str().as_encoded_bytes());
    let failed = |text: &dyn std::fmt::Display| {
        Failure::Usage(format!("{name}: {}", escape::lines(&text.to_string())))
    };
    let file = fs::File::open(path).map_err(|error| failed(&error))?;
    let real = fs::canonicalize(path).map_err(|error| failed(&error))?;
    if above.contains(&real) {
        return Err(failed(&"this file is mounted in itself"));
    }
    let mut text = String::new();
    // What is no plain file may have any length.
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
    if text.len() as u64 > LONGEST {
        return Err(failed(&format!("more than {LONGEST} bytes are no table of targets")));
    }
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let within = [above, &[real]].concat();
    let settings = parse(&Source { name: &name, folder, text: &text }, &within)?;
    Ok(Settings { source: Some(path.to_owned()), ..settings })
}

/// `within` are the files in which it is mounted, and the file itself.
fn parse(source: &Source<'_>, within: &[PathBuf]) -> Result<Settings, Failure> {
    let known: &[&str] = if within.len() <= 1 { &WHOLE } else { &MOUNTED };
    let mut keys = Keys::whole(source, known)?;
    let bind = keys.text("bind", "127.0.0.1:8000")?.map(|bind| {
        let parsed = bind.value.parse::<Bind>();
        parsed.map_err(|error| bind.place.refuse(&format!("bind: {error}")))
    });
    let family = keys.choice::<FamilyChoice>("family")?.unwrap_or_default();
    let listener = keys.choice::<SchemeChoice>("listener")?.unwrap_or_default();
    let mut routes = Vec::new();
    for mut keys in keys.tables("proxy", &PROXY)? {
        routes.push(route(&mut keys)?);
    }
    let mut files = Vec::new();
    for mut keys in keys.tables("files", &FILES)? {
        files.push(Folder::table(&mut keys)?);
    }
    let mut mounts = Vec::new();
    for mut keys in keys.tables("mount", &MOUNT)? {
        mounts.push(Mounted::table(&mut keys, within)?);
    }
    let transparent = keys.table("transparent", &TRANSPARENT)?;
    // A file that is mounted has no such key.
    let forward = keys.table("forward", &FORWARD)?;
    Ok(Settings {
        source: None,
        bind: bind.transpose()?.unwrap_or_default(),
        trust: keys.text("trust", "proxies=loopback for=1")?,
        family: family.into(),
        listener: listener.into(),
        pseudonym: keys.text("pseudonym", "front")?,
        access_log: keys.choice("access-log")?.unwrap_or_default(),
        files,
        mounts,
        routes,
        transparent: transparent.map(|mut keys| transparent_of(&mut keys)).transpose()?,
        forward: forward.map(|mut keys| Forward::table(&mut keys)).transpose()?,
    })
}

/// `[[proxy]]`.
fn route(keys: &mut Keys<'_, '_>) -> Result<Route, Failure> {
    let mut needed = |key, example: &str| {
        let found = keys.text(key, example)?;
        found.ok_or_else(|| {
            keys.place().refuse(&format!("this [[proxy]] has no {key}; write {key} = {example:?}"))
        })
    };
    let prefix = needed("prefix", "/api")?;
    let url = needed("url", "http://127.0.0.1:5001/")?;
    let host = keys.text("host", "client")?;
    Ok(Route {
        prefix,
        url,
        keep_prefix: keys.flag("keep-prefix")?,
        host: host.map(|host| HostChoice::from(&*host.value)).unwrap_or_default(),
        options: options(keys)?,
        place: keys.place(),
    })
}

/// `[transparent]`.
fn transparent_of(keys: &mut Keys<'_, '_>) -> Result<Transparent, Failure> {
    Ok(Transparent {
        allow: keys.list("allow", "app.example")?.unwrap_or_default(),
        allow_network: keys.list("allow-network", "10.0.0.0/8")?.unwrap_or_default(),
        force_host: value(keys.text("force-host", "127.0.0.1:5001")?),
        force_scheme: keys.choice("force-scheme")?,
        options: options(keys)?,
        place: keys.place(),
    })
}

/// The options of every kind of target.
fn options(keys: &mut Keys<'_, '_>) -> Result<TargetOptions, Failure> {
    Ok(TargetOptions {
        headers: keys.list("headers", "X-Tenant: blue")?.unwrap_or_default(),
        remove_headers: keys.list("remove-headers", "Cookie")?.unwrap_or_default(),
        methods: keys.list("methods", "GET")?,
        timeout: keys.number("timeout", "30")?,
        body_bytes: keys.number("body-bytes", "1_048_576")?,
        rewrite: keys.flag("rewrite")?,
        http2: keys.flag("http2")?,
        cacert: keys.path("cacert", "/etc/ssl/internal.pem")?,
        insecure: keys.flag("insecure")?,
    })
}

fn value(placed: Option<Placed<String>>) -> Option<String> {
    placed.map(|placed| placed.value)
}

#[cfg(test)]
mod tests {
    use super::{super::keys::Source, parse};
    use crate::serve::settings::{AccessLog, Bind, HostChoice, Settings};

    fn read(text: &str) -> Result<Settings, String> {
        parse(&Source { name: "front.toml", folder: std::path::Path::new(""), text }, &[])
            .map_err(|failure| failure.to_string())
    }

    /// Each key of each table is read: none is only in the list of keys.
    #[test]
    fn every_key() {
        let options = "headers = ['A: b']\nremove-headers = ['C']\nmethods = ['GET']\ntimeout = 0.5\n\
            body-bytes = 1_000\nrewrite = true\nhttp2 = true\ncacert = 'x.pem'\ninsecure = true\n";
        let settings = read(&format!(
            "bind = 'unix:/run/front.sock'\ntrust = 'proxies=unix for=1'\nfamily = 'forwarded'\n\
             listener = 'https'\npseudonym = 'front'\naccess-log = 'json'\n\
             [[proxy]]\nprefix = '/a'\nurl = 'http://a.example/'\nkeep-prefix = true\nhost = 'client'\n{options}\
             [transparent]\nallow = ['a.example']\nallow-network = ['10.0.0.0/8']\n\
             force-host = 'b.example'\nforce-scheme = 'https'\n{options}\
             [forward]\nprefix = '/p/'\nproxy-host = 'proxy.example'\nca = 'ca.pem'\nusers = ['ada:b:c']\n"
        ));
        let settings = settings.unwrap();
        assert_eq!(settings.bind, Bind::Unix("/run/front.sock".into()));
        assert_eq!(settings.trust.unwrap().value, "proxies=unix for=1");
        assert_eq!(settings.family, proxyfix::Family::Forwarded);
        assert_eq!(settings.listener, proxyfix::Scheme::Https);
        assert_eq!(settings.pseudonym.unwrap().value, "front");
        assert_eq!(settings.access_log, AccessLog::Json);
        let [route] = &settings.routes[..] else { panic!("{:?}", settings.routes) };
        assert_eq!((&*route.prefix.value, &*route.url.value), ("/a", "http://a.example/"));
        assert!(route.keep_prefix && route.host == HostChoice::Client);
        let transparent = settings.transparent.unwrap();
        assert_eq!(transparent.allow, ["a.example"]);
        assert_eq!(transparent.allow_network, ["10.0.0.0/8"]);
        assert_eq!(transparent.force_host.as_deref(), Some("b.example"));
        assert!(transparent.force_scheme.is_some());
        let forward = settings.forward.unwrap();
        assert_eq!((&*forward.prefix, &*forward.proxy_host), ("/p/", "proxy.example"));
        assert_eq!(
            (forward.authority, forward.users),
            ("ca.pem".into(), vec!["ada:b:c".to_owned()])
        );
        for options in [&route.options, &transparent.options] {
            assert_eq!(
                (&*options.headers, &*options.remove_headers),
                (&["A: b".to_owned()][..], &["C".to_owned()][..])
            );
            assert_eq!(options.methods.as_deref(), Some(&["GET".to_owned()][..]));
            assert_eq!((options.timeout, options.body_bytes), (Some(0.5), Some(1000)));
            assert!(options.rewrite && options.http2 && options.insecure);
            assert_eq!(options.cacert.as_deref(), Some("x.pem".as_ref()));
        }
    }

    #[test]
    fn mistakes() {
        for (text, expected) in [
            ("a", "1: key with no value, expected `=`"),
            ("\nbind = x", "2: "),
            (
                "bind = 'x'",
                "1: bind: expected an IP address with a port such as 127.0.0.1:8000, or unix:/run/front.sock",
            ),
            ("bind = 1", "1: bind is an integer; write a text: bind = \"127.0.0.1:8000\""),
            (
                "family = 'both'",
                "1: family is none of x-forwarded, forwarded; write family = \"x-forwarded\"",
            ),
            ("proxies = 1", "1: the key \"proxies\" is unknown; did you mean [[proxy]]?"),
            ("[[mounts]]", "1: the key \"mounts\" is unknown; did you mean [[mount]]?"),
            ("[[file]]", "1: the key \"file\" is unknown; did you mean [[files]]?"),
            ("colour = 1", "1: the key \"colour\" is unknown; here may be bind, trust, family, "),
            ("access_log = 'off'", "1: the key \"access_log\" is unknown; write access-log"),
            ("timeout = 1", "1: timeout is for one target; write it below its [[proxy]]"),
            (
                "[[proxy]]\nbind = 'x'",
                "2: bind is for the whole file; write it above the first table",
            ),
            (
                "[proxy]\nprefix = '/a'",
                "1: proxy is one table; write [[proxy]], once for each target",
            ),
            ("proxy = 1", "1: proxy is an integer; write [[proxy]], once for each target"),
            ("proxy = ['/a']", "1: proxy has a string; write [[proxy]], once for each target"),
            ("[[transparent]]", "1: transparent is an array; write [transparent]"),
            (
                "\n[[proxy]]\nprefix = '/a'",
                "2: this [[proxy]] has no url; write url = \"http://127.0.0.1:5001/\"",
            ),
            (
                "[[proxy]]\nrewrite = 'yes'\nprefix = '/a'\nurl = 'x'",
                "2: rewrite is a string; write rewrite = true",
            ),
            (
                "[[proxy]]\nprefix = '/a'\nurl = 'x'\ntimeout = '3 s'",
                "4: timeout is a string; write a number: timeout = 30",
            ),
            (
                "[[proxy]]\nprefix = '/a'\nurl = 'x'\nbody-bytes = -1",
                "4: body-bytes is no such number; write a number: body-bytes = 1_048_576",
            ),
            (
                "[[proxy]]\nprefix = '/a'\nurl = 'x'\nmethods = 'GET'",
                "4: methods is a string; write a list of texts: methods = [\"GET\"]",
            ),
            (
                "[[proxy]]\nprefix = '/a'\nurl = 'x'\nheaders = [1]",
                "4: headers has an integer; write a list of texts: headers = [\"X-Tenant: blue\"]",
            ),
            ("[[proxy]]\nprefix = '/a'\nprefix = '/b'", "3: duplicate key"),
            ("\"a\\u001b[2J\" = 1", "1: the key \"a\\x1b[2J\" is unknown; "),
        ] {
            let error = read(text).expect_err(text);
            let error = error.strip_prefix("front.toml:").unwrap_or_else(|| panic!("{error}"));
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    /// Rule 3.
    #[test]
    fn no_value_is_repeated() {
        for text in [
            "[[proxy]]\nprefix = '/a'\nheader = ['Authorization: hunter2']",
            "[[proxy]]\nprefix = '/a'\nurl = 'b'\nheaders = 'Authorization: hunter2'",
            "[[proxy]]\nheaders = ['Authorization: hunter2'",
            "[[proxy]]\nheaders = ['Authorization: hunter2]",
            "[[proxy]]\nheaders = [Authorization hunter2]",
            "[[proxy]]\nurl = 'http://u:hunter2@a.example/'",
            "bind = 'hunter2'",
            "family = 'hunter2'",
        ] {
            let error = read(text).expect_err(text);
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
