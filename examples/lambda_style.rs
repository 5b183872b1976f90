//! A function behind a load balancer: an event comes in, a response goes out, and there is no server.
//!
//! The layer is the same. There is no peer. Only the load balancer can call the function, so
//! `proxies=any` is right here. The load balancer appends the client's address and sets the scheme and
//! the port.
//!
//! ```console
//! $ cargo run --example lambda_style
//! {"body":"203.0.113.9 asked for https://shop.example/item","statusCode":200}
//! {"body":"","statusCode":400}
//! ```

use std::{convert::Infallible, error::Error};

use http::{HeaderName, HeaderValue, Request, Response};
use proxyfix::{Config, ProxyFixLayer, Resolved};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

/// What the load balancer says about a request.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "httpMethod")]
    method: String,
    path: String,
    headers: std::collections::BTreeMap<String, String>,
}

impl TryFrom<Event> for Request<String> {
    type Error = http::Error;

    fn try_from(event: Event) -> Result<Self, http::Error> {
        let mut request = Request::builder().method(event.method.as_str()).uri(event.path);
        for (name, value) in event.headers {
            request = request.header(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        request.body(String::new())
    }
}

async fn application(request: Request<String>) -> Result<Response<String>, Infallible> {
    let client = request.extensions().get().map(Resolved::client);
    let client = client.map(ToString::to_string).unwrap_or_default();
    Ok(Response::new(format!("{client} asked for {}", request.uri())))
}

async fn handle(event: Event, layer: &ProxyFixLayer) -> Result<Value, Box<dyn Error>> {
    let request = Request::try_from(event)?;
    let response = layer.layer(service_fn(application)).oneshot(request).await?;
    Ok(json!({ "statusCode": response.status().as_u16(), "body": response.body() }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let config: Config = "proxies=any for=1 proto=1 port=1".parse()?;
    let layer = ProxyFixLayer::new(config);
    for forwarded_for in ["6.6.6.6, 203.0.113.9", "6.6.6.6, nobody"] {
        let event = json!({
            "httpMethod": "GET",
            "path": "/item",
            "headers": {
                "host": "shop.example",
                "x-forwarded-for": forwarded_for,
                "x-forwarded-port": "443",
                "x-forwarded-proto": "https",
            },
        });
        println!("{}", handle(serde_json::from_value(event)?, &layer).await?);
    }
    Ok(())
}
