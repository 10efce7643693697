//! The lines of a topic: headings, rules, anchors, paragraphs, lists and tables.

use super::{
    MAX_OUTPUT, emphasis, headings, links,
    lists::{self, Item, Kind, Lists},
    protect::Kept,
    push,
    tables::{self, Table},
    words,
};
use crate::page::Page;

/// Renders a topic, line by line.
pub(super) struct Renderer<'r, 'p, 't> {
    pub(super) page: &'r mut Page<'p>,
    /// What was set aside.
    pub(super) kept: Vec<Kept<'t>>,
    pub(super) out: String,
    /// Whether `<noautolink>` tags stay in the output.
    pub(super) keeps_tags: bool,
    /// How many `<noautolink>` are open.
    pub(super) unlinked: usize,
    /// NOAUTOLINK is on.
    no_autolink: bool,
    lists: Lists,
    /// The text of the list item being read: its lines in one.
    item: String,
    table: Option<Table>,
    is_first: bool,
}

impl<'r, 'p, 't> Renderer<'r, 'p, 't> {
    /// A renderer for a text of about `size` bytes.
    pub(super) fn new(page: &'r mut Page<'p>, kept: Vec<Kept<'t>>, size: usize) -> Self {
        let no_autolink = page.is_on("NOAUTOLINK");
        Renderer {
            page,
            kept,
            out: String::with_capacity(size + size / 2),
            keeps_tags: true,
            unlinked: 0,
            no_autolink,
            lists: Lists::default(),
            item: String::new(),
            table: None,
            is_first: true,
        }
    }

    /// Renders the text, prepared by `protect`.
    pub(super) fn render(mut self, text: &str) -> String {
        for line in text.trim_end_matches('\n').split('\n') {
            if self.out.len() > MAX_OUTPUT {
                self.end_list();
                self.end_table();
                self.out.push_str(
                    "\n<span class='foswikiAlert'>Warning: this page is too large and was cut here</span>",
                );
                return self.out;
            }
            self.line(line);
            self.is_first = false;
        }
        self.end_list();
        self.end_table();
        self.out
    }

    /// Whether `WikiWords` are links here.
    pub(super) fn autolinks(&self) -> bool {
        self.unlinked == 0 && !self.no_autolink
    }

    /// Writes running text. `previous` is the byte before it, `None` where a word may start.
    pub(super) fn inline(&mut self, text: &str, previous: Option<u8>) {
        let marked = emphasis::mark_up(text, previous);
        links::write(self, &marked, previous);
    }

    fn line(&mut self, line: &str) {
        if let Some(row) = tables::row(line) {
            return self.row(row);
        }
        self.end_table();
        if line.trim().is_empty() {
            return self.blank();
        }
        if line.starts_with([' ', '\t']) {
            if let Some(item) = Item::parse(line) {
                return self.item(&item);
            }
            if self.lists.is_open() && lists::indent(line).0 > 0 {
                return self.item.push_str(line);
            }
        }
        self.end_list();
        self.new_line();
        self.text(line);
    }

    fn new_line(&mut self) {
        if !self.is_first {
            self.out.push('\n');
        }
    }

    /// A blank line ends a paragraph, except at the very start.
    fn blank(&mut self) {
        self.end_list();
        if !self.is_first {
            self.out.push_str("\n<p></p>");
        }
    }

    /// A line that is neither a list's nor a table's.
    fn text(&mut self, line: &str) {
        if let Some(heading) = headings::parse(line) {
            return self.heading(&heading);
        }
        if line.starts_with("---") {
            self.out.push_str("<hr />");
            return self.inline(line.trim_start_matches('-'), Some(b'>'));
        }
        if let Some(length) = line.strip_prefix('#').and_then(words::wiki_word) {
            let (anchor, rest) = line[1..].split_at(length);
            push(&mut self.out, &["<span id=\"", anchor, "\"></span>"]);
            return self.inline(rest, Some(b'>'));
        }
        self.inline(line, None);
    }

    fn heading(&mut self, heading: &headings::Heading) {
        let anchor = self.page.unique_anchor(&headings::anchor_name(&headings::shown_text(heading.text)));
        let level = char::from(b'0' + u8::try_from(heading.level).unwrap_or(1));
        self.out.push_str("<h");
        self.out.push(level);
        push(&mut self.out, &[" id=\"", &anchor, "\"> "]);
        self.inline(&headings::shown_text(heading.text), None);
        self.out.push_str(" </h");
        self.out.push(level);
        self.out.push('>');
    }

    fn item(&mut self, item: &Item) {
        self.end_item();
        self.lists.enter(item.depth, item.kind, &mut self.out);
        if let Some(term) = item.term {
            self.out.push_str("<dt> ");
            self.inline(term, None);
            self.out.push_str(" </dt><dd>");
        }
        debug_assert!(item.kind == Kind::Definition || item.term.is_none());
        self.out.push(' ');
        self.item.push_str(item.text);
    }

    /// Writes the text of the item being read.
    fn end_item(&mut self) {
        let text = std::mem::take(&mut self.item);
        self.inline(&text, None);
        self.item = text;
        self.item.clear();
    }

    fn end_list(&mut self) {
        self.end_item();
        self.lists.close_to(0, &mut self.out);
    }

    fn row(&mut self, row: &str) {
        self.end_list();
        let mut table = self.table.take().unwrap_or_else(|| Table::at_end(&self.out));
        table.push_row(self, row);
        self.table = Some(table);
    }

    fn end_table(&mut self) {
        if let Some(table) = self.table.take() {
            table.finish(&mut self.out);
        }
    }
}
