//! What a request calls a session: any text, of which only some name one.

use std::fmt;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use super::SeedError;
use crate::domain::SessionId;

/// The most characters of a name that are repeated to the caller; an id has 36.
const MAX_SHOWN: usize = 100;

/// A session as a request names it.
#[derive(Clone, Debug)]
pub(super) struct SessionName(String);

impl SessionName {
    /// Takes the name a request gives.
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The id it spells.
    ///
    /// # Errors
    /// When it spells none, as no session is called so.
    pub(super) fn id(&self) -> Result<SessionId, SeedError> {
        self.0.parse().map_err(|_| SeedError::SessionNotFound(self.clone()))
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_SHOWN) {
            Some((end, _)) => write!(formatter, "{}…", &self.0[..end]),
            None => formatter.write_str(&self.0),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionName {
    type Rejection = SeedError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, SeedError> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        text.map(|Path(text)| Self(text)).map_err(|_: PathRejection| SeedError::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_id_is_repeated_up_to_a_limit() {
        let short = SessionName::new("no such".to_owned());
        assert!(short.id().is_err());
        assert_eq!(short.to_string(), "no such");
        let long = SessionName::new("é".repeat(10_000)).to_string();
        assert_eq!(long.chars().count(), MAX_SHOWN + 1);
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = SessionId::generate();
        assert_eq!(SessionName::new(id.to_string()).id().unwrap(), id);
        assert!(SessionName::new(id.to_string().to_uppercase()).id().is_err());
    }
}
