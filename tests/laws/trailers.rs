//! The law of trailers, which the fuzz targets do not use: what a stranger sends after the body is removed as
//! it would be before the body.

use std::{
    convert::Infallible,
    future::{Future, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use http::{HeaderMap, Request, header::HOST};
use http_body_util::{BodyExt, Empty};
use proxyfix::{CleanTrailers, Resolved, fix_request};

use super::laws::{Verdict, by_stranger, generate};

/// **Trailers**: the field lines of a head are sent after the body. Those stay that also stay in the head of a
/// stranger, except for `Host`.
pub(crate) fn after_the_body(data: &[u8]) -> Verdict {
    let Ok((scenario, head)) = generate(data) else { return Verdict::None };
    let (mut request, _) = by_stranger(&scenario, &head);
    let sent = request.headers().clone();
    if fix_request(&mut request, &scenario.config).is_err() {
        return Verdict::None;
    }
    let mut expected = request.headers().clone();
    expected.remove(HOST);
    assert_eq!(trailers(&request, sent), expected, "{scenario:#?} {head:#?}");
    Verdict::Truth
}

/// What is left of trailers.
fn trailers(request: &Request<()>, sent: HeaderMap) -> HeaderMap {
    let resolved: &Resolved = request.extensions().get().expect("a fixed request");
    let body = Empty::<&[u8]>::new().with_trailers(ready(Some(Ok::<_, Infallible>(sent))));
    let collected = pin!(CleanTrailers::new(body, resolved).collect());
    match collected.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(collected)) => collected.trailers().cloned().unwrap_or_default(),
        Poll::Pending => panic!("the body is complete"),
    }
}
