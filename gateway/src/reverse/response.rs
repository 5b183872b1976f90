//! The head that comes back.
//!
//! 1. It must have one framing; otherwise it is 502.
//! 2. What ends here goes. What names upstream is turned back, if the target says so.
//! 3. The version is ours, not upstream's. The reason phrase is upstream's.
//! 4. The response hook comes last. What it adds may not end here or frame the message.

use http::{
    HeaderMap, Method, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    response,
};
use http_body::SizeHint;

use super::{options::Options, rewrite::Rewrite, upgrade::Wanted};
use crate::common::{
    failure::{Failure, FailureKind},
    framing,
    hop_by_hop::{Barred, ends_here, strip_response},
    limits::Limits,
};

/// Makes the head for the client. `switched` is the upgrade that upstream agreed to.
pub(super) fn incoming(
    response: &mut response::Parts,
    method: &Method,
    body: &SizeHint,
    switched: Option<&Wanted>,
    rewrite: &Rewrite<'_>,
    options: &Options,
) -> Result<Barred, Failure> {
    check_size(&response.headers, &rewrite.target.limits)?;
    framing::check_response(response, method, body)?;
    let barred = strip_response(&mut response.headers)
        .map_err(|nomination| Failure::new(FailureKind::Protocol, nomination.detail()))?;
    rewrite.apply(&mut response.headers);
    response.version = Version::HTTP_11;
    if let Some(switched) = switched {
        response.headers.remove(CONTENT_LENGTH);
        switched.answer(response);
    }
    if let Some(hook) = &options.hooks.response {
        let (status, length) = (response.status, response.headers.get(CONTENT_LENGTH).cloned());
        let upgrade = switched.is_some();
        hook(response).map_err(|error| {
            Failure::new(FailureKind::ResponseHook, "a hook refused the answer").with_source(error)
        })?;
        if upgrade {
            response.status = status;
        } else {
            let names: Vec<_> =
                response.headers.keys().filter(|name| ends_here(name)).cloned().collect();
            for name in names {
                response.headers.remove(name);
            }
        }
        response.headers.remove(TRANSFER_ENCODING);
        match length {
            Some(length) => response.headers.insert(CONTENT_LENGTH, length),
            None => response.headers.remove(CONTENT_LENGTH),
        };
    }
    Ok(barred)
}

/// Whether a head is within the limits. A transport of one's own may have none.
fn check_size(headers: &HeaderMap, limits: &Limits) -> Result<(), Failure> {
    let bytes = headers.iter().fold(0_usize, |bytes, (name, value)| {
        bytes.saturating_add(name.as_str().len()).saturating_add(value.len()).saturating_add(4)
    });
    if headers.len() > limits.head_fields || bytes > limits.head_bytes {
        let detail = "the answer's head is over the limits";
        return Err(Failure::new(FailureKind::ResponseHeadTooLarge, detail));
    }
    Ok(())
}
