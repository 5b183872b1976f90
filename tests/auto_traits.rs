//! Properties of the types. A change that takes one back fails here.
//!
//! 1. Every type is `Send`, `Sync`, `Unpin` and `Debug`.
//! 2. Values are `Clone`. Configurations, errors and nodes are `Eq`.
//! 3. A layer with functions, and its service, have these traits too.
//! 4. The response's future is `Send` if the service's future and body are.
//! 5. An integer literal is a `Trust`, and the types of the builder's arguments can be inferred.

use std::{error::Error as StdError, fmt::Debug, hash::Hash};

use proxyfix::{
    AllTrusted, Config, ConfigBuilder, ConfigError, Error, ErrorKind, Explanation, Family,
    ForwardedElement, ForwardedElements, HeaderPolicy, Hop, MountPath, Node, NodeName, NodePort,
    Obfuscated, OnInvalid, OnMissing, Original, Peer, Resolved, Scheme, Source, Sources, Step,
    Trust, TrustedProxies, UriPolicy, WriteMode,
};

fn plain<T: Send + Sync + Unpin + Debug>() {}
fn owned<T: Send + Sync + Unpin + Debug + Clone + 'static>() {}
fn eq<T: Eq>() {}
fn hash<T: Hash>() {}
fn copy<T: Copy>() {}
fn error<T: StdError + Send + Sync + Clone + 'static>() {}

#[test]
fn values() {
    owned::<AllTrusted>();
    owned::<Config>();
    owned::<ConfigBuilder>();
    owned::<ConfigError>();
    owned::<Error>();
    owned::<ErrorKind>();
    owned::<Explanation>();
    owned::<Family>();
    owned::<HeaderPolicy>();
    owned::<Hop>();
    owned::<MountPath>();
    owned::<Node>();
    owned::<NodeName>();
    owned::<NodePort>();
    owned::<Obfuscated>();
    owned::<OnInvalid>();
    owned::<OnMissing>();
    owned::<Original>();
    owned::<Peer>();
    owned::<Resolved>();
    owned::<Scheme>();
    owned::<Source<'_>>();
    owned::<Sources<'_>>();
    owned::<Step>();
    owned::<Trust>();
    owned::<TrustedProxies>();
    owned::<UriPolicy>();
    owned::<WriteMode>();
    owned::<ForwardedElement<'static>>();
}

#[test]
fn borrowing_values() {
    plain::<ForwardedElement<'_>>();
    plain::<ForwardedElements<'_>>();
}

#[test]
fn comparable_values() {
    eq::<Config>();
    eq::<ConfigError>();
    eq::<Error>();
    eq::<Source<'_>>();
    eq::<Sources<'_>>();
    eq::<TrustedProxies>();
    hash::<ErrorKind>();
    hash::<Node>();
    hash::<Peer>();
    hash::<Scheme>();
    copy::<ErrorKind>();
    copy::<Peer>();
    copy::<Scheme>();
    copy::<Trust>();
}

#[test]
fn errors() {
    error::<ConfigError>();
    error::<Error>();
}

#[test]
fn what_the_builder_takes_can_be_inferred() -> Result<(), ConfigError> {
    let built = Config::builder()
        .proxies("loopback, 10.0.0.0/8".parse()?)
        .x_for(2)
        .x_proto(1)
        .x_host(Trust::Aligned)
        .x_port(1_usize)
        .x_prefix_joined(2)
        .allowed_hosts(["app.example", "*.app.example"])
        .strip_also("X-Client")
        .strip_also(String::from("X-Country"))
        .build()?;
    let text = "proxies=loopback,10.0.0.0/8 for=2 proto=1 host=aligned port=1 prefix=join:2 \
                hosts=app.example,*.app.example strip-also=X-Client,X-Country";
    assert_eq!(built, text.parse()?);

    let names = vec![String::from("app.example")];
    let built = built.to_builder().allowed_hosts(&names).build()?;
    assert_eq!(built.to_builder().allowed_hosts(names).build()?, built);
    Ok(())
}

#[cfg(feature = "tower")]
mod tower {
    use std::{convert::Infallible, future::Ready, rc::Rc};

    use ::tower::{Layer, Service};
    use http::{Request, Response};
    use proxyfix::{
        DefaultRejection, PrefixFuture, PrefixLayer, PrefixService, ProxyFix, ProxyFixLayer,
        RejectionResponse, ResponseFuture,
        shadow::{Counts, Difference, Differs, ListLengths, Shadow, ShadowLayer, ShadowService},
    };

    use super::*;

    fn value<T: Send + Sync + Unpin + Debug + Clone + 'static>(_: &T) {}
    fn send<T: Send + 'static>() {}
    fn send_future(_: impl Service<Request<()>, Future: Send>) {}

    fn config() -> Config {
        "proxies=any for=1".parse().unwrap()
    }

    #[test]
    fn layers_and_services() {
        owned::<DefaultRejection>();
        owned::<ProxyFixLayer>();
        owned::<ProxyFix<()>>();
        owned::<PrefixLayer>();
        owned::<PrefixService<()>>();
        owned::<Counts>();
        owned::<Differs>();
        owned::<Difference<'static>>();
        owned::<ListLengths>();
        owned::<Shadow>();
        owned::<ShadowLayer>();
        owned::<ShadowService<()>>();

        let name = String::from("app");
        let layer = ProxyFixLayer::new(config())
            .peer_from(|extensions| extensions.get().copied())
            .on_resolved(move |_, extensions| drop(extensions.insert(name.clone())))
            .with_rejection_response(|error: &Error| Response::new(error.to_string()));
        value(&layer);
        value(&layer.layer(()));
    }

    /// The layer also takes a service that is not `Sync`, or not `Send`.
    #[test]
    fn services_of_any_kind() {
        let layer = ProxyFixLayer::new(config());
        assert_eq!(layer.layer(std::cell::Cell::new(1)).into_inner().get(), 1);
        assert_eq!(*layer.layer(Rc::new(1)).into_inner(), 1);
    }

    #[test]
    fn futures() {
        plain::<ResponseFuture<Ready<()>, String>>();
        plain::<PrefixFuture<Ready<()>>>();
        send::<ResponseFuture<std::future::Pending<()>, std::cell::Cell<u8>>>();

        let service = ::tower::service_fn(|_: Request<()>| async {
            Ok::<_, Infallible>(Response::new(String::new()))
        });
        send_future(ProxyFixLayer::new(config()).layer(service));
    }

    #[test]
    fn rejections() {
        fn responds<B>(_: impl RejectionResponse<B>) {}
        fn page(_: &Error) -> Response<&'static str> {
            Response::new("no")
        }
        responds::<String>(DefaultRejection::default());
        responds(page);
        responds(|error: &Error| Response::new(error.kind()));
    }
}

#[cfg(feature = "reload")]
#[test]
fn handles() {
    owned::<proxyfix::ConfigHandle>();
}

#[cfg(feature = "trailers")]
#[test]
fn trailers() {
    owned::<proxyfix::TrailersLayer>();
    owned::<proxyfix::TrailersService<()>>();
    owned::<proxyfix::CleanTrailers<()>>();
}

#[cfg(feature = "axum")]
#[test]
fn extractors() {
    use proxyfix::extract::{ClientIp, ExternalUrl, Host, Prefix, Rejection};

    owned::<ClientIp>();
    owned::<ExternalUrl>();
    owned::<Host>();
    owned::<Prefix>();
    error::<Rejection>();
}
