//! Who may do what: admin, then DENYTOPIC, ALLOWTOPIC, DENYWEB, ALLOWWEB, then allow.

use crate::page::Page;

/// Whether the page's user may VIEW a topic.
pub fn may_view(_page: &Page, _web: &str, _topic: &str) -> bool {
    true
}
