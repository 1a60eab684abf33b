//! The agents' transcripts in the store: the lines a later sandbox resumes a conversation from.

use futures_util::TryStreamExt;

use super::{Store, StoreError, codec};
use crate::domain::SessionId;

/// The transcripts. Only a session's supervisor reads and writes them, and it knows the tenant already.
#[derive(Debug)]
pub struct Transcripts<'a>(pub(super) &'a Store);

impl Transcripts<'_> {
    /// The whole transcript, one JSON entry a line, ready to be a file; empty when there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load(&self, session: SessionId) -> Result<String, StoreError> {
        let mut rows = sqlx::query("select entry from transcript where session_id = $1 order by line")
            .bind(session.to_string())
            .fetch(&self.0.read);
        let mut file = String::new();
        while let Some(row) = rows.try_next().await? {
            file.push_str(&codec::text(&row, "entry")?);
            file.push('\n');
        }
        Ok(file)
    }
}
