//! Tables: `| cell | *header* |`.

use super::{blocks::Renderer, push};

/// A table being written.
#[derive(Debug)]
pub(super) struct Table {
    /// Where its first row begins in the output.
    start: usize,
    /// Where each row ends, and whether it has header cells only.
    rows: Vec<(usize, bool)>,
}

impl Table {
    /// A table whose rows will be written at the end of `out`.
    pub(super) fn at_end(out: &str) -> Table {
        Table { start: out.len(), rows: Vec::new() }
    }

    /// Writes a row: `row` is what is between its first and last bar, that last bar included.
    pub(super) fn push_row(&mut self, renderer: &mut Renderer, row: &str) {
        renderer.out.push_str("<tr >");
        let mut is_header = true;
        for (text, span) in Cells(row) {
            is_header &= push_cell(renderer, text, span);
        }
        renderer.out.push_str("</tr>");
        self.rows.push((renderer.out.len(), is_header));
    }

    /// Puts head, foot and body in their places: the last rows of header cells only are the foot, then the first
    /// ones the head.
    pub(super) fn finish(self, out: &mut String) {
        let rows = out.split_off(self.start);
        let foot = self.rows.iter().rev().take_while(|(_, is_header)| *is_header).count();
        let body = &self.rows[..self.rows.len() - foot];
        let head = body.iter().take_while(|(_, is_header)| *is_header).count();
        let end_of = |count: usize| count.checked_sub(1).map_or(0, |row| self.rows[row].0 - self.start);
        let (head_end, body_end) = (end_of(head), end_of(self.rows.len() - foot));
        out.push_str(" <table class='foswikiTable'>");
        push_part(out, "thead", &rows[..head_end]);
        push_part(out, "tfoot", &rows[body_end..]);
        out.push_str("<tbody>");
        out.push_str(&rows[head_end..body_end]);
        out.push_str("</tbody></table>");
    }
}

fn push_part(out: &mut String, name: &str, rows: &str) {
    if !rows.is_empty() {
        push(out, &["<", name, ">", rows, "</", name, ">"]);
    }
}

/// The inside of a table row: from after the first bar up to and with the last one.
pub(super) fn row(line: &str) -> Option<&str> {
    let inside = line.trim_start().strip_prefix('|')?.trim_end();
    inside.ends_with('|').then_some(inside)
}

/// The cells of a row with the number of columns each spans: bars that follow each other widen the cell before.
struct Cells<'t>(&'t str);

impl<'t> Iterator for Cells<'t> {
    type Item = (&'t str, usize);

    fn next(&mut self) -> Option<(&'t str, usize)> {
        let row = self.0;
        if row.bytes().all(|b| b == b'|') {
            return None;
        }
        let end = row.find('|').unwrap_or(row.len());
        // A row that begins with a bar begins with an empty cell.
        let bars = if end == 0 { 1 } else { row[end..].bytes().take_while(|b| *b == b'|').count() };
        self.0 = &row[end + bars..];
        Some((&row[..end], bars))
    }
}

/// Writes a cell; returns whether it is a header.
fn push_cell(renderer: &mut Renderer, text: &str, span: usize) -> bool {
    let trimmed = text.trim();
    let header = trimmed
        .strip_prefix('*')
        .and_then(|inside| inside.strip_suffix('*'))
        .filter(|inside| !inside.is_empty());
    renderer.out.push_str(if header.is_some() { "<th" } else { "<td" });
    if let Some(align) = alignment(text).filter(|_| !trimmed.is_empty()) {
        push(&mut renderer.out, &[" align=\"", align, "\""]);
    }
    if span > 1 {
        push(&mut renderer.out, &[" colspan=\"", &span.to_string(), "\""]);
    }
    if let Some(inside) = header {
        renderer.out.push_str("><strong> ");
        renderer.inline(inside, None);
        renderer.out.push_str(" </strong></th>\n");
    } else {
        renderer.out.push_str("> ");
        if trimmed.is_empty() {
            renderer.out.push_str(" &nbsp; ");
        } else {
            renderer.inline(text, None);
        }
        renderer.out.push_str(" </td>\n");
    }
    header.is_some()
}

/// Two spaces or more before a cell's text move it to the right, on both sides to the centre.
fn alignment(text: &str) -> Option<&'static str> {
    let left = text.len() - text.trim_start().len();
    let right = text.len() - text.trim_end().len();
    match (left, right) {
        (0 | 1, _) => None,
        (_, 0 | 1) => Some("right"),
        _ => Some("center"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_split_into_cells() {
        let check = |line: &str, expected: Option<&[(&str, usize)]>| {
            let cells: Option<Vec<_>> = row(line).map(|row| Cells(row).collect());
            assert_eq!(cells.as_deref(), expected, "for {line:?}");
        };
        check("| a | b |", Some(&[(" a ", 1), (" b ", 1)]));
        check("  | a || b |\t", Some(&[(" a ", 2), (" b ", 1)]));
        check("| a |||", Some(&[(" a ", 3)]));
        check("||a|", Some(&[("", 1), ("a", 1)]));
        check("||", Some(&[]));
        check("| a | b", None);
        check("|", None);
        check("a | b |", None);
    }
}
