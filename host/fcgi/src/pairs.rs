//! The encoding of name-value pairs (section 3.4).

use std::ops::Range;

use bytes::{BufMut, BytesMut};

use crate::ParamsError;

/// Longest name or value that the encoding can express, in bytes.
pub const MAX_PAIR_LEN: usize = 0x7fff_ffff;
/// Longest length that takes one byte.
const MAX_SHORT_LEN: u8 = 0x7f;

/// Appends a pair to `out`. Returns false, and appends nothing, if one half is longer than [`MAX_PAIR_LEN`].
pub fn encode_pair(name: &[u8], value: &[u8], out: &mut BytesMut) -> bool {
    if name.len().max(value.len()) > MAX_PAIR_LEN {
        return false;
    }
    for len in [name.len(), value.len()] {
        match u8::try_from(len) {
            Ok(short @ ..=MAX_SHORT_LEN) => out.put_u8(short),
            _ => out.put_slice(&long_length(len)),
        }
    }
    out.put_slice(name);
    out.put_slice(value);
    true
}

#[expect(clippy::cast_possible_truncation, reason = "at most MAX_PAIR_LEN")]
const fn long_length(len: usize) -> [u8; 4] {
    (len as u32 | 0x8000_0000).to_be_bytes()
}

/// Where a pair stands in its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) name: Range<usize>,
    pub(crate) value: Range<usize>,
}

/// Reads pairs; bounds every step to the stream.
pub(crate) struct Cursor<'a> {
    stream: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(stream: &'a [u8]) -> Self {
        Self { stream, at: 0 }
    }

    /// The next pair, or `None` at the end.
    pub(crate) fn pair(&mut self) -> Result<Option<Pair>, ParamsError> {
        let at = self.at;
        if at == self.stream.len() {
            return Ok(None);
        }
        let cut = ParamsError::LengthsCut { at };
        let (Some(name_len), Some(value_len)) = (self.length(), self.length()) else { return Err(cut) };
        let left = self.stream.len() - self.at;
        let (Some(name), Some(value)) = (self.take(name_len), self.take(value_len)) else {
            return Err(ParamsError::Overrun {
                at,
                claimed: u64::from(name_len) + u64::from(value_len),
                left,
            });
        };
        Ok(Some(Pair { name, value }))
    }

    fn length(&mut self) -> Option<u32> {
        let (len, taken) = match *self.stream.get(self.at..)? {
            [short @ ..=MAX_SHORT_LEN, ..] => (short.into(), 1),
            [l3, l2, l1, l0, ..] => (u32::from_be_bytes([l3 & MAX_SHORT_LEN, l2, l1, l0]), 4),
            _ => return None,
        };
        self.at += taken;
        Some(len)
    }

    fn take(&mut self, len: u32) -> Option<Range<usize>> {
        let start = self.at;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        if end > self.stream.len() {
            return None;
        }
        self.at = end;
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks how long the encoding of a pair of these lengths is, and that it is read back.
    fn check(name_len: usize, value_len: usize, lengths: &[u8]) {
        let (name, value) = (vec![b'n'; name_len], vec![b'v'; value_len]);
        let mut stream = BytesMut::new();
        assert!(encode_pair(&name, &value, &mut stream));
        assert_eq!(stream, [lengths, &name, &value].concat());
        let middle = lengths.len() + name_len;
        let pair = Pair { name: lengths.len()..middle, value: middle..stream.len() };
        let mut cursor = Cursor::new(&stream);
        assert_eq!(cursor.pair(), Ok(Some(pair)));
        assert_eq!(cursor.pair(), Ok(None));
    }

    #[test]
    fn lengths_take_one_byte_or_four() {
        check(0, 0, &[0, 0]);
        check(127, 127, &[0x7f, 0x7f]);
        check(5, 128, &[5, 0x80, 0, 0, 0x80]);
        check(128, 5, &[0x80, 0, 0, 0x80, 5]);
        check(300, 70_000, &[0x80, 0, 1, 0x2c, 0x80, 1, 0x11, 0x70]);
    }

    #[test]
    fn lengths_may_be_longer_than_they_need_be() {
        let pair = Pair { name: 8..9, value: 9..10 };
        assert_eq!(Cursor::new(&[0x80, 0, 0, 1, 0x80, 0, 0, 1, b'n', b'v']).pair(), Ok(Some(pair)));
    }
}
