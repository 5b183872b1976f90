//! Upstreams and clients that break off, stall, or send garbage, over real sockets.

mod net;

mod faults {
    mod bodies;
    mod cut;
    mod early;
    mod frames;
    mod holding;
    mod http2;
    mod leaving;
    mod limits;
    mod reuse;
    mod uploads;
}
