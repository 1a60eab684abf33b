//! Server-sent events out of bytes that come in any pieces: only the data of each event, which is all that is metered.

/// The longest data of an event that is kept. What the meter reads is a few hundred bytes; a longer event is let go.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// The state between two pieces.
#[derive(Debug, Default)]
pub(super) struct SseParser {
    /// The line so far, as far as it is kept.
    line: Vec<u8>,
    /// The line has at least one byte.
    line_begun: bool,
    /// The data of the event so far; `None` before its first `data` line.
    data: Option<Vec<u8>>,
    /// The event is longer than what is kept.
    too_long: bool,
    /// The last byte was a carriage return, so that a line feed now ends nothing.
    after_return: bool,
}

impl SseParser {
    /// Reads on, and calls `on_event` with the data of every event that ends in `bytes`.
    pub(super) fn read(&mut self, bytes: &[u8], mut on_event: impl FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            match piece.split_last() {
                Some((b'\n', [])) if self.after_return => {}
                Some((b'\n' | b'\r', text)) => {
                    self.keep(text);
                    self.end_line(&mut on_event);
                }
                _ => self.keep(piece),
            }
            self.after_return = piece.ends_with(b"\r");
        }
    }

    fn keep(&mut self, text: &[u8]) {
        self.line_begun |= !text.is_empty();
        let kept = self.line.len() + self.data.as_ref().map_or(0, Vec::len);
        if kept + text.len() > MAX_EVENT_BYTES {
            self.too_long = true;
        } else {
            self.line.extend_from_slice(text);
        }
    }

    fn end_line(&mut self, on_event: &mut impl FnMut(&[u8])) {
        if !std::mem::take(&mut self.line_begun) {
            let data = self.data.take();
            if !std::mem::take(&mut self.too_long)
                && let Some(data) = data
            {
                on_event(&data);
            }
            return;
        }
        if let Some(value) = data_of(&self.line) {
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            }
        }
        self.line.clear();
    }
}

/// The value of a `data` line.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data")? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut parser = SseParser::default();
        let mut seen = Vec::new();
        for piece in pieces {
            parser.read(piece, |data| seen.push(String::from_utf8_lossy(data).into_owned()));
        }
        seen
    }

    #[test]
    fn only_data_counts() {
        let stream = b": hello\n\nevent: ping\nid: 4\ndata: one\n\ndata:two\ndata\ndata:  three\ndatum: x\n\nretry: 3\n\ndata: cut";
        assert_eq!(events(&[stream]), ["one", "two\n\n three"]);
    }

    #[test]
    fn any_line_end_will_do_wherever_the_bytes_are_cut() {
        for stream in ["data: a\n\ndata: b\n\n", "data: a\r\n\r\ndata: b\r\n\r\n", "data: a\r\rdata: b\r\r"] {
            for cut in 0..=stream.len() {
                let (head, tail) = stream.as_bytes().split_at(cut);
                assert_eq!(events(&[head, tail]), ["a", "b"], "{stream:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn an_event_ends_with_the_first_byte_that_ends_it() {
        assert_eq!(events(&[b"data: a\r\n\r"]), ["a"]);
    }

    #[test]
    fn an_event_that_is_too_long_is_let_go_and_the_next_is_read() {
        let long = vec![b'x'; MAX_EVENT_BYTES];
        assert_eq!(events(&[b"data: ", &long, b"\ndata: y\n\ndata: a\n\n"]), ["a"]);
        let line = [b"data: ".as_slice(), &vec![b'x'; MAX_EVENT_BYTES / 2], b"\n"].concat();
        assert_eq!(events(&[&line, &line, &line, b"data: y\n\ndata: a\n\n"]), ["a"]);
    }
}
