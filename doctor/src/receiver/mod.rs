//! The receiver: it answers each probe with exactly what arrived.
//!
//! 1. It is a [`tower_service::Service`], for any server, and with the feature `axum` a router. It belongs
//!    *outside* of `ProxyFixLayer`, which would change what arrives.
//! 2. Its path has the [token](Token) as a segment, wherever a proxy has put it. Any other path, and any path
//!    after the token has expired, is a plain 404 that says nothing.
//! 3. Behind the token there are: the page, `p/ID` (what arrived), `plan` (probes for the page), and `judge` (the
//!    inference). Nothing is stored.
//! 4. Every answer says `Cache-Control: no-store` and `Referrer-Policy: no-referrer`.
//! 5. Heads, bodies, and requests a second are limited. One recording is judged at a time.

mod answer;
mod judged;
mod limit;
#[cfg(feature = "axum")]
mod router;
mod token;

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, Limited};
use proxyfix::Peer;
use tower_service::Service;

pub(crate) use self::token::name;
pub use self::token::{NoRandomness, Token};
use self::{
    answer::{json, not_found, page, plain},
    limit::Bucket,
};
use crate::{
    arrived::{Arrived, LINES},
    wire::Answer,
};

/// The first segment of the receiver's path.
pub const PATH: &str = "proxyfix-doctor";

/// How long a token is good, unless told otherwise.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The most bytes of a head that is answered: twice what Apache, nginx and hyper take by default.
const HEAD: usize = 64 * 1024;
/// The most bytes of a recording that the page sends. 300 answers of 10 KiB each.
const BODY: usize = 4 * 1024 * 1024;

/// The receiver. It is cheap to clone, and the clones are one.
///
/// ```
/// use proxyfix_doctor::receiver::Doctor;
///
/// let doctor = Doctor::new()?;
/// eprintln!("open https://app.example{}", doctor.path());
/// # Ok::<(), proxyfix_doctor::receiver::NoRandomness>(())
/// ```
#[derive(Clone, Debug)]
pub struct Doctor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    token: Token,
    instance: String,
    expires: Instant,
    bucket: Mutex<Bucket>,
    /// Held while a recording is judged, so that one does at a time.
    judging: Mutex<()>,
}

impl Doctor {
    /// A receiver with a new token.
    ///
    /// # Errors
    ///
    /// If the system's generator of random numbers fails.
    pub fn new() -> Result<Self, NoRandomness> {
        Self::with(Token::random()?, LIFETIME)
    }

    /// A receiver with this token, which is good for so long. Several instances of an application can share a
    /// token.
    ///
    /// # Errors
    ///
    /// If the system's generator of random numbers fails.
    pub fn with(token: Token, lifetime: Duration) -> Result<Self, NoRandomness> {
        let now = Instant::now();
        // A lifetime that no clock can show never ends.
        let forever = Duration::from_secs(60 * 60 * 24 * 365);
        let expires = now.checked_add(lifetime).or_else(|| now.checked_add(forever)).unwrap_or(now);
        let bucket = Mutex::new(Bucket::full(now));
        Ok(Self(Arc::new(Inner {
            token,
            instance: name()?,
            expires,
            bucket,
            judging: Mutex::default(),
        })))
    }

    /// The token.
    pub fn token(&self) -> &Token {
        &self.0.token
    }

    /// The path of the page, with the token.
    pub fn path(&self) -> String {
        format!("/{PATH}/{}/", self.0.token.as_str())
    }

    /// What follows the token in a path; `None` without the token.
    fn behind<'a>(&self, path: &'a str) -> Option<&'a str> {
        let mut rest = path;
        let mut found = None;
        // Each segment is compared, so that the time does not tell where the token is.
        while let Some((segment, behind)) = rest.split_once('/') {
            if self.0.token.is(segment) {
                found = Some(behind);
            }
            rest = behind;
        }
        found.filter(|_| Instant::now() < self.0.expires)
    }

    /// Whether this is a CONNECT of the prober, which has the token in a header. The request behind it counts.
    #[cfg(feature = "listen")]
    pub(crate) fn opens<B>(&self, request: &Request<B>) -> bool {
        let told = request.headers().get(crate::probe::TUNNEL);
        let told = told.and_then(|value| value.to_str().ok()).unwrap_or_default();
        *request.method() == Method::CONNECT
            && self.0.token.is(told)
            && Instant::now() < self.0.expires
    }

    fn takes(&self) -> bool {
        self.0.bucket.lock().is_ok_and(|mut bucket| bucket.take(Instant::now()))
    }

    async fn answer<B>(self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = original_path(&request);
        let Some(behind) = self.behind(&path) else { return not_found() };
        if !self.takes() {
            return answer::later();
        }
        let lines = request.headers().iter();
        let size = lines.map(|(name, value)| name.as_str().len().saturating_add(value.len()));
        let size = size.fold(0_usize, usize::saturating_add);
        if size > HEAD || request.headers().len() > LINES {
            let text = "the head is longer than the doctor takes\n";
            return plain(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text);
        }
        let is_post = *request.method() == Method::POST;
        match behind.split('/').next().unwrap_or_default() {
            "p" => json(&Answer {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                arrived: self.arrived(&request),
            }),
            "plan" => judged::plan(request.uri().query().unwrap_or_default()),
            "judge" if is_post => match Limited::new(request.into_body(), BODY).collect().await {
                Ok(body) => match self.0.judging.try_lock() {
                    Ok(_alone) => judged::judge(&body.to_bytes()),
                    Err(_) => answer::later(),
                },
                Err(_) => plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long\n"),
            },
            "" if behind.is_empty() => page(),
            _ => not_found(),
        }
    }

    fn arrived<B>(&self, request: &Request<B>) -> Arrived {
        let peer = request.extensions().get::<Peer>().copied();
        #[cfg(feature = "axum")]
        let peer = peer.or_else(|| router::peer(request.extensions()));
        let mut arrived = Arrived::of(request, peer, &self.0.instance);
        #[cfg(feature = "axum")]
        if let Some(uri) = router::original(request.extensions()) {
            arrived.target = uri.to_string().as_str().into();
        }
        // The token is no part of what anybody has to see.
        arrived.hide(self.0.token.as_str());
        arrived
    }
}

/// The path as it arrived, also below another router.
fn original_path<B>(request: &Request<B>) -> String {
    #[cfg(feature = "axum")]
    if let Some(uri) = router::original(request.extensions()) {
        return uri.path().to_owned();
    }
    request.uri().path().to_owned()
}

/// The future of an answer.
pub type Answering =
    Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send>>;

impl<B> Service<Request<B>> for Doctor
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let doctor = self.clone();
        Box::pin(async move { Ok(doctor.answer(request).await) })
    }
}
