//! Real proxies in front of a real application, honest and attacked.
//!
//! Each common proxy has a recipe in `docs/recipes/`: its configuration, and the matching line for
//! proxyfix. This crate starts the real program with exactly that configuration, puts the application
//! behind it with exactly that line, sends requests over sockets, and compares what the application
//! believes with what is true.
//!
//! Read it in this order: [`recipe`] (what is documented), [`program`] and [`programs`] (what each
//! program needs), [`snippet`] (documented and real addresses), [`process`] (processes, which always
//! end), [`app`] (the application), [`certificate`] (for TLS), [`setup`] (all of that together),
//! [`request`] (how clients connect), [`attacks`] (what they send), [`arrived`] (what the documents say
//! about the headers that arrive), [`truth`] (what is true), [`client`] (how requests are sent),
//! `response` (what an HTTP/1 response says), `upgrade` (HTTP/2 by hand), `tunnel` (CONNECT), [`cell`]
//! (the result of a request), [`matrix`] (each recipe with each request), [`relayed`] (an inner proxy
//! alone), [`debian`] (recipes beside Debian's own lines), [`namespace`] (hosts with their own
//! addresses), [`report`] (`docs/INTEROP.md`), [`doctor`] (the line that the doctor derives behind a set-up).
//!
//! These modules send as many requests as you like: [`keepalive`] (connections that are used again),
//! [`load`] (honest and hostile clients together) and [`memory`] (whether the application's memory
//! grows).

pub mod app;
pub mod arrived;
pub mod attacks;
pub mod cell;
pub mod certificate;
pub mod client;
pub mod debian;
pub mod doctor;
pub mod keepalive;
pub mod load;
pub mod matrix;
pub mod memory;
pub mod namespace;
pub mod process;
pub mod program;
pub mod programs;
pub mod recipe;
pub mod relayed;
pub mod report;
pub mod request;
mod response;
pub mod setup;
pub mod snippet;
pub mod truth;
mod tunnel;
mod upgrade;

/// An error that says what was being done.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The result of anything that starts, asks or reads something.
pub type Result<T> = std::result::Result<T, Error>;

/// Says what was being done, before an error's own text.
pub(crate) trait Context<T> {
    fn context(self, doing: impl std::fmt::Display) -> Result<T>;
}

impl<T, E: std::fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, doing: impl std::fmt::Display) -> Result<T> {
        self.map_err(|error| format!("{doing}: {error}").into())
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, doing: impl std::fmt::Display) -> Result<T> {
        self.ok_or_else(|| doing.to_string().into())
    }
}

/// Checks that the builder forms in the recipes compile, and mean the same as the text forms beside them.
#[cfg(doctest)]
mod recipes {
    macro_rules! recipes {
        (@ $name:ident $file:expr) => {
            #[doc = include_str!(concat!("../../docs/recipes/", $file, ".md"))]
            mod $name {}
        };
        ($($name:ident $(= $file:literal)?)*) => { $(
            recipes!(@@ $name $($file)?);
        )* };
        (@@ $name:ident) => { recipes!(@ $name stringify!($name)); };
        (@@ $name:ident $file:literal) => { recipes!(@ $name $file); };
    }
    recipes!(
        apache caddy chains envoy h2o haproxy lighttpd nghttpx nginx readme = "README" squid
        trafficserver varnish
    );
    // These are from the vendors' documentation and are not run.
    recipes!(
        apisix aws aws_serverless = "aws-serverless" azure
        azure_container_apps = "azure-container-apps" cloudflare coolify digitalocean edge
        envoy_gateway = "envoy-gateway" fastly fly forward_auth = "forward-auth"
        google_cloud = "google-cloud" google_serverless = "google-serverless" heroku
        home_assistant = "home-assistant" ingress_nginx = "ingress-nginx" istio kong netlify
        nginx_proxy_manager = "nginx-proxy-manager" openshift oracle railway render scaleway sozu
        tailscale traefik
    );
}
