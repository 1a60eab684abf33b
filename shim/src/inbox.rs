//! The inbox: inputs that were received and wait until the agent takes them.

use std::collections::VecDeque;

use bytes::Bytes;
use innkeeper_shim::protocol::{INPUT_WINDOW, INPUT_WINDOW_BYTES};

/// What the agent's stdin is to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A line, without its newline.
    Line(Bytes),
    /// Its end.
    End,
}

/// Inputs in their order. The first is number 1.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// The first is perhaps being written, and stays here until it is written whole.
    waiting: VecDeque<Input>,
    /// What all waiting inputs hold together.
    bytes: usize,
    /// The number of the last input that was written whole.
    taken: u64,
    /// Whether the agent takes no more.
    closed: bool,
}

/// Why an input is refused, and the connection with it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InputRefused {
    /// An input before it is missing.
    #[error("an input is missing before {0}")]
    Hole(u64),
    /// The server did not wait for its turn.
    #[error("too many inputs wait for the agent")]
    Overrun,
}

impl Inbox {
    /// Puts in input number `seq`. One that is known already is ignored, and so is any when the agent takes no more.
    pub(crate) fn put(&mut self, seq: u64, input: Input) -> Result<(), InputRefused> {
        if self.closed || seq < self.next() {
            return Ok(());
        }
        if seq > self.next() {
            return Err(InputRefused::Hole(seq));
        }
        let bytes = self.bytes + size(&input);
        let full = self.waiting.len() >= INPUT_WINDOW || bytes > INPUT_WINDOW_BYTES;
        if full && !self.waiting.is_empty() {
            return Err(InputRefused::Overrun);
        }
        self.bytes = bytes;
        self.waiting.push_back(input);
        Ok(())
    }

    /// The number of the first input that is not here.
    pub(crate) fn next(&self) -> u64 {
        self.taken + self.waiting.len() as u64 + 1
    }

    /// The input whose turn it is.
    pub(crate) fn first(&self) -> Option<&Input> {
        self.waiting.front()
    }

    /// The first input was written whole. Its end closes the inbox.
    pub(crate) fn took_first(&mut self) {
        if let Some(input) = self.waiting.pop_front() {
            self.taken += 1;
            self.bytes -= size(&input);
            if input == Input::End {
                self.close();
            }
        }
    }

    /// The agent takes no more; what waits is dropped.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.waiting.clear();
        self.bytes = 0;
    }

    /// The number of the last input that was written whole.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether the agent takes no more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }
}

fn size(input: &Input) -> usize {
    match input {
        Input::Line(bytes) => bytes.len(),
        Input::End => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &'static str) -> Input {
        Input::Line(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn an_input_that_comes_again_is_not_taken_again() {
        let mut inbox = Inbox::default();
        inbox.put(1, line("one")).unwrap();
        inbox.put(1, line("one")).unwrap();
        inbox.took_first();
        assert_eq!((inbox.first(), inbox.taken()), (None, 1));
        inbox.put(1, line("one")).unwrap();
        assert_eq!((inbox.first(), inbox.next()), (None, 2));
    }

    #[test]
    fn a_hole_is_refused() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.put(2, line("two")), Err(InputRefused::Hole(2)));
        assert_eq!(inbox.next(), 1);
    }

    #[test]
    fn what_waits_is_bounded_in_number_and_in_bytes() {
        let mut inbox = Inbox::default();
        for seq in 1..=INPUT_WINDOW as u64 {
            inbox.put(seq, line("")).unwrap();
        }
        assert_eq!(inbox.put(inbox.next(), line("")), Err(InputRefused::Overrun));

        let mut inbox = Inbox::default();
        let large = Input::Line(Bytes::from(vec![0; INPUT_WINDOW_BYTES + 1]));
        inbox.put(1, large).expect("one input may be as long as it likes");
        assert_eq!(inbox.put(2, line("")), Err(InputRefused::Overrun));
        inbox.took_first();
        assert_eq!(inbox.put(2, line("")), Ok(()));
    }

    #[test]
    fn nothing_is_taken_after_the_end() {
        let mut inbox = Inbox::default();
        inbox.put(1, line("one")).unwrap();
        inbox.put(2, Input::End).unwrap();
        inbox.put(3, line("three")).unwrap();
        inbox.took_first();
        inbox.took_first();
        assert!(inbox.is_closed());
        assert_eq!((inbox.taken(), inbox.first()), (2, None));
        assert_eq!(inbox.put(9, line("nine")), Ok(()), "nothing is expected any more");
    }
}
