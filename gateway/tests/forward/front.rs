//! A running forward proxy.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::serve::ListenerExt as _;
use http::Response;
use proxyfix_gateway::{
    Body, CertificateAuthority, ForwardLimits, ForwardProxyBuilder, ForwardProxyLayer, serve,
};
use rustls::{
    ClientConfig, RootCertStore, crypto::ring::default_provider, pki_types::CertificateDer,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tower::{Layer, ServiceBuilder, service_fn};

use super::application::{Log, application, custom};

/// A proxy with the application behind it.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    pub(crate) layer: ForwardProxyLayer,
    pub(crate) log: Log,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// The options of the seed's own example: a prefix, an alias, a proxy host with an application.
pub(crate) fn options() -> ForwardProxyBuilder {
    let authority = CertificateAuthority::options().in_memory().unwrap();
    of(authority)
}

pub(crate) fn of(authority: CertificateAuthority) -> ForwardProxyBuilder {
    ForwardProxyLayer::builder(authority)
        .prefix("/prefix/")
        .alias("proxy-alias")
        .app("proxy-app-1", service_fn(custom))
}

/// Limits that end within a test.
pub(crate) fn quick() -> ForwardLimits {
    let short = Duration::from_millis(500);
    // A handshake takes a while on a busy machine.
    let limits = ForwardLimits::default().handshake(4 * short).head(short);
    limits.idle(short).gap(short).upgraded_idle(short)
}

impl Front {
    pub(crate) async fn start() -> Self {
        Self::with(options()).await
    }

    /// Under the crate's own server.
    pub(crate) async fn with(options: ForwardProxyBuilder) -> Self {
        let (layer, log) = (options.build().unwrap(), Log::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = layer.layer(application(&log));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async { _ = stopped.await };
            serve(listener, app).with_graceful_shutdown(stopped).await.unwrap();
        });
        Self { address, layer, log, stop: Some(stop), task }
    }

    /// Under axum's server.
    pub(crate) async fn under_axum(options: ForwardProxyBuilder) -> Self {
        let (layer, log) = (options.build().unwrap(), Log::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = ServiceBuilder::new()
            .map_response(|response: Response<Body>| response.map(axum::body::Body::new))
            .layer(layer.clone())
            .service(application(&log));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
            let stopped = async { _ = stopped.await };
            let app =
                axum::ServiceExt::<axum::extract::Request>::into_make_service_with_connect_info::<
                    SocketAddr,
                >(app);
            axum::serve(listener, app).with_graceful_shutdown(stopped).await.unwrap();
        });
        Self { address, layer, log, stop: Some(stop), task }
    }

    /// A client's configuration of TLS that trusts the authority alone.
    pub(crate) fn tls(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let der = self.layer.authority().certificate_der().to_vec();
        roots.add(CertificateDer::from(der)).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until the server is at its end.
    pub(crate) async fn ended(self) {
        drop(self.stop);
        self.task.await.unwrap();
    }
}
