//! The page.

pub(crate) use crate::view::view;

pub(crate) const HTML: &str = "";
pub(crate) fn policy() -> String {
    "default-src 'none'".into()
}
