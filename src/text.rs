//! Short ASCII text kept inside its owner, so that deciding allocates nothing.
//!
//! Every text here has passed a parser of ours and is ASCII.

use std::{fmt, hash, str, sync::Arc};

/// ASCII text, in place up to `N` bytes, of which those beyond its length say nothing; shared beyond.
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

    /// The same in place. Where they are no text, which their parser rules out, it is empty.
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
