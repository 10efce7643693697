//! A topic file: its text and its `%META` data.

use std::fmt::Write as _;

/// A topic as read from a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topic {
    /// The text without the `%META` lines.
    pub text: String,
    /// The `%META` entries in file order.
    pub meta: Vec<Meta>,
}

/// One `%META:TYPE{key="value" …}%` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// `TOPICINFO`, `FIELD`, `FILEATTACHMENT` …
    pub kind: String,
    /// Keys and decoded values in file order.
    pub values: Vec<(String, String)>,
}

/// What begins a line of meta data.
const META: &str = "%META:";

/// The one kind that counts only on the first line.
const TOPICINFO: &str = "TOPICINFO";

impl Topic {
    /// Reads a topic file.
    ///
    /// Lines that are a whole `%META:TYPE{…}%` become meta wherever they stand; `TOPICINFO` only as the first
    /// line, later ones are text. Carriage returns are dropped. Where there is meta other than `TOPICINFO`,
    /// the blank line that the writer puts before it is not part of the text.
    pub fn parse(file: &str) -> Topic {
        let without_cr;
        let mut rest = file;
        if file.contains('\r') {
            without_cr = file.replace('\r', "");
            rest = &without_cr;
        }
        let mut topic = Topic::default();
        let mut first = true;
        let mut copied = 0;
        let mut from = 0;
        while let Some(start) = find_line(rest, from) {
            let end = rest[start..].find('\n').map_or(rest.len(), |len| start + len + 1);
            first &= start == 0;
            if let Some(meta) = Meta::parse(rest[start..end].trim_end())
                && (first || meta.kind != TOPICINFO)
            {
                topic.text.push_str(&rest[copied..start]);
                topic.meta.push(meta);
                copied = end;
            }
            first = false;
            from = end;
        }
        topic.text.push_str(&rest[copied..]);
        if topic.text.ends_with('\n') && topic.meta.iter().any(|meta| meta.kind != TOPICINFO) {
            topic.text.pop();
        }
        topic
    }

    /// The first entry of a kind.
    pub fn first(&self, kind: &str) -> Option<&Meta> {
        self.meta.iter().find(|meta| meta.kind == kind)
    }

    /// All entries of a kind.
    pub fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Meta> {
        self.meta.iter().filter(move |meta| meta.kind == kind)
    }

    /// The value of a form field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.all("FIELD").find(|meta| meta.value("name") == Some(name))?.value("value")
    }

    /// What line 1 says about who wrote this revision, and when.
    pub fn info(&self) -> Info<'_> {
        let info = self.first(TOPICINFO);
        let value = |key| info.and_then(|info| info.value(key));
        Info {
            author: value("author").unwrap_or_default(),
            date: value("date").and_then(|date| date.parse().ok()),
            version: value("version").and_then(revision_number).unwrap_or(1),
        }
    }
}

/// The content of `TOPICINFO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info<'a> {
    /// The cUID of the author, empty where unknown.
    pub author: &'a str,
    /// Seconds since 1970, where given.
    pub date: Option<i64>,
    /// The revision, from 1.
    pub version: u32,
}

/// A revision as written in topics and URLs: `3`, or RCS's `1.3`.
pub fn revision_number(text: &str) -> Option<u32> {
    text.strip_prefix("1.").unwrap_or(text).parse().ok()
}

impl Meta {
    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Reads one line, without its end; `None` where it is not meta.
    fn parse(line: &str) -> Option<Meta> {
        let (kind, values) = line.strip_prefix(META)?.split_once('{')?;
        let mut rest = values.strip_suffix("}%")?;
        if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        let mut values = Vec::new();
        while let Some((key, after)) = rest.split_once("=\"") {
            let Some((value, after)) = after.split_once('"') else { break };
            values.push((key.trim().to_owned(), decode_value(value)));
            rest = after;
        }
        Some(Meta { kind: kind.to_owned(), values })
    }
}

/// The position of the next line that begins like meta, at or after `from`, which is the start of a line.
fn find_line(text: &str, from: usize) -> Option<usize> {
    let mut from = from;
    loop {
        let at = from + text[from..].find(META)?;
        if at == 0 || text.as_bytes()[at - 1] == b'\n' {
            return Some(at);
        }
        from = at + META.len();
    }
}

/// `%22` and its like to characters. Foswiki writes six of them and drops any other.
fn decode_value(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let code = after.as_bytes().first_chunk::<2>().filter(|code| code.iter().all(u8::is_ascii_hexdigit));
        let Some(code) = code else {
            out.push('%');
            rest = after;
            continue;
        };
        match code.map(|digit| digit.to_ascii_lowercase()).as_ref() {
            b"22" => out.push('"'),
            b"25" => out.push('%'),
            b"0a" => out.push('\n'),
            b"0d" => out.push('\r'),
            b"7b" => out.push('{'),
            b"7d" => out.push('}'),
            _ => (),
        }
        rest = &after[2..];
    }
    out.push_str(rest);
    out
}

/// Bytes from disk as text; a byte that is not UTF-8 shows as `\xE9`.
pub fn text_of(bytes: Vec<u8>) -> String {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error.into_bytes(),
    };
    let mut out = String::with_capacity(bytes.len() + 64);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02X}"); // Writing to a String cannot fail.
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, text: &str, kinds: &[&str]) {
        let topic = Topic::parse(file);
        assert_eq!(topic.text, text, "text of {file:?}");
        let found: Vec<_> = topic.meta.iter().map(|meta| meta.kind.as_str()).collect();
        assert_eq!(found, kinds, "meta of {file:?}");
    }

    #[test]
    fn text_and_meta() {
        check("", "", &[]);
        check("plain", "plain", &[]);
        check("%META:TOPICINFO{author=\"a\"}%\nx\n\n\n", "x\n\n\n", &["TOPICINFO"]);
        check(
            "%META:TOPICINFO{version=\"1\"}%\nbody\n\n%META:FORM{name=\"F\"}%\n",
            "body\n",
            &["TOPICINFO", "FORM"],
        );
        check("%META:TOPICINFO{}%\n%META:TOPICPARENT{name=\"W\"}%\na\n", "a", &["TOPICINFO", "TOPICPARENT"]);
        check(
            "%META:TOPICINFO{}%\na\n%META:FIELD{name=\"x\" value=\"y\"}%\n%META:TOPICINFO{version=\"9\"}%\nend\n",
            "a\n%META:TOPICINFO{version=\"9\"}%\nend",
            &["TOPICINFO", "FIELD"],
        );
        check("a\r\nb\r\n", "a\nb\n", &[]);
        check("see %META:FORM{name=\"F\"}%\n", "see %META:FORM{name=\"F\"}%\n", &[]);
        check("%META:FORM{name=\"F\" \n", "%META:FORM{name=\"F\" \n", &[]);
        check("%META:{}%\n%META:A B{}%\n", "%META:{}%\n%META:A B{}%\n", &[]);
        check("%META:FORM{name=\"F\"}%", "", &["FORM"]);
        check("\n%META:TOPICINFO{version=\"9\"}%\n", "\n%META:TOPICINFO{version=\"9\"}%\n", &[]);
    }

    #[test]
    fn values_are_decoded() {
        for (written, read) in [
            ("line1%0aline2 %22q%22 %25X%25 %7by%7d", "line1\nline2 \"q\" %X% {y}"),
            ("a%0D%0Ab", "a\r\nb"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz é%é", "%zz é%é"),
            ("a%41b", "ab"),
        ] {
            let topic = Topic::parse(&format!("%META:FIELD{{name=\"N\" value=\"{written}\"}}%\n"));
            assert_eq!(topic.field("N"), Some(read), "{written}");
        }
    }

    #[test]
    fn info_of_a_revision() {
        let topic = Topic::parse("%META:TOPICINFO{author=\"Jane\" date=\"1795398350\" version=\"1.4\"}%\n");
        assert_eq!(topic.info(), Info { author: "Jane", date: Some(1_795_398_350), version: 4 });
        assert_eq!(Topic::default().info(), Info { author: "", date: None, version: 1 });
    }

    #[test]
    fn bytes_that_are_not_utf8_show() {
        assert_eq!(text_of(b"caf\xE9 \xC3\xA9 \xFF\xFE".to_vec()), "caf\\xE9 é \\xFF\\xFE");
    }
}
