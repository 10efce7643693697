//! `%MACRO{…}%` to text.

#[allow(dead_code, reason = "the macros that use it follow")]
pub(crate) mod encode;

use crate::page::Page;

/// Expands the macros of a text.
pub fn expand(_page: &mut Page, _web: &str, _topic: &str, text: &str) -> String {
    text.to_owned()
}
