//! Records and pairs, read from all the bytes at once.

use fcgi::{ParamsError, ProtocolError};

/// A record, or as much of it as there is.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) kind: u8,
    pub(crate) id: u16,
    /// The length that the header has.
    pub(crate) len: usize,
    /// The content that is there.
    pub(crate) content: &'a [u8],
    /// Whether all of it is there, and all of its padding.
    pub(crate) whole: bool,
}

impl Record<'_> {
    /// Whether all of the content is there.
    pub(crate) fn has_content(&self) -> bool {
        self.content.len() == self.len
    }
}

/// Takes the bytes apart, up to a header that is none; what is left of a header that is cut is dropped, and told.
pub(crate) fn records(mut bytes: &[u8]) -> (Vec<Record<'_>>, Result<bool, ProtocolError>) {
    let mut records = Vec::new();
    while bytes.len() >= 8 {
        if bytes[0] != 1 {
            return (records, Err(ProtocolError::Version(bytes[0])));
        }
        let number = |at: usize| usize::from(bytes[at]) * 256 + usize::from(bytes[at + 1]);
        let (id, len, padding) = (number(2), number(4), usize::from(bytes[6]));
        let there = &bytes[8..];
        let content = &there[..len.min(there.len())];
        let whole = there.len() >= len + padding;
        let id = u16::try_from(id).expect("two bytes");
        records.push(Record { kind: bytes[1], id, len, content, whole });
        bytes = &there[(len + padding).min(there.len())..];
    }
    let cut = !bytes.is_empty() || records.last().is_some_and(|last| !last.whole);
    (records, Ok(cut))
}

/// Names and values.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Decodes pairs and joins those of the same name.
pub(crate) fn pairs(stream: &[u8], max_count: usize) -> Result<Pairs, ParamsError> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < stream.len() {
        let (name, value, end) = pair(stream, at)?;
        if all.len() == max_count {
            return Err(ParamsError::TooMany { limit: max_count });
        }
        if name.iter().any(|byte| b"\0\r\n=".contains(byte)) {
            return Err(ParamsError::Name { name: shown(name) });
        }
        if value.contains(&0) {
            return Err(ParamsError::NulInValue { name: shown(name) });
        }
        all.push((name.to_vec(), value.to_vec()));
        at = end;
    }
    Ok(joined(all))
}

/// The names in a stream of pairs, which may be any.
pub(crate) fn names(stream: &[u8]) -> Result<Vec<&[u8]>, ParamsError> {
    let (mut names, mut at) = (Vec::new(), 0);
    while at < stream.len() {
        let (name, _, end) = pair(stream, at)?;
        names.push(name);
        at = end;
    }
    Ok(names)
}

/// Name and value of the pair at `at`, and where the next one is.
fn pair(stream: &[u8], at: usize) -> Result<(&[u8], &[u8], usize), ParamsError> {
    let cut = ParamsError::LengthsCut { at };
    let (name_len, after) = length(stream, at).ok_or(cut.clone())?;
    let (value_len, after) = length(stream, after).ok_or(cut)?;
    let (claimed, left) = (name_len + value_len, stream.len() - after);
    if claimed > left as u64 {
        return Err(ParamsError::Overrun { at, claimed, left });
    }
    let (name, rest) = stream[after..].split_at(size(name_len));
    Ok((name, &rest[..size(value_len)], after + size(claimed)))
}

fn joined(all: Pairs) -> Pairs {
    let mut joined: Pairs = Vec::new();
    for (name, value) in all {
        match joined.iter_mut().find(|(other, _)| *other == name) {
            None => joined.push((name, value)),
            Some((_, before)) if name == b"HTTP_COOKIE" => *before = [&before[..], b"; ", &value].concat(),
            Some((_, before)) if name.starts_with(b"HTTP_") => {
                *before = [&before[..], b", ", &value].concat();
            }
            Some((_, before)) => *before = value,
        }
    }
    joined
}

/// A length, and where the next byte is.
fn length(stream: &[u8], at: usize) -> Option<(u64, usize)> {
    let first = *stream.get(at)?;
    if first < 128 {
        return Some((first.into(), at + 1));
    }
    let four = stream.get(at..at + 4)?;
    Some((four.iter().fold(0, |sum, byte| sum * 256 + u64::from(*byte)) - (128 << 24), at + 4))
}

fn size(len: u64) -> usize {
    usize::try_from(len).expect("a length within a slice")
}

fn shown(name: &[u8]) -> String {
    name[..name.len().min(64)].escape_ascii().to_string()
}
