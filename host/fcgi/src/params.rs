//! The variables of a request.

use std::fmt;
use std::ops::Range;

use crate::ParamsError;
use crate::pairs::{Cursor, Pair};

/// Room for the pairs of an ordinary request; web servers send 20 to 40.
const USUAL_COUNT: usize = 32;
/// What no variable's name has, and no web server sends in one.
const FORBIDDEN_IN_NAMES: [u8; 4] = [0, b'\r', b'\n', b'='];
/// A word whose bytes are all 1.
const EACH_BYTE: u64 = u64::from_le_bytes([1; 8]);
/// A name in an error message is cut here.
const MAX_NAME_SHOWN: usize = 64;

/// The variables of a request.
///
/// Names and values are bytes: nothing makes them UTF-8. Both may be empty, names that differ in case are different,
/// and no two pairs have the same name.
#[derive(Clone, Default)]
pub struct Params {
    blob: Vec<u8>,
    pairs: Vec<Pair>,
}

impl Params {
    /// Reads the whole of an encoded stream, which may hold `max_count` pairs.
    ///
    /// Lengths may be written longer than they need be. Refused are a stream that ends inside a pair, a NUL byte in
    /// a value (which would end it early for any program in C), and NUL, CR, LF or `=` in a name (which no variable
    /// can have and no web server sends).
    ///
    /// Of a name that is repeated, one pair remains, in the place of the first: for the headers of a request
    /// (`HTTP_…`) it has all the values joined, by `"; "` for cookies and `", "` for others; else the last value.
    pub fn decode(stream: Vec<u8>, max_count: usize) -> Result<Self, ParamsError> {
        let mut params = Self { blob: stream, pairs: Vec::new() };
        if params.blob.is_empty() {
            return Ok(params);
        }
        params.pairs.reserve(max_count.min(USUAL_COUNT));
        let mut names = NameFilter::new();
        let mut cursor = Cursor::new(&params.blob);
        while let Some(pair) = cursor.pair()? {
            if params.pairs.len() >= max_count {
                return Err(ParamsError::TooMany { limit: max_count });
            }
            check(slice(&params.blob, &pair.name), slice(&params.blob, &pair.value))?;
            names.insert(slice(&params.blob, &pair.name));
            params.pairs.push(pair);
        }
        if names.maybe_repeated {
            params.merge_repeated();
        }
        Ok(params)
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let pair = self.pairs.iter().find(|pair| slice(&self.blob, &pair.name) == name.as_bytes())?;
        Some(slice(&self.blob, &pair.value))
    }

    /// All names and values, in the order of arrival.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|pair| (slice(&self.blob, &pair.name), slice(&self.blob, &pair.value)))
    }

    /// Takes out the variables of these names.
    pub fn remove(&mut self, names: &[&str]) {
        let Self { blob, pairs } = self;
        pairs.retain(|pair| !names.iter().any(|name| name.as_bytes() == slice(blob, &pair.name)));
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    fn name(&self, pair: usize) -> &[u8] {
        self.pairs.get(pair).map_or(&[], |pair| slice(&self.blob, &pair.name))
    }

    /// Leaves one pair of each name, in n log n steps.
    fn merge_repeated(&mut self) {
        let mut by_name: Vec<usize> = (0..self.pairs.len()).collect();
        by_name.sort_by(|&a, &b| self.name(a).cmp(self.name(b))); // Stable, so that equal names stay in order.
        let same_name = by_name.chunk_by(|&a, &b| self.name(a) == self.name(b));
        let repeated: Vec<Vec<usize>> =
            same_name.filter(|group| group.len() > 1).map(<[_]>::to_vec).collect();
        let mut kept = vec![true; self.pairs.len()];
        for group in repeated {
            let value = self.merged(&group);
            for &pair in &group {
                kept[pair] = false;
            }
            if let [first, ..] = *group {
                kept[first] = true;
                self.pairs[first].value = value;
            }
        }
        let mut kept = kept.into_iter();
        self.pairs.retain(|_| kept.next().unwrap_or(true));
    }

    /// The one value for pairs of the same name.
    fn merged(&mut self, group: &[usize]) -> Range<usize> {
        let Some((&last, before)) = group.split_last() else { return 0..0 };
        let separator: &[u8] = match self.name(last) {
            b"HTTP_COOKIE" => b"; ",
            name if name.starts_with(b"HTTP_") => b", ",
            _ => return self.pairs[last].value.clone(),
        };
        let start = self.blob.len();
        for &pair in before {
            self.blob.extend_from_within(self.pairs[pair].value.clone());
            self.blob.extend_from_slice(separator);
        }
        self.blob.extend_from_within(self.pairs[last].value.clone());
        start..self.blob.len()
    }
}

/// Collects pairs as they are; what [`Params::decode`] refuses is not looked for, repeated names are treated alike.
impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut params = Self::default();
        for (name, value) in pairs {
            let start = params.blob.len();
            params.blob.extend_from_slice(name.as_ref());
            let middle = params.blob.len();
            params.blob.extend_from_slice(value.as_ref());
            params.pairs.push(Pair { name: start..middle, value: middle..params.blob.len() });
        }
        params.merge_repeated();
        params
    }
}

/// The same pairs in the same order.
impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Params {}

/// Prints the names alone, because values may be passwords and cookies.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Params")?;
        f.debug_set().entries(self.iter().map(|(name, _)| String::from_utf8_lossy(name))).finish()
    }
}

fn slice<'a>(blob: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    blob.get(range.clone()).unwrap_or_default()
}

fn check(name: &[u8], value: &[u8]) -> Result<(), ParamsError> {
    if !is_plain(name) && has_one_of(name, FORBIDDEN_IN_NAMES) {
        return Err(ParamsError::Name { name: shown(name) });
    }
    if has_one_of(value, [0]) {
        return Err(ParamsError::NulInValue { name: shown(name) });
    }
    Ok(())
}

/// Whether all bytes are letters, `_` and the like, as in most names: their seventh bit tells them from all that is forbidden,
/// and from digits. Looks at eight of them at a time.
fn is_plain(name: &[u8]) -> bool {
    const LETTERS: u64 = EACH_BYTE << 6;

    let Some(&last) = name.last_chunk() else { return name.iter().all(|byte| byte & 1 << 6 != 0) };
    let words = name.as_chunks().0.iter().map(|&word| u64::from_le_bytes(word));
    words.fold(u64::from_le_bytes(last), |all, word| all & word) & LETTERS == LETTERS
}

/// Whether one of the `wanted` is among `bytes`; looks at eight of them at a time.
fn has_one_of<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> bool {
    let is_in = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        wanted.iter().any(|&byte| has_zero(word ^ (EACH_BYTE * u64::from(byte))))
    };
    match bytes.last_chunk() {
        Some(last) => bytes.as_chunks().0.iter().any(is_in) || is_in(last),
        None => bytes.iter().any(|byte| wanted.contains(byte)),
    }
}

/// Whether a byte of `word` is zero: only then does subtracting one set its highest bit where it was clear before.
fn has_zero(word: u64) -> bool {
    word.wrapping_sub(EACH_BYTE) & !word & (EACH_BYTE << 7) != 0
}

fn shown(name: &[u8]) -> String {
    name.get(..MAX_NAME_SHOWN).unwrap_or(name).escape_ascii().to_string()
}

/// Tells cheaply that no name was repeated. It errs on the other side alone, about once in ten requests.
struct NameFilter {
    seen: [u64; Self::WORDS],
    maybe_repeated: bool,
}

impl NameFilter {
    /// 4096 bits for the usual 30 names.
    const WORDS: usize = 64;

    fn new() -> Self {
        Self { seen: [0; Self::WORDS], maybe_repeated: false }
    }

    fn insert(&mut self, name: &[u8]) {
        let tag = tag(name);
        let bit = 1 << (tag % 64);
        if let Some(word) = self.seen.get_mut(tag / 64 % Self::WORDS) {
            self.maybe_repeated |= *word & bit != 0;
            *word |= bit;
        }
    }
}

/// Twelve bits of both ends of a name and its length.
fn tag(name: &[u8]) -> usize {
    let ends = match (name.first_chunk(), name.last_chunk()) {
        (Some(&first), Some(&last)) => u64::from_le_bytes(first).rotate_left(29) ^ u64::from_le_bytes(last),
        _ => name.iter().fold(0, |bits, &byte| bits << 8 | u64::from(byte)),
    };
    let spread = (ends ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (spread >> 52) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    /// Checks what becomes of pairs, whether they are decoded or collected.
    fn check(sent: Pairs, expected: Pairs) {
        let mut stream = bytes::BytesMut::new();
        assert!(sent.iter().all(|(name, value)| crate::encode_pair(
            name.as_bytes(),
            value.as_bytes(),
            &mut stream
        )));
        let decoded = Params::decode(stream.to_vec(), 100).expect("pairs that are in order");
        let collected: Params = sent.iter().copied().collect();
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        assert_eq!(decoded.iter().collect::<Vec<_>>(), expected);
        assert_eq!(decoded, collected);
    }

    #[test]
    fn pairs_keep_their_order() {
        check(&[], &[]);
        check(&[("B", "2"), ("A", "1"), ("", ""), ("C", "")], &[("B", "2"), ("A", "1"), ("", ""), ("C", "")]);
    }

    #[test]
    fn of_repeated_names_one_remains() {
        check(&[("A", "1"), ("B", "2"), ("A", "3")], &[("A", "3"), ("B", "2")]);
        check(&[("", "1"), ("", "2")], &[("", "2")]);
        check(&[("CONTENT_LENGTH", "5"), ("CONTENT_LENGTH", "7")], &[("CONTENT_LENGTH", "7")]);
    }

    #[test]
    fn repeated_headers_are_joined() {
        check(
            &[("HTTP_COOKIE", "a=1"), ("HTTP_ACCEPT", "x"), ("HTTP_COOKIE", "b=2"), ("HTTP_ACCEPT", "")],
            &[("HTTP_COOKIE", "a=1; b=2"), ("HTTP_ACCEPT", "x, ")],
        );
        check(&[("HTTP_X", "1"), ("HTTP_X", "2"), ("HTTP_X", "3")], &[("HTTP_X", "1, 2, 3")]);
    }

    #[test]
    fn names_that_differ_in_case_are_different() {
        check(&[("HTTP_X", "1"), ("http_x", "2")], &[("HTTP_X", "1"), ("http_x", "2")]);
    }

    #[test]
    fn values_are_found_by_name() {
        let params: Params = [("A", "1"), ("AB", "2"), ("EMPTY", "")].into_iter().collect();
        for (name, value) in
            [("A", Some("1")), ("AB", Some("2")), ("EMPTY", Some("")), ("B", None), ("", None)]
        {
            assert_eq!(params.get(name), value.map(str::as_bytes), "{name}");
        }
        assert_eq!((params.len(), params.is_empty()), (3, false));
    }

    #[test]
    fn bytes_are_found_wherever_they_are() {
        for len in 0..20 {
            let bytes = vec![b'>'; len];
            assert!(!has_one_of(&bytes, FORBIDDEN_IN_NAMES) && !has_one_of(&bytes, [0]), "{len}");
            assert!(is_plain(&vec![b'_'; len]), "{len}");
            for (at, wanted) in (0..len).flat_map(|at| FORBIDDEN_IN_NAMES.map(|wanted| (at, wanted))) {
                let mut bytes = bytes.clone();
                bytes[at] = wanted;
                assert!(has_one_of(&bytes, FORBIDDEN_IN_NAMES), "{wanted} at {at} of {len}");
                assert_eq!(has_one_of(&bytes, [0]), wanted == 0, "{wanted} at {at} of {len}");
                let mut name = vec![b'_'; len];
                name[at] = wanted;
                assert!(!is_plain(&name), "{wanted} at {at} of {len}");
            }
        }
    }

    #[test]
    fn debug_shows_no_values() {
        let params: Params = [("REMOTE_PASSWD", "secret")].into_iter().collect();
        assert_eq!(format!("{params:?}"), r#"Params{"REMOTE_PASSWD"}"#);
    }
}
