//! Where the bytes of an input are cut.

/// An input: its first byte says how many of the next ones are lengths of pieces; the rest is what is sent.
pub(crate) struct Input<'a> {
    /// Whether limits are so low that they are met.
    pub(crate) tight: bool,
    lens: &'a [u8],
    /// All that is sent.
    pub(crate) bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn read(input: &'a [u8]) -> Option<Self> {
        let (&first, rest) = input.split_first()?;
        let (lens, bytes) = rest.split_at_checked(usize::from(first & 7))?;
        Some(Self { tight: first & 8 != 0, lens, bytes })
    }

    /// The bytes in pieces of these lengths, over and over; all at once without any.
    pub(crate) fn pieces(&self) -> Vec<&'a [u8]> {
        let (mut pieces, mut rest) = (Vec::new(), self.bytes);
        let mut lens = self.lens.iter().cycle();
        while !rest.is_empty() {
            let len = lens.next().map_or(rest.len(), |len| usize::from(*len).max(1).min(rest.len()));
            let (piece, left) = rest.split_at(len);
            pieces.push(piece);
            rest = left;
        }
        pieces
    }
}
