//! A topic's text to HTML.

use crate::{macros, page::Page, tml};

/// A text with its macros expanded, as the page's own topic has them.
pub(crate) fn expand(page: &mut Page, text: &str) -> String {
    let (web, topic) = (page.base_web.clone(), page.base_topic.clone());
    macros::expand(page, &web, &topic, text)
}

/// A text with its macros expanded and its markup made HTML, for browsers: without `<noautolink>`.
pub(crate) fn html(page: &mut Page, text: &str) -> String {
    let expanded = expand(page, text);
    tml::render_page(page, &expanded)
}
