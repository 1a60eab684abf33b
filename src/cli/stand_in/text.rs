//! The text of an answer, as the pieces in which it streams; a huge one is never held whole.

use std::iter;

/// How large the pieces of a huge answer are, about.
const LARGE_PIECE_BYTES: usize = 16 * 1024;

/// How many characters of a small answer stream at once.
const SMALL_PIECE_CHARS: usize = 48;

/// How many pieces an answer streams in at most, unless a script says.
const MOST_PIECES: usize = 64;

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// A given text, in so many pieces.
    Given {
        /// The text.
        text: String,
        /// How many pieces, at most one for each character.
        pieces: usize,
    },
    /// The numbers from `from` to `to`, one a piece, after an introduction.
    Numbers {
        /// What is said before the first number.
        introduction: String,
        /// The first number.
        from: u64,
        /// The last number.
        to: u64,
    },
    /// `text` again and again until there are `bytes` bytes.
    Repeated {
        /// What is repeated.
        text: String,
        /// How long the answer is.
        bytes: usize,
    },
}

impl Text {
    /// A text in the number of pieces that suits its length.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        let pieces = usual_pieces(&text);
        Self::Given { text, pieces }
    }

    /// The pieces, in order.
    pub(super) fn pieces(self) -> Box<dyn Iterator<Item = String> + Send> {
        match self {
            Self::Given { text, pieces } => Box::new(split(&text, pieces).into_iter()),
            Self::Numbers { introduction, from, to } => {
                let numbers = (from..=to).map(|number| format!("{number}\n"));
                Box::new(iter::once(introduction).filter(|said| !said.is_empty()).chain(numbers))
            }
            Self::Repeated { text, bytes } => Box::new(repeat(&text, bytes)),
        }
    }

    /// About how many bytes it has, without making them.
    pub(super) fn estimated_bytes(&self) -> usize {
        match self {
            Self::Given { text, .. } => text.len(),
            Self::Numbers { from, to, .. } => {
                usize::try_from(to.saturating_sub(*from)).unwrap_or(usize::MAX).saturating_mul(4)
            }
            Self::Repeated { bytes, .. } => *bytes,
        }
    }
}

/// `text` in the number of pieces that suits its length.
pub(super) fn split_usually(text: &str) -> Vec<String> {
    split(text, usual_pieces(text))
}

fn usual_pieces(text: &str) -> usize {
    text.chars().count().div_ceil(SMALL_PIECE_CHARS).min(MOST_PIECES)
}

/// `text` in `pieces` pieces of about the same length, and never an empty one.
fn split(text: &str, pieces: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let pieces = pieces.clamp(1, chars.len().max(1));
    (0..pieces)
        .map(|piece| chars[piece * chars.len() / pieces..(piece + 1) * chars.len() / pieces].iter().collect::<String>())
        .filter(|piece| !piece.is_empty())
        .collect()
}

fn repeat(text: &str, bytes: usize) -> impl Iterator<Item = String> + Send + use<> {
    let unit = text.repeat(LARGE_PIECE_BYTES.div_ceil(text.len().max(1)));
    let mut left = if unit.is_empty() { 0 } else { bytes };
    iter::from_fn(move || {
        let piece = &unit[..unit.floor_char_boundary(left)];
        left = if piece.len() < unit.len() { 0 } else { left - piece.len() };
        (!piece.is_empty()).then(|| piece.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, pieces: usize) -> Vec<String> {
        let text = text.to_owned();
        Text::Given { text, pieces }.pieces().collect()
    }

    #[test]
    fn a_text_splits_into_exactly_the_pieces_asked_for() {
        assert_eq!(pieces("0123456789", 7), ["0", "1", "23", "4", "56", "7", "89"]);
        assert_eq!(pieces("äöü", 2), ["ä", "öü"]);
        assert_eq!(pieces("ab", 9), ["a", "b"], "no piece is empty");
        assert_eq!(pieces("", 3), [""; 0]);
    }

    #[test]
    fn a_repeated_text_has_exactly_its_bytes_or_ends_before_half_a_character() {
        for (text, bytes, expected) in
            [("abc", 100_000, 100_000), ("abc", 2, 2), ("ä", 7, 6), ("abc", 0, 0), ("", 9, 0)]
        {
            let text = text.to_owned();
            let said: String = Text::Repeated { text, bytes }.pieces().collect();
            assert_eq!(said.len(), expected);
        }
    }

    #[test]
    fn numbers_come_one_a_piece() {
        let introduction = "go: ".to_owned();
        let numbers = Text::Numbers { introduction, from: 9, to: 11 };
        assert_eq!(numbers.pieces().collect::<Vec<_>>(), ["go: ", "9\n", "10\n", "11\n"]);
    }
}
