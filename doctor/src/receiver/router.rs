//! The receiver in an axum application: as a router, with axum's own notion of the peer and of the path.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{ConnectInfo, OriginalUri},
};
use http::{Extensions, Uri};
use proxyfix::Peer;

use super::Doctor;

/// The peer, if the server was made with connect information.
pub(super) fn peer(extensions: &Extensions) -> Option<Peer> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.into())
}

/// The target before a router took a part away.
pub(super) fn original(extensions: &Extensions) -> Option<&Uri> {
    extensions.get::<OriginalUri>().map(|uri| &uri.0)
}

impl Doctor {
    /// A router with the receiver at its [path](Doctor::path). Merge it *after* `ProxyFixLayer`, which then does not
    /// change what arrives:
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use proxyfix_doctor::receiver::Doctor;
    ///
    /// # fn app() -> Result<Router, proxyfix_doctor::receiver::NoRandomness> {
    /// let doctor = Doctor::new()?;
    /// eprintln!("the doctor is at {}", doctor.path());
    /// let app = Router::new().route("/", get(|| async { "hello" }));
    /// // .layer(ProxyFixLayer::new(config)), then:
    /// let app: Router = app.merge(doctor.router());
    /// # Ok(app)
    /// # }
    /// # app().unwrap();
    /// ```
    pub fn router<S>(&self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        // Only the path with the token: what has another one is answered like any other path of the application.
        let page = self.path();
        let below = format!("{page}{{*rest}}");
        Router::new().route_service(&page, self.clone()).route_service(&below, self.clone())
    }
}
