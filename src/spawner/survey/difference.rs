//! The difference of two texts, for people: bounded in what goes in, what comes out and how long it may be looked for.

use std::time::Duration;

use similar::{Algorithm, TextDiff};

use super::kept::is_text;

/// How long the shortest difference is looked for; after that a longer one does.
const PATIENCE: Duration = Duration::from_millis(200);

/// Lines around a change.
const CONTEXT: usize = 3;

/// What there is to say of the difference of two contents.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// A unified diff.
    Text(String),
    /// One of them is no text.
    NoText,
    /// The diff would be longer than there is room for.
    TooLong,
    /// The diff was made, and is longer than there is room for.
    MadeInVain,
}

/// The difference of the contents of `path` (as it is shown), of which nothing means that it is not there.
pub(super) fn difference(path: &str, before: Option<&[u8]>, after: Option<&[u8]>, room: usize) -> Difference {
    let (Some(old), Some(new)) = (text(before), text(after)) else { return Difference::NoText };
    // A difference is at least as long as what is new or gone.
    if room == 0 || old.len().abs_diff(new.len()) > room {
        return Difference::TooLong;
    }
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).timeout(PATIENCE).diff_lines(old, new);
    let name = |side: &str, contents: Option<&[u8]>| match contents {
        Some(_) => format!("{side}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let (from, to) = (name("a", before), name("b", after));
    let text = diff.unified_diff().context_radius(CONTEXT).header(&from, &to).to_string();
    if text.len() > room { Difference::MadeInVain } else { Difference::Text(text) }
}

fn text(contents: Option<&[u8]>) -> Option<&str> {
    match contents {
        None => Some(""),
        Some(contents) if is_text(contents) => std::str::from_utf8(contents).ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_a_patch() {
        let told = difference("a.txt", Some(b"one\ntwo\n"), Some(b"one\n2\n"), 1000);
        let patch = "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n";
        assert_eq!(told, Difference::Text(patch.to_owned()));
        let Difference::Text(new) = difference("n", None, Some(b"x"), 1000) else { unreachable!("it is short") };
        assert!(new.starts_with("--- /dev/null\n+++ b/n\n") && new.contains("No newline at end of file"), "{new}");
    }

    #[test]
    fn what_is_no_text_or_too_long_has_none() {
        assert_eq!(difference("a", Some(b"a\0b"), Some(b"x"), 1000), Difference::NoText);
        assert_eq!(difference("a", Some(b"\xff"), Some(b"x"), 1000), Difference::NoText);
        assert_eq!(difference("a", Some(b""), Some(&[b'x'; 2000]), 1000), Difference::TooLong);
        assert_eq!(difference("a", Some(&[b'y'; 2000]), Some(&[b'x'; 2000]), 1000), Difference::MadeInVain);
    }

    #[test]
    fn texts_made_to_be_hard_to_compare_are_compared_all_the_same() {
        let line = |at: usize| format!("{}\n", at.wrapping_mul(2_654_435_761) % 7);
        let old: String = (0..60_000).map(line).collect();
        let new: String = (0..60_000).map(|at| line(at * 3 + 1)).collect();
        assert_ne!(difference("a", Some(old.as_bytes()), Some(new.as_bytes()), 1 << 20), Difference::NoText);
    }
}
