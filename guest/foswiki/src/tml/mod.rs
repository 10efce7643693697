//! Topic markup to HTML.
//!
//! One pass per concern, each a hand-written scanner over bytes: `protect` sets aside what is not markup and
//! escapes stray HTML characters, `blocks` goes line by line (headings, lists, tables), and every piece of text
//! it meets goes through `emphasis` and `links`, which writes the output. Nothing is compiled or built in
//! advance: the code runs in a fresh instance for every request.

mod blocks;
mod element;
mod emphasis;
pub(crate) mod headings;
mod links;
mod lists;
mod protect;
mod tables;
mod target;
pub(crate) mod words;

pub(crate) use element::find_element;

use crate::page::Page;

/// Output may grow to this many bytes; what follows is cut, with a visible warning. A page of a megabyte is far
/// beyond what people read, and a wiki topic may repeat an INCLUDE as often as it likes.
pub const MAX_OUTPUT: usize = 4 << 20;

/// Renders topic text, macros already expanded, to HTML. `<nop>` is gone from the result.
pub fn render(page: &mut Page, text: &str) -> String {
    let (text, kept) = protect::take_out(text);
    blocks::Renderer::new(page, kept, text.len()).render(&text)
}

/// Renders topic text as [`render`] does, without the engine's own `<noautolink>` tags.
pub(crate) fn render_page(page: &mut Page, text: &str) -> String {
    let (text, kept) = protect::take_out(text);
    let mut renderer = blocks::Renderer::new(page, kept, text.len());
    renderer.keeps_tags = false;
    renderer.render(&text)
}

/// The first line of a text, without its end. Lines are short: a plain loop is faster than a search.
pub(crate) fn first_line(text: &str) -> &str {
    &text[..text.bytes().position(|b| b == b'\n').unwrap_or(text.len())]
}

/// Appends several texts.
pub(crate) fn push(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

/// A text with its emphasis, links and tags replaced by what they show.
pub(crate) fn without_emphasis(text: &str) -> String {
    headings::plain_text(&emphasis::mark_up(text, None))
}
