//! From the bytes of a pipe to lines.

use bytes::{Bytes, BytesMut};

/// How much is read at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// Room is made when less than this is left, so that short lines share a chunk.
const LEAST_BYTES: usize = 4 << 10;
/// A buffer that grew larger than this for one long line is given back after it.
const KEEP_BYTES: usize = 1 << 20;

/// Cuts what it is given at newlines.
#[derive(Debug)]
pub(crate) struct Lines {
    /// What follows the last newline.
    buffer: BytesMut,
    /// How much of the buffer is known to hold no newline.
    scanned: usize,
    /// Whether everything up to the next newline belongs to a line that was cut.
    skipping: bool,
    limit_bytes: usize,
}

/// A line without its newline.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The line.
    pub(crate) bytes: Bytes,
    /// Whether its end is missing.
    pub(crate) truncated: bool,
}

impl Lines {
    /// Cuts lines of up to `limit_bytes`.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { buffer: BytesMut::new(), scanned: 0, skipping: false, limit_bytes }
    }

    /// Where to read into.
    pub(crate) fn room(&mut self) -> &mut BytesMut {
        if self.buffer.is_empty() && self.buffer.capacity() > KEEP_BYTES {
            self.buffer = BytesMut::new();
        }
        if self.buffer.capacity() - self.buffer.len() < LEAST_BYTES {
            self.buffer.reserve(CHUNK_BYTES);
        }
        &mut self.buffer
    }

    /// The next line, as soon as it is known to be whole or too long.
    pub(crate) fn next_line(&mut self) -> Option<Cut> {
        while let Some(end) = self.find_newline() {
            let bytes = self.buffer.split_to(end + 1).freeze().slice(..end);
            self.scanned = 0;
            if !std::mem::take(&mut self.skipping) {
                return Some(self.cut(&bytes));
            }
        }
        if self.skipping {
            self.forget();
            return None;
        }
        let too_long = self.buffer.len() > self.limit_bytes;
        too_long.then(|| {
            let bytes = self.buffer.split().freeze();
            self.forget();
            self.skipping = true;
            self.cut(&bytes)
        })
    }

    /// What stands after the last newline, when nothing more will come.
    pub(crate) fn last_line(mut self) -> Option<Cut> {
        let rest = self.buffer.split().freeze();
        (!rest.is_empty() && !self.skipping).then(|| self.cut(&rest))
    }

    fn find_newline(&mut self) -> Option<usize> {
        let found = self.buffer[self.scanned..].iter().position(|byte| *byte == b'\n');
        let end = found.map(|offset| self.scanned + offset);
        self.scanned = end.unwrap_or(self.buffer.len());
        end
    }

    fn forget(&mut self) {
        self.buffer.clear();
        self.scanned = 0;
    }

    fn cut(&self, bytes: &Bytes) -> Cut {
        let end = bytes.len().min(self.limit_bytes);
        Cut { bytes: bytes.slice(..end), truncated: end < bytes.len() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of `chunks`, and whether each was cut at 4 bytes.
    fn lines<C: AsRef<[u8]>>(chunks: &[C]) -> Vec<(Vec<u8>, bool)> {
        let mut lines = Lines::new(4);
        let mut cuts = Vec::new();
        for chunk in chunks {
            lines.room().extend_from_slice(chunk.as_ref());
            cuts.extend(std::iter::from_fn(|| lines.next_line()));
        }
        cuts.extend(lines.last_line());
        cuts.into_iter().map(|cut| (cut.bytes.to_vec(), cut.truncated)).collect()
    }

    #[test]
    fn a_line_is_what_stands_between_newlines() {
        let expected = [(b"a".to_vec(), false), (vec![], false), (b"bc".to_vec(), false)];
        assert_eq!(lines(&[&b"a\n\nb"[..], b"c\n"]), expected);
        assert_eq!(lines(&[&b"a\n\nb"[..], b"c"]), expected, "the last newline may be missing");
        assert_eq!(lines::<&[u8]>(&[]), []);
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let expected = [(b"long".to_vec(), true), (b"next".to_vec(), false)];
        assert_eq!(lines(&["longer\nnext\n"]), expected);
        assert_eq!(lines(&["long", "er", " and longer", "\nnext"]), expected);
        assert_eq!(lines(&["long", "er"]), expected[..1]);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_arrive(
            chunks in prop::collection::vec(prop::collection::vec(prop::sample::select(b"ab\n".to_vec()), 0..9), 0..9)
        ) {
            let whole = chunks.concat();
            let text = String::from_utf8(whole).unwrap();
            let expected: Vec<_> = text
                .split_terminator('\n')
                .map(|line| (line.as_bytes()[..line.len().min(4)].to_vec(), line.len() > 4))
                .collect();
            prop_assert_eq!(lines(&chunks), expected);
        }
    }
}
