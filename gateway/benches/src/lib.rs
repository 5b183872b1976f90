//! The bytes of a big body. The receiver can tell whether a byte was lost, changed, or came twice.

use bytes::Bytes;

/// A prime, so that no buffer of a proxy holds a whole number of periods.
const PERIOD: usize = 65_521;

/// The bytes of a period.
fn period() -> Bytes {
    (0..PERIOD).map(|at| (at.wrapping_mul(2_654_435_761) >> 16).to_le_bytes()[0]).collect()
}

/// A body in pieces.
#[derive(Debug)]
pub struct Pieces {
    period: Bytes,
    left: u64,
}

impl Pieces {
    pub fn new(length: u64) -> Self {
        Self { period: period(), left: length }
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let length = self.left.min(PERIOD as u64);
        self.left -= length;
        let length = usize::try_from(length).ok().filter(|length| *length > 0)?;
        Some(self.period.slice(..length))
    }
}

/// Compares a body with what it must be.
#[derive(Debug)]
pub struct Check {
    period: Bytes,
    at: usize,
    length: u64,
    is_right: bool,
}

impl Default for Check {
    fn default() -> Self {
        Self { period: period(), at: 0, length: 0, is_right: true }
    }
}

impl Check {
    /// The next piece.
    pub fn read(&mut self, mut piece: &[u8]) {
        self.length += piece.len() as u64;
        while !piece.is_empty() {
            let length = piece.len().min(PERIOD - self.at);
            let (now, rest) = piece.split_at(length);
            self.is_right &= now == &self.period[self.at..self.at + length];
            self.at = (self.at + length) % PERIOD;
            piece = rest;
        }
    }

    /// What was received, in words: `right` if it is a body of this length.
    pub fn verdict(&self, length: u64) -> String {
        match (self.is_right, self.length) {
            (true, all) if all == length => "right".to_owned(),
            (true, part) => format!("{part} of {length} bytes"),
            (false, part) => format!("{part} bytes, and some are wrong"),
        }
    }
}
