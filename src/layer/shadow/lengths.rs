//! How long lists are: rule 5 of [shadow mode](super).

use std::{cmp::Reverse, fmt, sync::atomic::AtomicU64};

use http::{
    HeaderMap, HeaderName,
    header::{CONNECTION, FORWARDED},
};

use super::counters::{add_one, read};
use crate::{
    config::{Config, MAX_HOPS},
    forwarded,
    lines::FieldLines,
};

/// The greatest length that is counted by itself: as many elements as a walk passes by default.
const LONGEST: usize = MAX_HOPS;

/// How many elements the list of one header had, in requests from trusted peers whose `Connection` does
/// not name that header.
///
/// The [module documentation](super#finding-the-count) says how to read it. [`Display`](fmt::Display)
/// prints it in one line: `x-forwarded-for: absent: 3, 1: 240, 2: 12, 16 and more: 1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListLengths {
    header: HeaderName,
    /// By length, from 0.
    requests: [u64; LONGEST + 1],
    unreadable: u64,
}

impl ListLengths {
    /// The header.
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// How many requests had a list of this many elements. For 16, of 16 or more.
    pub fn requests(&self, length: usize) -> u64 {
        self.requests.get(length.min(LONGEST)).copied().unwrap_or_default()
    }

    /// How many requests did not have this header.
    pub fn absent(&self) -> u64 {
        self.requests(0)
    }

    /// How many requests had a list that cannot be counted to its left end: it has an element over
    /// 4 KiB or, in `Forwarded`, a misplaced quote.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The least length, if there were any lists.
    pub fn shortest(&self) -> Option<usize> {
        self.seen().map(|(length, _)| length).next()
    }

    /// The most frequent length, if there were any lists. If several are, the least of them.
    pub fn most_frequent(&self) -> Option<usize> {
        let most = self.seen().max_by_key(|(length, requests)| (*requests, Reverse(*length)));
        most.map(|(length, _)| length)
    }

    /// The lengths that lists had, each with the number of requests.
    fn seen(&self) -> impl Iterator<Item = (usize, u64)> {
        let lists = self.requests.iter().copied().enumerate().skip(1);
        lists.filter(|(_, requests)| *requests > 0)
    }
}

impl fmt::Display for ListLengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: absent: {}", self.header, self.absent())?;
        for (length, requests) in self.seen() {
            let and_more = if length == LONGEST { " and more" } else { "" };
            write!(f, ", {length}{and_more}: {requests}")?;
        }
        if self.unreadable > 0 {
            write!(f, ", unreadable: {}", self.unreadable)?;
        }
        Ok(())
    }
}

/// The numbers for each header while they are counted.
#[derive(Debug)]
pub(super) struct Histogram(Box<[Row]>);

#[derive(Debug)]
struct Row {
    header: HeaderName,
    requests: [AtomicU64; LONGEST + 1],
    unreadable: AtomicU64,
}

impl Histogram {
    pub(super) fn new(config: &Config) -> Self {
        let names = config.all().flat_map(|way| {
            let own = way.settings.names.all();
            own.into_iter().chain([&FORWARDED]).chain(&way.settings.client_ip)
        });
        let mut headers: Vec<&HeaderName> = Vec::new();
        for name in names {
            if !headers.contains(&name) {
                headers.push(name);
            }
        }
        let row = |header: &HeaderName| Row {
            header: header.clone(),
            requests: Default::default(),
            unreadable: AtomicU64::default(),
        };
        Self(headers.into_iter().map(row).collect())
    }

    /// Counts the elements of each list, except of those that the request's `Connection` names.
    pub(super) fn observe(&self, headers: &HeaderMap) {
        for row in self.0.iter().filter(|row| !is_nominated(headers, &row.header)) {
            let length = length(headers, &row.header);
            add_one(length.and_then(|n| row.requests.get(n)).unwrap_or(&row.unreadable));
        }
    }

    pub(super) fn snapshot(&self) -> Vec<ListLengths> {
        let row = |row: &Row| ListLengths {
            header: row.header.clone(),
            requests: row.requests.each_ref().map(read),
            unreadable: read(&row.unreadable),
        };
        self.0.iter().map(row).collect()
    }
}

/// Whether `Connection` names a header. The value is split as the decision splits it: at every byte that
/// cannot be in a token.
fn is_nominated(headers: &HeaderMap, name: &HeaderName) -> bool {
    let mut lines = headers.get_all(CONNECTION).iter();
    lines.any(|line| {
        let mut options = line.as_bytes().split(|&byte| !forwarded::is_token(byte));
        options.any(|option| option.eq_ignore_ascii_case(name.as_str().as_bytes()))
    })
}

/// The number of elements, but no more than the longest. 0 if the header is absent. `None` if
/// an element has no certain end.
fn length(headers: &HeaderMap, name: &HeaderName) -> Option<usize> {
    let lines = FieldLines::of(headers, name);
    if *name == FORWARDED {
        count(lines.elements_by(forwarded::last_start))
    } else {
        count(lines.elements())
    }
}

fn count<T, E>(elements: impl Iterator<Item = Result<T, E>>) -> Option<usize> {
    let mut nearest = elements.take(LONGEST);
    nearest.try_fold(0_usize, |length, element| element.ok().map(|_| length.saturating_add(1)))
}
