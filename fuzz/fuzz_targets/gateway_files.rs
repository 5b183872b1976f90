#![no_main]

//! A path, patterns, and the fields of conditions and ranges: nothing outside of the export is sent, and of a file what
//! a slow reading says.

#[path = "../../gateway/tests/files/reference.rs"]
mod reference;

use std::{
    convert::Infallible,
    fs,
    path::PathBuf,
    sync::LazyLock,
    time::{Duration, UNIX_EPOCH},
};

use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use proxyfix_gateway::{Body, ConfigError, Dir, FilesLayer, FilesService};
use reference::{Expected, Own, expected};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service, service_fn};

/// A path, a pattern of names that are hidden, and fields.
type Input<'a> = (&'a str, &'a str, Vec<(u8, &'a [u8])>);

const FIELDS: [HeaderName; 7] = [
    http::header::IF_MATCH,
    http::header::IF_NONE_MATCH,
    http::header::IF_MODIFIED_SINCE,
    http::header::IF_UNMODIFIED_SINCE,
    http::header::IF_RANGE,
    http::header::RANGE,
    http::header::ACCEPT_ENCODING,
];
/// Thu, 02 Jan 2020 03:04:05 GMT.
const MODIFIED: u64 = 1_577_934_245;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("fuzz-files-{}", std::process::id()));
    for (name, content) in [
        ("root/a/b", "inside"),
        ("root/file", "0123456789"),
        ("outside", "SECRET"),
        ("root/.env", "SECRET"),
    ] {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let times = fs::FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(MODIFIED));
        fs::File::options().write(true).open(path).unwrap().set_times(times).unwrap();
    }
    std::os::unix::fs::symlink("../outside", folder.join("root/link")).unwrap();
    folder
});
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());
static EVERYTHING: LazyLock<FilesLayer> = LazyLock::new(|| layer("").unwrap());

/// A pattern that hides the index is an error.
fn layer(hidden: &str) -> Result<FilesLayer, ConfigError> {
    let root =
        Dir::open(FOLDER.join("root")).unwrap().index("b").redirect(true).precompressed(true);
    FilesLayer::builder().export("/", root).disallow([hidden]).build()
}

async fn app(_: Request<()>) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::IM_A_TEAPOT;
    Ok(response)
}

fn ask<S>(service: &mut FilesService<S>, request: Request<()>) -> (u16, http::HeaderMap, Vec<u8>)
where
    S: Service<Request<()>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    RUNTIME.block_on(async {
        let response = service.call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        (parts.status.as_u16(), parts.headers, bytes.to_vec())
    })
}

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    let (path, hidden, fields) = input;
    if let (Ok(uri), Ok(layer)) = (format!("/{path}").parse::<http::Uri>(), layer(hidden)) {
        let request = Request::get(uri).body(()).unwrap();
        let (status, _, body) = ask(&mut layer.layer(service_fn(app)), request);
        assert!([200, 307, 418].contains(&status));
        assert_ne!(body, b"SECRET");
    }
    let mut service = EVERYTHING.layer(service_fn(app));
    let known = ask(&mut service, Request::get("/file").body(()).unwrap());
    let etag = known.1["etag"].to_str().unwrap().to_owned();
    let mut request = Request::get("/file").body(()).unwrap();
    for (name, value) in fields {
        let Ok(value) = HeaderValue::from_bytes(value) else { continue };
        request.headers_mut().append(&FIELDS[usize::from(name) % FIELDS.len()], value);
    }
    let own = Own { etag: &etag, modified: MODIFIED, length: 10 };
    let expected = expected(request.headers(), false, &own);
    let (status, headers, body) = ask(&mut service, request);
    let right = match expected {
        Expected::Whole => 200,
        Expected::Parts(_) => 206,
        Expected::NotModified => 304,
        Expected::Failed => 412,
        Expected::Unsatisfiable => 416,
    };
    assert_eq!(status, right);
    if let Some(length) = headers.get("content-length") {
        assert_eq!(length.to_str().unwrap(), body.len().to_string());
    }
});
