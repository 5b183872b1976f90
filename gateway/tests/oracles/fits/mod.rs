//! When a name fits. Each predicate looks at what was asked, and checks that ours did what it should.

mod answers;
mod fields;
mod requests;

use super::{Oracle, compare::Difference, wire::latin1};

pub(crate) use self::{answers::*, fields::*, requests::*};

type D<'a> = Difference<'a>;

impl Difference<'_> {
    /// Whether only theirs went upstream, and ours answered with this status.
    fn is_refused(&self, status: &str) -> bool {
        self.fact == "reached" && self.ours == "no" && self.all_ours["status"] == status
    }

    /// Whether only ours went upstream.
    fn is_refused_by_them(&self) -> bool {
        self.fact == "reached" && self.theirs == "no" && self.ours == "yes"
    }

    fn is_field(&self, name: &str) -> bool {
        self.fact.strip_prefix("request field ") == Some(name)
    }

    fn is_answer_field(&self, name: &str) -> bool {
        self.fact.strip_prefix("field ") == Some(name)
    }

    fn is_dropped_here(&self) -> bool {
        self.theirs != "-" && self.ours == "-"
    }

    fn asks(&self, field: &str) -> bool {
        self.case.fields.contains(field)
    }

    fn answer(&self) -> String {
        latin1(&self.case.answer)
    }

    /// The path and query that upstream must see: the base, and what the client wrote.
    fn true_target(&self) -> String {
        let target = self.case.target.split('#').next().unwrap_or_default();
        let path = match target.split_once("://").filter(|_| !target.starts_with('/')) {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => target,
        };
        match self.oracle {
            Oracle::Werkzeug => format!("/base{}", path.strip_prefix("/p").unwrap_or(path)),
            Oracle::Paste | Oracle::Go => format!("/base{path}"),
            Oracle::Transparent => path.to_owned(),
        }
    }

    /// Whether the targets differ although ours is as the client wrote it. Theirs, without the `?` that
    /// Paste's transparent proxy adds.
    fn changed_target(&self) -> Option<&str> {
        let is_right = self.fact == "request target" && self.ours == self.true_target();
        let is_added = self.oracle == Oracle::Transparent && !self.ours.contains('?');
        let theirs = self.theirs.strip_suffix('?').filter(|_| is_added).unwrap_or(&self.theirs);
        is_right.then_some(theirs)
    }
}
