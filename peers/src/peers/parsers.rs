//! Peers that only parse. Their caller joins the field lines and takes the last element.

use forwarded_header_value::ForwardedHeaderValue;

use super::{Peer, joined, text_or_none};

pub const PEERS: [Peer; 3] = [
    Peer {
        package: "forwarded-header-value",
        version: "0.1.1",
        value: "",
        call: "from_forwarded, proximate",
        ask: |lines| match joined(lines, "forwarded") {
            None => "none".to_owned(),
            Some(text) => match ForwardedHeaderValue::from_forwarded(&text) {
                Err(_) => "error".to_owned(),
                Ok(value) => text_or_none(value.proximate().forwarded_for_ip()),
            },
        },
    },
    Peer {
        package: "forwarded-header-value",
        version: "0.1.1",
        value: "(X-Forwarded-For)",
        call: "from_x_forwarded_for, proximate",
        ask: |lines| match joined(lines, "x-forwarded-for") {
            None => "none".to_owned(),
            Some(text) => match ForwardedHeaderValue::from_x_forwarded_for(&text) {
                Err(_) => "error".to_owned(),
                Ok(value) => text_or_none(value.proximate().forwarded_for_ip()),
            },
        },
    },
    Peer {
        package: "rfc7239",
        version: "0.1.3",
        value: "",
        call: "parse, last",
        ask: |lines| match joined(lines, "forwarded") {
            None => "none".to_owned(),
            Some(text) => match rfc7239::parse(&text).next_back() {
                None => "none".to_owned(),
                Some(Err(_)) => "error".to_owned(),
                Some(Ok(element)) => text_or_none(element.forwarded_for),
            },
        },
    },
];
