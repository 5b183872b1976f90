//! A big body through a proxy: `bodies HOST:PORT PATH`. If PATH ends in `/down/MEBIBYTES`, the body comes from
//! upstream; if it ends in `/up/MEBIBYTES`, it goes there. Prints `right`, or what was wrong.

use std::convert::Infallible;

use futures_util::stream;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Either, Empty, StreamBody};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proxyfix_gateway_benches::{Check, Pieces};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (address, path) = (&arguments[0], &arguments[1]);
    let mut words = path.rsplit('/');
    let length = words.next().unwrap().parse::<u64>().unwrap() << 20;
    let is_up = words.next() == Some("up");
    let request = Request::builder().uri(path).header("host", address);
    let request = if is_up {
        let pieces = Pieces::new(length).map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
        let body = Either::Left(StreamBody::new(stream::iter(pieces)));
        request.method("POST").header("content-length", length).body(body)
    } else {
        request.body(Either::Right(Empty::new()))
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = match sender.send_request(request.unwrap()).await {
        Ok(response) if response.status() == StatusCode::OK => response,
        Ok(response) => return println!("{}", response.status()),
        Err(error) => return println!("no answer: {error}"),
    };
    let mut body = response.into_body();
    let (mut check, mut text) = (Check::default(), Vec::new());
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let data = frame.into_data().unwrap_or_default();
                if is_up { text.extend(data) } else { check.read(&data) }
            }
            Err(error) => return println!("the answer broke off: {error}"),
        }
    }
    let said = if is_up { String::from_utf8(text).unwrap() } else { check.verdict(length) };
    println!("{said}");
}
