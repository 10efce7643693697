//! Splits what arrives into records, whatever the pieces it arrives in.

use bytes::{Buf, Bytes, BytesMut};

use crate::ProtocolError;
use crate::record::{HEADER_LEN, Header};

/// Content shorter than this is copied instead of split off, because a slice keeps its whole read buffer alive:
/// records of one byte and 255 of padding would hold 264 bytes each. From here on that waste is below a third.
const COPY_BELOW: usize = 1024;

/// What the reader found at its place in the stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece {
    /// A record begins. Its content is skipped unless the owner asks for it now, by [`Reader::stream`] or
    /// [`Reader::whole`].
    Start(Header),
    /// Content that the owner asked for, in [`Reader::content`]. The owner has to consume or take it.
    Content(Header),
}

#[derive(Debug, Clone, Copy)]
enum State {
    Header,
    Content { header: Header, left: usize, whole: bool },
    Skip { left: usize },
}

/// The receiving half of a connection, below the meaning of its records.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: BytesMut,
    state: State,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self { buffer: BytesMut::new(), state: State::Header }
    }

    /// Where received bytes are appended.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next piece, or `None` until more bytes arrive.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, ProtocolError> {
        loop {
            match self.state {
                State::Header => {
                    let Some(&bytes) = self.buffer.first_chunk::<HEADER_LEN>() else { return Ok(None) };
                    let header = Header::decode(bytes)?;
                    self.buffer.advance(HEADER_LEN);
                    self.skip(usize::from(header.content_len) + usize::from(header.padding_len));
                    return Ok(Some(Piece::Start(header)));
                }
                State::Content { header, left, whole } => {
                    let awaited = if whole { left } else { 1 };
                    return Ok((self.buffer.len() >= awaited).then_some(Piece::Content(header)));
                }
                State::Skip { left } => {
                    let skipped = left.min(self.buffer.len());
                    self.buffer.advance(skipped);
                    self.skip(left - skipped);
                    if skipped < left {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Asks for the content of the record that has just begun, as it arrives; it must not be empty.
    pub(crate) fn stream(&mut self, header: Header) {
        self.state = State::Content { header, left: header.content_len.into(), whole: false };
    }

    /// Asks for the content of the record that has just begun, in one piece.
    pub(crate) fn whole(&mut self, header: Header) {
        self.state = State::Content { header, left: header.content_len.into(), whole: true };
    }

    /// The content at hand.
    pub(crate) fn content(&self) -> &[u8] {
        let State::Content { left, .. } = self.state else { return &[] };
        self.buffer.get(..left).unwrap_or(&self.buffer)
    }

    /// Goes past the content at hand.
    pub(crate) fn consume(&mut self) {
        let len = self.content().len();
        self.buffer.advance(len);
        self.passed(len);
    }

    /// Hands the content at hand out, without a copy unless it is short.
    pub(crate) fn take(&mut self) -> Bytes {
        let content = self.content();
        let len = content.len();
        if len < COPY_BELOW {
            let copy = Bytes::copy_from_slice(content);
            self.consume();
            return copy;
        }
        let taken = self.buffer.split_to(len).freeze();
        self.passed(len);
        taken
    }

    /// Whether the stream may end here.
    pub(crate) fn between_records(&self) -> bool {
        self.buffer.is_empty() && matches!(self.state, State::Header)
    }

    /// Frees the buffer if it holds nothing.
    pub(crate) fn shrink(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    fn passed(&mut self, len: usize) {
        let State::Content { header, left, whole } = self.state else { return };
        if len < left {
            self.state = State::Content { header, left: left - len, whole };
        } else {
            self.skip(header.padding_len.into());
        }
    }

    fn skip(&mut self, left: usize) {
        self.state = if left == 0 { State::Header } else { State::Skip { left } };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes one STDIN record of that length, which has arrived with 100 bytes of what follows.
    fn take(len: u16) -> (Bytes, Reader) {
        let header = Header { kind: 5, id: 1, content_len: len, padding_len: 0 };
        let mut reader = Reader::new();
        reader.buffer().extend_from_slice(&header.encode());
        reader.buffer().resize(HEADER_LEN + usize::from(len) + 100, 1);
        assert!(matches!(reader.next(), Ok(Some(Piece::Start(start))) if start == header));
        reader.stream(header);
        assert!(matches!(reader.next(), Ok(Some(Piece::Content(start))) if start == header));
        (reader.take(), reader)
    }

    #[test]
    fn short_content_is_copied() {
        let (content, mut reader) = take(1023);
        assert_ne!(content.as_ptr_range().end, reader.buffer().as_ptr());
        assert_eq!((content.len(), reader.buffer().len()), (1023, 100));
    }

    #[test]
    fn long_content_is_not_copied() {
        let (content, mut reader) = take(1024);
        assert_eq!(content.as_ptr_range().end, reader.buffer().as_ptr());
    }

    #[test]
    fn an_empty_buffer_is_given_up() {
        let (_, mut reader) = take(10);
        reader.shrink();
        assert_eq!(reader.buffer().len(), 100);
        reader.buffer().clear();
        reader.shrink();
        assert_eq!(reader.buffer().capacity(), 0);
    }
}
