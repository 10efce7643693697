//! The last pass over a piece of text: links of every kind, and what was set aside goes back in its place.

use super::{
    blocks::Renderer,
    protect::{self, MARK},
    target::{self, Internal},
    words,
};

/// The protocols that make an address a link.
const PROTOCOLS: [&str; 10] =
    ["http", "https", "ftp", "file", "gopher", "irc", "mailto", "nntp", "tel", "telnet"];

/// File names that are shown as an image.
const IMAGES: [&str; 5] = ["gif", "jpg", "jpeg", "png", "svg"];

/// Writes one line, emphasis already marked up, with its links. `previous` is the byte before it, `None` at the
/// start of a line.
pub(super) fn write(renderer: &mut Renderer, line: &str, previous: Option<u8>) {
    let bytes = line.as_bytes();
    let mut copied = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let written = match byte {
            b'[' => bracket(renderer, line, copied..at),
            b'<' => tag(renderer, line, copied..at),
            MARK => mark(renderer, line, copied..at),
            byte if is_word(byte) => {
                let before = if at == 0 { previous } else { Some(bytes[at - 1]) };
                let token = at + token_length(&line[at..]);
                match word(renderer, line, (copied..at, token), before) {
                    0 => {
                        at = token;
                        continue;
                    }
                    length => length,
                }
            }
            _ => 0,
        };
        at += written.max(1);
        if written > 0 {
            copied = at;
        }
    }
    renderer.out.push_str(&line[copied..]);
}

/// Text before something to replace: from where it is not yet written to where the replaced begins.
type Before = std::ops::Range<usize>;

/// Writes a bracket link that begins at `before.end`; returns its length, 0 where there is none.
fn bracket(renderer: &mut Renderer, line: &str, before: Before) -> usize {
    let Some(found) = target::Bracket::parse(&line[before.end..]) else { return 0 };
    renderer.out.push_str(&line[before]);
    found.write(renderer);
    found.length
}

/// Drops `<nop>`, and notes `<noautolink>`.
fn tag(renderer: &mut Renderer, line: &str, before: Before) -> usize {
    let rest = &line[before.end..];
    if rest.starts_with("<nop>") {
        renderer.out.push_str(&line[before]);
        return "<nop>".len();
    }
    let length = if rest.starts_with("<noautolink") {
        renderer.unlinked += 1;
        "<noautolink>".len()
    } else if rest.starts_with("</noautolink") {
        renderer.unlinked = renderer.unlinked.saturating_sub(1);
        "</noautolink>".len()
    } else {
        return 0;
    };
    if renderer.keeps_tags || !rest.get(..length).is_some_and(|tag| tag.ends_with('>')) {
        return 0;
    }
    renderer.out.push_str(&line[before]);
    length
}

/// Puts back what was set aside.
fn mark(renderer: &mut Renderer, line: &str, before: Before) -> usize {
    let Some((index, length)) = protect::mark(&line[before.end..]) else { return 0 };
    renderer.out.push_str(&line[before]);
    if let Some(kept) = renderer.kept.get(index) {
        kept.write(&mut renderer.out);
    }
    length
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// The length of what may be the start of an address: it ends before `:` or `@` if it is one.
fn token_length(text: &str) -> usize {
    let belongs = |b: u8| is_word(b) || matches!(b, b'.' | b'_' | b'+' | b'-');
    text.bytes().position(|b| !belongs(b)).unwrap_or(text.len())
}

/// Writes the address or `WikiWord` that begins at `before.end`; returns its length, 0 where there is none.
/// `token` is where the word ends.
fn word(
    renderer: &mut Renderer,
    line: &str,
    (before, token): (Before, usize),
    previous: Option<u8>,
) -> usize {
    let starts_word = words::starts_after(previous);
    if starts_word || matches!(previous, Some(b'-' | b'*')) {
        let written = address(renderer, line, (before.clone(), token));
        if written > 0 {
            return written;
        }
    }
    if starts_word && renderer.autolinks() { wiki_word(renderer, line, before) } else { 0 }
}

/// Writes the address that begins at `before.end` and has its `:` or `@` at `sign`; returns its length.
fn address(renderer: &mut Renderer, line: &str, (before, sign): (Before, usize)) -> usize {
    let start = before.end;
    match line.as_bytes().get(sign) {
        Some(b':') => {
            let name = start + line[start..sign].rfind('-').map_or(0, |dash| dash + 1);
            let Some(length) = address_length(&line[name..], sign - name) else { return 0 };
            renderer.out.push_str(&line[before.start..name]);
            write_address(&line[name..name + length], &mut renderer.out);
            name + length - start
        }
        Some(b'@') => {
            let Some(length) = mail_length(&line[start..], sign - start) else { return 0 };
            renderer.out.push_str(&line[before]);
            write_mail("mailto:", &line[start..start + length], &mut renderer.out);
            length
        }
        _ => 0,
    }
}

/// Whether `name` is a protocol that makes links.
fn is_protocol(name: &str) -> bool {
    PROTOCOLS.iter().any(|protocol| protocol.eq_ignore_ascii_case(name))
}

/// Whether a link's target is an address, not a topic.
pub(super) fn is_address(target: &str) -> bool {
    target.starts_with('/') || target.split_once(':').is_some_and(|(name, _)| is_protocol(name))
}

/// The length of the address that begins `text` with a name of `name` bytes before the colon.
fn address_length(text: &str, name: usize) -> Option<usize> {
    if !is_protocol(&text[..name]) {
        return None;
    }
    let rest = &text[name + 1..];
    let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\0');
    let run = &rest[..rest.find(ends).unwrap_or(rest.len())];
    let address = run.trim_end_matches(|c| "*.,!?;:)|".contains(c));
    (address.chars().nth(1).is_some()).then(|| name + 1 + address.len())
}

/// The length of the mail address that begins `text` and has its `@` at `at`.
fn mail_length(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at + 1..];
    let run = &rest
        [..rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-')).unwrap_or(rest.len())];
    let domain = run.trim_end_matches(['.', '-']);
    let (host, top) = domain.rsplit_once('.')?;
    let valid = !host.is_empty() && top.len() > 1 && top.bytes().all(|b| b.is_ascii_alphabetic());
    valid.then(|| at + 1 + domain.len())
}

/// Writes an address as a link, or as an image if it names one.
pub(super) fn write_address(address: &str, out: &mut String) {
    if let Some(mail) = strip_mailto(address) {
        return write_mail(&address[..address.len() - mail.len()], address, out);
    }
    if is_image(address) {
        return write_image(address, out);
    }
    write_external(address, address, out);
}

/// Writes a link to an address, shown as `text`, which is HTML.
pub(super) fn write_external(address: &str, text: &str, out: &mut String) {
    out.push_str("<a href=\"");
    if strip_mailto(address).is_some() {
        push_obscured(address, out);
    } else {
        push_address(address, out);
    }
    out.push_str("\">");
    out.push_str(text);
    out.push_str("</a>");
}

fn strip_mailto(address: &str) -> Option<&str> {
    let (name, mail) = address.split_once(':')?;
    name.eq_ignore_ascii_case("mailto").then_some(mail)
}

/// Whether an address is shown as an image.
pub(super) fn is_image(text: &str) -> bool {
    let is_address = ["http://", "https://", "ftp://", "/"].iter().any(|start| text.starts_with(start));
    is_address
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '?' | '"'))
        && text
            .rsplit_once('.')
            .is_some_and(|(_, end)| IMAGES.iter().any(|image| image.eq_ignore_ascii_case(end)))
}

/// Writes an image, named by its file.
pub(super) fn write_image(address: &str, out: &mut String) {
    let name = address.rsplit('/').next().unwrap_or_default();
    out.push_str("<img alt=\"");
    out.push_str(name);
    out.push_str("\" src=\"");
    push_address(address, out);
    out.push_str("\" />");
}

/// Writes a link to a mail address, hidden from simple collectors.
fn write_mail(protocol: &str, mail: &str, out: &mut String) {
    out.push_str("<a href=\"");
    let mail_has_protocol = mail.len() > protocol.len() && mail.starts_with(protocol);
    if !mail_has_protocol {
        push_obscured(protocol, out);
    }
    push_obscured(mail, out);
    out.push_str("\">");
    out.push_str(&mail.replace('@', "&#64;"));
    out.push_str("</a>");
}

/// Everything but letters, digits and `_` as entities.
fn push_obscured(text: &str, out: &mut String) {
    use std::fmt::Write;
    for c in text.chars() {
        if c.is_alphanumeric() || c == '_' {
            out.push(c);
        } else {
            let _ = write!(out, "&#{};", u32::from(c));
        }
    }
}

/// An address inside quotes.
pub(super) fn push_address(address: &str, out: &mut String) {
    for c in address.chars() {
        match c {
            ' ' => out.push_str("%20"),
            '"' => out.push_str("%22"),
            '<' => out.push_str("%3c"),
            '>' => out.push_str("%3e"),
            '\0' => (),
            c => out.push(c),
        }
    }
}

/// Writes the `WikiWord`, `Web.WikiWord` or known acronym that begins at `before.end`.
fn wiki_word(renderer: &mut Renderer, line: &str, before: Before) -> usize {
    let rest = &line[before.end..];
    // Most words are not.
    if rest.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) {
        return 0;
    }
    let Some(found) = Found::at(rest) else { return 0 };
    let web = found.web.map_or_else(|| renderer.page.base_web.clone(), |web| web.replace('.', "/"));
    let (topic, exists) = target::find(renderer.page, &web, found.name);
    if !exists && found.is_acronym {
        return 0;
    }
    let is_home =
        found.web.is_some() && found.anchor.is_empty() && found.name == renderer.page.settings.home_topic;
    let shown = if is_home { found.web.unwrap_or_default() } else { found.shown };
    renderer.out.push_str(&line[before]);
    Internal { web, topic, exists, suffix: found.anchor.to_owned() }.write(renderer, shown);
    found.length
}

/// A `WikiWord` found in running text.
struct Found<'t> {
    web: Option<&'t str>,
    name: &'t str,
    anchor: &'t str,
    /// Name and anchor.
    shown: &'t str,
    length: usize,
    is_acronym: bool,
}

impl<'t> Found<'t> {
    fn at(text: &'t str) -> Option<Found<'t>> {
        let path = &text[..words::path(text)];
        let qualified = path.rmatch_indices('.').map(|(dot, _)| (Some(dot), dot + 1));
        qualified.chain([(None, 0)]).find_map(|(dot, start)| Found::named(text, dot, start))
    }

    fn named(text: &'t str, dot: Option<usize>, start: usize) -> Option<Found<'t>> {
        let name = &text[start..];
        let word = words::wiki_word(name);
        let length = word.or_else(|| words::acronym(name))?;
        let anchor = words::anchor(&name[length..]).unwrap_or(0);
        Some(Found {
            web: dot.map(|dot| &text[..dot]),
            name: &name[..length],
            anchor: &name[length..length + anchor],
            shown: &name[..length + anchor],
            length: start + length + anchor,
            is_acronym: word.is_none(),
        })
    }
}
