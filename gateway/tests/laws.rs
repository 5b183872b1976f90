//! Properties of the head that goes upstream and of the head that comes back, each against a slow, obvious
//! reading, and of what crosses real sockets. `LAWS_CASES` sets how many cases are tried; the default is 2,000 for
//! each law, and a quarter of that, at most 50,000, over sockets. `LAWS_SEED` names another seed than the usual one.

mod net;

mod laws {
    pub(crate) mod capture;
    pub(crate) mod generate;
    #[cfg(feature = "mount")]
    pub(crate) mod mounted;
    pub(crate) mod reference;
    pub(crate) mod requests;
    pub(crate) mod wire;

    mod fields;
    mod forwarding;
    mod framing;
    #[cfg(feature = "mount")]
    mod mounts;
    mod paths;
    mod trailers;
}
