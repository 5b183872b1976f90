//! The proxies that interop tests run: what each writes, as described in `docs/recipes/`.
//!
//! `NAME` is the recipe for X-Forwarded, `NAME-forwarded` that for `Forwarded`. Behind another proxy
//! both have the recipe *Behind another proxy*. `nginx-minimal` has the same three lines in each position.

use super::style::{
    Connection::{Dropped, Obeyed, Relayed},
    Does::Writes,
    How, Style,
    What::{Address, Element, Host, HostIfAny, Port, Scheme},
    Write, adds, does, removes, sets,
};

pub(super) const FOR: &str = "x-forwarded-for";
pub(super) const PROTO: &str = "x-forwarded-proto";
pub(super) const HOST: &str = "x-forwarded-host";
pub(super) const PORT: &str = "x-forwarded-port";
pub(super) const SERVER: &str = "x-forwarded-server";
pub(super) const FORWARDED: &str = "forwarded";

const APPEND: &[Write] = &[adds(FOR, Address)];
const ALL_FOUR: &[Write] =
    &[adds(FOR, Address), sets(PROTO, Scheme), sets(HOST, Host), sets(PORT, Port)];
const TWO: &[Write] = &[adds(FOR, Address), sets(PROTO, Scheme)];
const ELEMENT: &[Write] = &[sets(FORWARDED, Element)];
const NEW_LINE: &[Write] = &[does(FOR, Address, How::NewLine)];
const LAST_LINE: &[Write] = &[does(FOR, Address, How::LastLine)];
const APACHE: &[Write] = &[adds(FOR, Address), sets(HOST, Host), adds(SERVER, Host)];
const CADDY: &[Write] =
    &[adds(FOR, Address), does(PROTO, Scheme, How::Restore), does(HOST, Host, How::IfAbsent)];
const LIGHTTPD: &[Write] =
    &[adds(FOR, Address), does(PROTO, Scheme, How::Restore), sets(HOST, HostIfAny)];

pub(super) const PROXIES: [Style; 23] = [
    Style { name: "nginx", edge: Writes(ALL_FOUR), inner: Writes(APPEND), connection: Dropped },
    Style {
        // The lines of most guides: `Host $host`, `X-Forwarded-For $proxy_add_x_forwarded_for` and
        // `X-Forwarded-Proto $scheme`.
        name: "nginx-minimal",
        edge: Writes(TWO),
        inner: Writes(TWO),
        connection: Dropped,
    },
    Style {
        name: "nginx-forwarded",
        edge: Writes(ELEMENT),
        inner: Writes(APPEND),
        connection: Dropped,
    },
    Style {
        name: "haproxy",
        edge: Writes(&[
            does(FOR, Address, How::NewLine),
            sets(PROTO, Scheme),
            sets(HOST, Host),
            sets(PORT, Port),
        ]),
        inner: Writes(NEW_LINE),
        connection: Relayed,
    },
    Style {
        name: "haproxy-forwarded",
        edge: Writes(ELEMENT),
        inner: Writes(NEW_LINE),
        connection: Relayed,
    },
    Style {
        // `option forwarded`.
        name: "haproxy-option",
        edge: Writes(&[does(FORWARDED, Element, How::LastLine)]),
        inner: Writes(&[does(FORWARDED, Element, How::LastLine)]),
        connection: Relayed,
    },
    Style {
        name: "apache",
        edge: Writes(&[
            adds(FOR, Address),
            does(PROTO, Scheme, How::SetEarly),
            sets(HOST, Host),
            removes(PORT),
            adds(SERVER, Host),
        ]),
        inner: Writes(APACHE),
        connection: Obeyed,
    },
    Style {
        name: "apache-forwarded",
        edge: Writes(&[
            does(FORWARDED, Element, How::SetEarly),
            adds(FOR, Address),
            adds(HOST, Host),
            adds(SERVER, Host),
        ]),
        inner: Writes(APACHE),
        connection: Obeyed,
    },
    Style {
        name: "caddy",
        edge: Writes(&[sets(FOR, Address), sets(PROTO, Scheme), sets(HOST, Host)]),
        inner: Writes(CADDY),
        connection: Obeyed,
    },
    Style {
        name: "caddy-forwarded",
        edge: Writes(&[
            sets(FORWARDED, Element),
            sets(FOR, Address),
            sets(PROTO, Scheme),
            sets(HOST, Host),
        ]),
        inner: Writes(CADDY),
        connection: Obeyed,
    },
    Style {
        name: "envoy",
        edge: Writes(&[
            does(FOR, Address, How::Join(",")),
            sets(PROTO, Scheme),
            sets(HOST, Host),
            sets(PORT, Port),
        ]),
        inner: Writes(&[does(FOR, Address, How::Join(","))]),
        connection: Obeyed,
    },
    Style {
        name: "envoy-forwarded",
        edge: Writes(&[
            sets(FORWARDED, Element),
            does(FOR, Address, How::Join(",")),
            sets(PROTO, Scheme),
        ]),
        inner: Writes(&[does(FOR, Address, How::Join(","))]),
        connection: Obeyed,
    },
    Style { name: "varnish", edge: Writes(ALL_FOUR), inner: Writes(APPEND), connection: Obeyed },
    Style {
        name: "varnish-forwarded",
        edge: Writes(&[sets(FORWARDED, Element), adds(FOR, Address)]),
        inner: Writes(APPEND),
        connection: Obeyed,
    },
    Style {
        name: "lighttpd",
        edge: Writes(&[adds(FOR, Address), sets(PROTO, Scheme), sets(HOST, HostIfAny)]),
        inner: Writes(LIGHTTPD),
        connection: Dropped,
    },
    Style {
        name: "lighttpd-forwarded",
        edge: Writes(&[
            adds(FORWARDED, Element),
            adds(FOR, Address),
            sets(PROTO, Scheme),
            sets(HOST, HostIfAny),
        ]),
        inner: Writes(LIGHTTPD),
        connection: Dropped,
    },
    Style {
        name: "squid",
        edge: Writes(&[adds(FOR, Address), sets(PROTO, Scheme), removes(HOST), sets(PORT, Port)]),
        inner: Writes(APPEND),
        connection: Obeyed,
    },
    Style {
        name: "squid-forwarded",
        edge: Writes(&[sets(FORWARDED, Element), adds(FOR, Address)]),
        inner: Writes(APPEND),
        connection: Obeyed,
    },
    Style { name: "h2o", edge: Writes(TWO), inner: Writes(APPEND), connection: Dropped },
    Style {
        name: "trafficserver",
        edge: Writes(&[does(FOR, Address, How::LastLine), sets(PROTO, Scheme)]),
        inner: Writes(LAST_LINE),
        connection: Dropped,
    },
    Style {
        name: "trafficserver-forwarded",
        edge: Writes(&[does(FORWARDED, Element, How::LastLine)]),
        inner: Writes(LAST_LINE),
        connection: Dropped,
    },
    Style {
        name: "nghttpx",
        edge: Writes(&[does(FOR, Address, How::LastLine), sets(PROTO, Scheme)]),
        inner: Writes(LAST_LINE),
        connection: Dropped,
    },
    Style {
        name: "nghttpx-forwarded",
        edge: Writes(&[does(FORWARDED, Element, How::LastLine), sets(PROTO, Scheme)]),
        inner: Writes(LAST_LINE),
        connection: Dropped,
    },
];
