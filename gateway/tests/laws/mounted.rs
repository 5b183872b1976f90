//! What a mounted service must see, beside what it sees.

use std::convert::Infallible;

use http::{Request, Response, StatusCode, Uri};
use proxyfix::MountPath;
use proxyfix_gateway::{Body, Mount, WithoutSlash};
use tower::{Service, service_fn};

use super::{capture::Capture, reference};

/// What a service saw: its number, the URI, where it is, and whether the path was that of the mount alone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen(Option<usize>, Uri, String, bool, Option<Uri>);

/// A service that tells in the extensions of its answer what it saw.
fn service(
    number: Option<usize>,
) -> impl Service<
    Request<Body>,
    Response = Response<Body>,
    Error = Infallible,
    Future = std::future::Ready<Result<Response<Body>, Infallible>>,
> + Clone {
    service_fn(move |request: Request<Body>| {
        let extensions = request.extensions();
        let seen = Seen(
            number,
            request.uri().clone(),
            MountPath::entered(extensions).to_owned(),
            extensions.get::<WithoutSlash>().is_some(),
            MountPath::original_uri(extensions).cloned(),
        );
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(seen);
        std::future::ready(Ok(response))
    })
}

/// Whether a request for this URI reaches the right one of the services at these paths, and sees what it must. `None` if the
/// paths are no configuration. If they are `nested` in a mount at `/outer`, they know of both.
pub(crate) fn is_right(prefixes: &[String], uri: &Uri, nested: bool) -> Option<Result<(), String>> {
    let mut mount = Mount::new().fallback(service(None));
    for (number, prefix) in prefixes.iter().enumerate() {
        mount = mount.at(prefix.as_str(), service(Some(number)));
    }
    let mounts = mount.build().ok()?;
    let (asked, outer) = if nested {
        (format!("/outer{uri}").parse::<Uri>().ok()?, "/outer")
    } else {
        (uri.clone(), "")
    };
    let request = Request::get(asked.clone()).header("host", "a").body(Body::empty()).unwrap();
    let (response, _) = if nested {
        let outermost = Mount::new().at("/outer", mounts).build().unwrap();
        Capture::default().send(outermost, request)
    } else {
        Capture::default().send(mounts, request)
    };
    let seen = response.extensions().get::<Seen>().cloned();
    let path = uri.path();
    if reference::has_dot_segment(path) {
        let is_refused = response.status() == StatusCode::BAD_REQUEST && seen.is_none();
        return Some(if is_refused { Ok(()) } else { Err(format!("not refused: {seen:?}")) });
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let expected = match reference::longest(prefixes, path) {
        None => Seen(None, uri.clone(), outer.to_owned(), false, nested.then(|| asked.clone())),
        Some((number, rest)) => {
            let below = format!("{}{query}", if rest.is_empty() { "/" } else { rest });
            let own = reference::canonical(prefixes[number].trim_end_matches('/'));
            let place = format!("{outer}{own}");
            let below = below.parse().ok()?;
            Seen(Some(number), below, place, rest.is_empty(), Some(asked))
        }
    };
    Some(if seen.as_ref() == Some(&expected) {
        Ok(())
    } else {
        Err(format!("{} {seen:?}, expected {expected:?}", response.status()))
    })
}
