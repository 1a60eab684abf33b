//! What came of a probe.

use serde::Serialize;

/// What came of a probe. Whatever is not known to have held counts as not held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "seen", rename_all = "snake_case")]
pub enum Outcome {
    /// Every way in was refused.
    Held,
    /// A way in was open: what was seen.
    Broke(String),
    /// The attack could not be made, or did not come to its end: why.
    Unclear(String),
}

impl Outcome {
    /// Whether the guard is known to have held.
    pub fn held(&self) -> bool {
        *self == Self::Held
    }

    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broke(_) => "broke",
            Self::Unclear(_) => "unclear",
        }
    }

    /// What was seen, when it did not hold.
    pub fn seen(&self) -> Option<&str> {
        match self {
            Self::Held => None,
            Self::Broke(seen) | Self::Unclear(seen) => Some(seen),
        }
    }

    /// Broke with everything of `seen`; held when there is nothing.
    pub(super) fn broke_if_any(seen: &[String]) -> Self {
        if seen.is_empty() { Self::Held } else { Self::Broke(seen.join("; ")) }
    }

    /// This, unless it held and `next` did not.
    #[must_use]
    pub(super) fn and(self, next: Self) -> Self {
        if self.held() { next } else { self }
    }
}

/// An error with everything that lies behind it, in one line.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(source) = behind {
        text.push_str(": ");
        text.push_str(&source.to_string());
        behind = source.source();
    }
    text
}
