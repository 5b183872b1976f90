//! Conditions and ranges against a slow reading.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use proptest::{collection::vec, prelude::*, sample::select};
use proxyfix_gateway::{Dir, FilesLayer};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{
    fixture::{Answer, MODIFIED, ask, get, write},
    reference::{Expected, Own, expected},
};

const CONTENT: &str = "0123456789";

fn tag() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "\"x\"",
        "\"a,b\"",
        "W/\"x\"",
        "*",
        "",
        "\"",
        "E",
        "\"a b\"",
        "w/\"x\"",
        "\"\u{e9}\"",
        "W/",
    ]);
    prop_oneof![
        2 => Just("ETAG".to_owned()),
        1 => Just("W/ETAG".to_owned()),
        3 => odd.prop_map(str::to_owned),
    ]
}

fn date() -> impl Strategy<Value = String> {
    select(vec![
        "Thu, 02 Jan 2020 03:04:05 GMT",
        "Thu, 02 Jan 2020 03:04:04 GMT",
        "Thu, 02 Jan 2020 03:04:06 GMT",
        "Thursday, 02-Jan-20 03:04:05 GMT",
        "Thu Jan  2 03:04:05 2020",
        "Thu, 02 Jan 2020 03:04:05",
        "Thu, 32 Jan 2020 03:04:05 GMT",
        "yesterday",
        "",
    ])
    .prop_map(str::to_owned)
}

fn range() -> impl Strategy<Value = String> {
    let number = || {
        select(vec!["", "0", "1", "5", "9", "10", "11", "007", "18446744073709551616", "x", "-1"])
    };
    let one = (number(), number()).prop_map(|(first, last)| format!("{first}-{last}"));
    let one =
        prop_oneof![8 => one, 1 => select(vec!["", " ", "0 - 1", "5"]).prop_map(str::to_owned)];
    let unit =
        select(vec!["bytes=", "bytes=", "bytes=", "BYTES=", "bytes =", "items=", "bytes", ""]);
    (unit, vec(one, 0..4), select(vec![",", ", ", " ,\t"]))
        .prop_map(|(unit, ranges, comma)| format!("{unit}{}", ranges.join(comma)))
}

fn field() -> impl Strategy<Value = (&'static str, String)> {
    let tags = || {
        (vec(tag(), 1..4), select(vec![",", ", ", " "])).prop_map(|(tags, comma)| tags.join(comma))
    };
    prop_oneof![
        1 => tags().prop_map(|value| ("if-match", value)),
        1 => tags().prop_map(|value| ("if-none-match", value)),
        1 => date().prop_map(|value| ("if-modified-since", value)),
        1 => date().prop_map(|value| ("if-unmodified-since", value)),
        3 => range().prop_map(|value| ("range", value)),
        1 => prop_oneof![tag(), date()].prop_map(|value| ("if-range", value)),
    ]
}

struct Served {
    _folder: TempDir,
    files: FilesLayer,
    etag: String,
    runtime: Runtime,
}

fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("file"), CONTENT.as_bytes());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let files =
        FilesLayer::builder().export("/", Dir::open(folder.path()).unwrap()).build().unwrap();
    // From then on, the file is kept in memory.
    std::thread::sleep(Duration::from_millis(2_100));
    let etag = runtime.block_on(get(&files, "/file")).field("etag").unwrap().to_owned();
    Served { _folder: folder, files, etag, runtime }
}

fn check(answer: &Answer, expected: &Expected, is_head: bool) -> Result<(), TestCaseError> {
    let (status, body) = match expected {
        Expected::Whole => (200, CONTENT.to_owned()),
        Expected::NotModified => (304, String::new()),
        Expected::Failed => (412, String::new()),
        Expected::Unsatisfiable => (416, String::new()),
        Expected::Parts(parts) => match parts.as_slice() {
            [(first, last)] => {
                let range = format!("bytes {first}-{last}/10");
                prop_assert_eq!(answer.field("content-range"), Some(&*range));
                (
                    206,
                    CONTENT[usize::try_from(*first).unwrap()..=usize::try_from(*last).unwrap()]
                        .to_owned(),
                )
            }
            parts => {
                let text = answer.text();
                for (first, last) in parts {
                    let own = &CONTENT
                        [usize::try_from(*first).unwrap()..=usize::try_from(*last).unwrap()];
                    let part = format!("Content-Range: bytes {first}-{last}/10\r\n\r\n{own}\r\n--");
                    prop_assert!(text.contains(&part), "{}", text);
                }
                prop_assert_eq!(text.matches("Content-Range").count(), parts.len());
                (206, text)
            }
        },
    };
    prop_assert_eq!(answer.status, status);
    prop_assert_eq!(answer.text(), if is_head { String::new() } else { body });
    Ok(())
}

#[test]
fn conditions_and_ranges() {
    let served = served();
    let own = Own { etag: &served.etag, modified: MODIFIED, length: 10 };
    let cases =
        std::env::var("LAWS_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(5_000);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(15),
        ..ProptestConfig::default()
    };
    proptest!(config, |(fields in vec(field(), 0..5), is_head in prop::bool::weighted(0.1))| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let bytes: Vec<u8> = value.replace("ETAG", &served.etag).chars().map(|c| u8::try_from(c).unwrap()).collect();
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(&bytes).unwrap());
        }
        let expected = expected(&headers, is_head, &own);
        let method = if is_head { "HEAD" } else { "GET" };
        let mut request = Request::builder().method(method).uri("/file").body(String::new()).unwrap();
        *request.headers_mut() = headers;
        let answer = served.runtime.block_on(ask(&served.files, request));
        check(&answer, &expected, is_head)?;
    });
}
