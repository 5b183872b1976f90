//! Short ASCII text inside its owner, so that a decision allocates nothing.
//!
//! Every text here is ASCII that has passed a parser of ours.

use std::{fmt, hash, str, sync::Arc};

/// ASCII text. Up to `N` bytes are stored inline; bytes beyond the length mean nothing. Longer text is
/// shared.
#[derive(Clone)]
pub(crate) enum Text<const N: usize> {
    Inline { len: u8, bytes: [u8; N] },
    Shared(Arc<str>),
}

impl<const N: usize> Text<N> {
    pub(crate) const EMPTY: Self = Self::Inline { len: 0, bytes: [0; N] };

    /// Copies ASCII bytes.
    pub(crate) fn new(ascii: &[u8]) -> Self {
        let mut text = Self::EMPTY;
        text.set(ascii);
        text
    }

    /// Copies ASCII bytes into `self`. If they are not text, which their parser rules out, it becomes empty.
    #[inline]
    pub(crate) fn set(&mut self, ascii: &[u8]) {
        const { assert!(N <= 255, "a length is one byte") };
        match (self, u8::try_from(ascii.len())) {
            (Self::Inline { len: own, bytes }, Ok(len)) if usize::from(len) <= N => {
                *own = len;
                if let Some(start) = bytes.get_mut(..ascii.len()) {
                    start.copy_from_slice(ascii);
                }
            }
            (place, _) => *place = Self::Shared(str::from_utf8(ascii).unwrap_or_default().into()),
        }
    }

    /// This text and another one.
    pub(crate) fn followed_by(&self, other: &Self) -> Self {
        Self::new([self.as_str(), other.as_str()].concat().as_bytes())
    }

    pub(crate) fn make_lower_case(&mut self) {
        match self {
            Self::Inline { bytes, .. } => bytes.make_ascii_lowercase(),
            Self::Shared(text) => *text = text.to_ascii_lowercase().into(),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Inline { len, bytes } => bytes
                .get(..usize::from(*len))
                .and_then(|text| str::from_utf8(text).ok())
                .unwrap_or_default(),
            Self::Shared(text) => text,
        }
    }
}

impl<const N: usize> PartialEq for Text<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<const N: usize> Eq for Text<N> {}

impl<const N: usize> hash::Hash for Text<N> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}
