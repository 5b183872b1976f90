//! Properties of the head that goes upstream and of the head that comes back, each against a slow, obvious
//! reading. `PROPTEST_CASES` sets how many cases are tried; the default is 2,000 for each law.

mod laws {
    pub(crate) mod capture;
    pub(crate) mod generate;
    pub(crate) mod reference;

    mod fields;
    mod forwarding;
    mod paths;
}
