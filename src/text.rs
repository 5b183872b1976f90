//! Short ASCII text kept inside its owner, so that deciding allocates nothing.
//!
//! Every text here has passed a parser of ours and is ASCII.

use std::{fmt, hash, str, sync::Arc};

/// ASCII text, in place up to `N` bytes, shared beyond.
#[derive(Clone)]
pub(crate) enum Text<const N: usize> {
    Inline { len: u8, bytes: [u8; N] },
    Shared(Arc<str>),
}

impl<const N: usize> Text<N> {
    pub(crate) const EMPTY: Self = Self::Inline { len: 0, bytes: [0; N] };

    /// Copies ASCII bytes. Where they are not ASCII, which their parser rules out, it is empty.
    pub(crate) fn new(ascii: &[u8]) -> Self {
        const { assert!(N <= 255, "a length is one byte") };
        let mut bytes = [0; N];
        match (bytes.get_mut(..ascii.len()), u8::try_from(ascii.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(ascii);
                Self::Inline { len, bytes }
            }
            _ => Self::Shared(str::from_utf8(ascii).unwrap_or_default().into()),
        }
    }

    /// The same in lower case.
    pub(crate) fn lower_case(ascii: &[u8]) -> Self {
        match Self::new(ascii) {
            Self::Inline { len, mut bytes } => {
                bytes.make_ascii_lowercase();
                Self::Inline { len, bytes }
            }
            Self::Shared(text) => Self::Shared(text.to_ascii_lowercase().into()),
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
