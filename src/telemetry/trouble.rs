//! What is tried again and again: that it fails is told once, and told again when it has worked in between.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something fails at the moment.
#[derive(Debug, Default)]
pub struct Trouble(AtomicBool);

impl Trouble {
    /// Nothing fails yet.
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// It failed. Answers whether that is news.
    pub fn begins(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// It worked. Answers whether that is news.
    pub fn ends(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_news() {
        let trouble = Trouble::default();
        assert!(!trouble.ends());
        assert_eq!([trouble.begins(), trouble.begins()], [true, false]);
        assert_eq!([trouble.ends(), trouble.ends()], [true, false]);
        assert!(trouble.begins());
    }
}
