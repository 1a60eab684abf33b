//! Server-sent events out of bytes that come in any pieces: the name and the data of each event.

/// The longest event that is kept whole. What is metered is a few hundred bytes; of a longer event the beginning is kept.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event<'a> {
    /// Its name; empty when it has none.
    pub(super) name: &'a [u8],
    /// Its data, lines separated by line feeds.
    pub(super) data: &'a [u8],
    /// It is longer than what is kept, so that its data is only a beginning.
    pub(super) is_cut: bool,
}

/// The state between two pieces.
#[derive(Debug, Default)]
pub(super) struct SseParser {
    /// The line so far, as far as it is kept.
    line: Vec<u8>,
    /// The line has at least one byte.
    line_begun: bool,
    /// How many lines have ended.
    lines: usize,
    /// The name of the event so far.
    name: Vec<u8>,
    /// The data of the event so far; `None` before its first `data` line.
    data: Option<Vec<u8>>,
    /// The event is longer than what is kept.
    too_long: bool,
    /// The last byte was a carriage return, so that a line feed now ends nothing.
    after_return: bool,
}

impl SseParser {
    /// Reads on, and calls `on_event` with every event that ends in `bytes`.
    pub(super) fn read(&mut self, bytes: &[u8], mut on_event: impl FnMut(Event<'_>)) {
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

    /// Ends the stream: calls `on_event` with an event that has begun.
    pub(super) fn finish(&mut self, mut on_event: impl FnMut(Event<'_>)) {
        // The end of the line, and the blank line.
        if self.line_begun {
            self.end_line(&mut on_event);
        }
        self.end_line(&mut on_event);
    }

    fn keep(&mut self, text: &[u8]) {
        self.line_begun |= !text.is_empty();
        let kept = self.line.len() + self.name.len() + self.data.as_ref().map_or(0, Vec::len);
        let room = MAX_EVENT_BYTES.saturating_sub(kept);
        self.too_long |= text.len() > room;
        self.line.extend_from_slice(&text[..text.len().min(room)]);
    }

    fn end_line(&mut self, on_event: &mut impl FnMut(Event<'_>)) {
        let mut line = std::mem::take(&mut self.line);
        let is_first = self.lines == 0;
        self.lines = self.lines.saturating_add(1);
        let text = if is_first { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line) } else { &line };
        // A line without room for its bytes is not blank.
        let is_blank = !std::mem::take(&mut self.line_begun) || (is_first && text.is_empty());
        if is_blank {
            let (name, data) = (std::mem::take(&mut self.name), self.data.take());
            let is_cut = std::mem::take(&mut self.too_long);
            match data {
                Some(data) => on_event(Event { name: &name, data: &data, is_cut }),
                None if is_cut => on_event(Event { name: &name, data: &[], is_cut }),
                None => {}
            }
        } else if let Some(value) = value_of(text, b"data") {
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            }
        } else if let Some(value) = value_of(text, b"event") {
            self.name = value.to_vec();
        }
        line.clear();
        self.line = line;
    }
}

/// The value of a line whose field is `field`.
fn value_of<'a>(line: &'a [u8], field: &[u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(field)? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        named(pieces).into_iter().map(|(_, data, _)| data).collect()
    }

    fn named(pieces: &[&[u8]]) -> Vec<(String, String, bool)> {
        let mut parser = SseParser::default();
        let mut seen = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).into_owned();
        for piece in pieces {
            parser.read(piece, |event| seen.push((text(event.name), text(event.data), event.is_cut)));
        }
        seen
    }

    #[test]
    fn reads_name_and_data_alone() {
        let stream = b": hello\n\nevent: ping\nid: 4\ndata: one\n\ndata:two\ndata\ndata:  three\ndatum: x\n\nretry: 3\n\ndata: cut";
        assert_eq!(events(&[stream]), ["one", "two\n\n three"]);
        let names: Vec<_> = named(&[stream]).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["ping", ""]);
    }

    #[test]
    fn takes_any_line_end_wherever_the_bytes_are_cut() {
        for stream in ["data: a\n\ndata: b\n\n", "data: a\r\n\r\ndata: b\r\n\r\n", "data: a\r\rdata: b\r\r"] {
            for cut in 0..=stream.len() {
                let (head, tail) = stream.as_bytes().split_at(cut);
                assert_eq!(events(&[head, tail]), ["a", "b"], "{stream:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn ends_an_event_with_the_first_byte_that_ends_it() {
        assert_eq!(events(&[b"data: a\r\n\r"]), ["a"]);
    }

    #[test]
    fn finishes_an_event_that_was_not_ended() {
        for (stream, expected) in [("data: a", 1), ("data: a\n", 1), ("data: a\n\n", 0), ("", 0), (": b", 0)] {
            let (mut parser, mut seen) = (SseParser::default(), 0);
            parser.read(stream.as_bytes(), |_| {});
            parser.finish(|event| seen += usize::from(event.data == b"a"));
            assert_eq!(seen, expected, "{stream:?}");
        }
    }

    #[test]
    fn skips_a_byte_order_mark() {
        assert_eq!(events(&[b"\xef\xbb", b"\xbfdata: a\n\ndata: b\n\n"]), ["a", "b"]);
        assert_eq!(events(&[b"\xef\xbb\xbf\ndata: b\n\n"]), ["b"]);
    }

    #[test]
    fn keeps_the_beginning_of_an_event_that_is_too_long() {
        let long = vec![b'x'; MAX_EVENT_BYTES];
        let cut = named(&[b"event: big\ndata: y", &long, b"\ndata: z\n\ndata: a\n\n"]);
        assert_eq!((cut[0].0.as_str(), &cut[0].1[..2], cut[0].2), ("big", "yx", true));
        assert_eq!(cut[1..], [(String::new(), "a".to_owned(), false)]);
        let comment = [b": ".as_slice(), &long, b"\n\ndata: a\n\n"].concat();
        assert_eq!(named(&[&comment]).last().unwrap().1, "a");
        let line = [b"data: ".as_slice(), &vec![b'x'; MAX_EVENT_BYTES / 2], b"\n"].concat();
        let cut = named(&[&line, &line, &line, b"data: y\n\ndata: a\n\n"]);
        assert_eq!(cut.iter().map(|(.., is_cut)| *is_cut).collect::<Vec<_>>(), [true, false]);
    }
}
