//! The sending half of a connection: records, ready for a vectored write.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use crate::record::{ALIGNMENT, Header, MAX_CONTENT_LEN, RecordType};

/// Content shorter than this is copied beside its header: that is cheaper than a slice of its own in the write,
/// and a whole small response is then contiguous.
const COPY_BELOW: usize = 2048;
/// Longest content that needs no padding; longer streams are cut here.
const MAX_ALIGNED_LEN: usize = MAX_CONTENT_LEN - MAX_CONTENT_LEN % ALIGNMENT;

#[derive(Debug)]
enum Segment {
    /// So many bytes from the front of `copied`.
    Copied(usize),
    /// Bytes of the caller's own.
    Shared(Bytes),
}

/// Queue of bytes to be sent, a [`Buf`] to be written and advanced by whoever owns the socket.
///
/// It is as long as its user makes it: who sends a stream waits while [`Buf::remaining`] is large.
#[derive(Debug, Default)]
pub struct Output {
    copied: BytesMut,
    queue: VecDeque<Segment>,
    remaining: usize,
}

impl Output {
    /// Queues one record whose content fits into it and is copied.
    pub(crate) fn record(&mut self, kind: RecordType, id: u16, content: &[u8]) {
        let Ok(content_len) = u16::try_from(content.len()) else {
            return self.stream(kind, id, Bytes::copy_from_slice(content));
        };
        let padding_len = padding(content.len());
        self.copy(&Header { kind: kind.code(), id, content_len, padding_len }.encode());
        self.copy(content);
        self.pad(padding_len);
    }

    /// Queues a piece of a stream, in as many records as it takes. No content makes no record.
    pub(crate) fn stream(&mut self, kind: RecordType, id: u16, mut content: Bytes) {
        while content.len() > MAX_CONTENT_LEN {
            let part = content.split_to(MAX_ALIGNED_LEN);
            self.shared_record(kind, id, part);
        }
        match content.len() {
            0 => {}
            1..COPY_BELOW => self.record(kind, id, &content),
            _ => self.shared_record(kind, id, content),
        }
    }

    /// Queues the empty record that ends a stream.
    pub(crate) fn end_stream(&mut self, kind: RecordType, id: u16) {
        self.record(kind, id, &[]);
    }

    /// Frees the queue if it holds nothing.
    pub(crate) fn shrink(&mut self) {
        if self.remaining == 0 {
            *self = Self::default();
        }
    }

    /// `content` is at most `MAX_CONTENT_LEN` bytes long.
    fn shared_record(&mut self, kind: RecordType, id: u16, content: Bytes) {
        let Ok(content_len) = u16::try_from(content.len()) else { return };
        let padding_len = padding(content.len());
        self.copy(&Header { kind: kind.code(), id, content_len, padding_len }.encode());
        self.remaining += content.len();
        self.queue.push_back(Segment::Shared(content));
        self.pad(padding_len);
    }

    fn pad(&mut self, len: u8) {
        if let Some(padding) = [0; ALIGNMENT].get(..len.into()) {
            self.copy(padding);
        }
    }

    fn copy(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.copied.extend_from_slice(bytes);
        self.remaining += bytes.len();
        match self.queue.back_mut() {
            Some(Segment::Copied(len)) => *len += bytes.len(),
            _ => self.queue.push_back(Segment::Copied(bytes.len())),
        }
    }
}

/// Bytes that bring a record to the next multiple of [`ALIGNMENT`].
#[expect(clippy::cast_possible_truncation, reason = "less than ALIGNMENT")]
fn padding(content_len: usize) -> u8 {
    (content_len.next_multiple_of(ALIGNMENT) - content_len) as u8
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        match self.queue.front() {
            Some(Segment::Copied(len)) => self.copied.get(..*len).unwrap_or_default(),
            Some(Segment::Shared(bytes)) => bytes,
            None => &[],
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut copied = &self.copied[..];
        let mut filled = 0;
        for (slice, segment) in slices.iter_mut().zip(&self.queue) {
            let bytes = match segment {
                Segment::Copied(len) => copied.split_off(..*len).unwrap_or_default(),
                Segment::Shared(bytes) => bytes,
            };
            *slice = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    /// Drops the first `count` bytes, or all if there are fewer.
    fn advance(&mut self, count: usize) {
        let mut left = count.min(self.remaining);
        self.remaining -= left;
        while left > 0
            && let Some(front) = self.queue.front_mut()
        {
            let len = match front {
                Segment::Copied(len) => *len,
                Segment::Shared(bytes) => bytes.len(),
            };
            let taken = left.min(len);
            match front {
                Segment::Copied(len) => {
                    *len -= taken;
                    self.copied.advance(taken);
                }
                Segment::Shared(bytes) => bytes.advance(taken),
            }
            if taken == len {
                self.queue.pop_front();
            }
            left -= taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: u16 = 1;

    fn stdout(lens: &[usize]) -> Output {
        let mut output = Output::default();
        for &len in lens {
            output.stream(RecordType::Stdout, ID, vec![b'x'; len].into());
        }
        output
    }

    /// Checks the lengths of the slices that a response of these pieces is written in.
    fn check(pieces: &[usize], expected: &[usize]) {
        let output = stdout(pieces);
        let mut slices = [IoSlice::new(&[]); 16];
        let filled = output.chunks_vectored(&mut slices);
        assert_eq!(slices[..filled].iter().map(|slice| slice.len()).collect::<Vec<_>>(), expected);
        assert_eq!(output.remaining(), expected.iter().sum());
        assert_eq!(output.chunk().len(), expected.first().copied().unwrap_or_default());
    }

    #[test]
    fn short_content_is_contiguous_and_long_content_is_shared() {
        check(&[], &[]);
        check(&[0], &[]);
        check(&[1], &[16]);
        check(&[8, 100], &[16 + 112]);
        check(&[2047], &[2056]);
        check(&[2048], &[8, 2048]);
        check(&[100, 5000, 100], &[112 + 8, 5000, 112]);
        check(&[4001], &[8, 4001, 7]);
    }

    #[test]
    fn long_content_is_cut_where_no_padding_is_needed() {
        check(&[65_535], &[8, 65_535, 1]);
        check(&[65_536], &[8, 65_528, 8 + 8]);
        check(&[131_056], &[8, 65_528, 8, 65_528]);
    }

    #[test]
    fn long_content_is_not_copied() {
        let body = Bytes::from(vec![b'x'; 4096]);
        let mut output = Output::default();
        output.stream(RecordType::Stdout, ID, body.clone());
        output.advance(8);
        assert_eq!(output.chunk().as_ptr(), body.as_ptr());
    }

    #[test]
    fn it_may_be_written_in_any_steps() {
        let lens = [10, 3000, 65_540, 0, 1];
        let len = stdout(&lens).remaining();
        let whole = stdout(&lens).copy_to_bytes(len);
        for step in [1, 7, 8, 9, 4096, 100_000] {
            let (mut output, mut written) = (stdout(&lens), Vec::new());
            while output.has_remaining() {
                let chunk = output.chunk();
                let taken = step.min(chunk.len());
                written.extend_from_slice(&chunk[..taken]);
                output.advance(taken);
            }
            assert!(written == whole, "steps of {step}");
        }
    }

    #[test]
    fn to_advance_too_far_empties_it() {
        let mut output = stdout(&[10, 3000]);
        output.advance(usize::MAX);
        assert_eq!((output.remaining(), output.chunk()), (0, &[][..]));
    }

    #[test]
    fn what_was_written_is_not_kept() {
        let mut output = stdout(&[10]);
        for _ in 0..100_000 {
            output.stream(RecordType::Stdout, ID, Bytes::from_static(&[b'x'; 10]));
            output.advance(24);
        }
        assert_eq!(output.remaining(), 24);
        assert!(output.copied.capacity() < 4096 && output.queue.capacity() < 16);
        output.advance(24);
        output.shrink();
        assert_eq!((output.copied.capacity(), output.queue.capacity()), (0, 0));
    }
}
