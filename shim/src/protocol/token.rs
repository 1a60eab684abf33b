//! The secret by which a shim proves that it is the PID 1 of the sandbox that was made.

use serde::{Deserialize, Serialize};

/// A secret made for one sandbox, in hex. Only its shim's memory holds it, and it is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// Takes `hex` as a token.
    pub fn new(hex: impl Into<String>) -> Self {
        Self(hex.into())
    }

    /// The token itself, to be compared in constant time or put into a contract.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_printed() {
        assert_eq!(format!("{:?}", Token::new("c0ffee")), "[secret]");
    }
}
