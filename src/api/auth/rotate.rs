//! Replacing a key: the one way, for the admin API and the command line.

use super::issue::make_key;
use super::{Hasher, IssueError, Issued, NewKey};
use crate::domain::{By, Key};
use crate::store::Store;

/// Milliseconds of an hour.
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Issues a key in the place of another, which opens nothing any more after `overlap_hours`. `None` when the other opens
/// nothing any more already.
///
/// # Errors
/// When too many keys are being hashed, or the store fails.
pub async fn rotate_key(
    store: &Store,
    hasher: &Hasher,
    old: &Key,
    overlap_hours: u32,
    by: &By,
) -> Result<Option<Issued>, IssueError> {
    if !old.is_valid_at(by.at) {
        return Ok(None);
    }
    let new = NewKey { owner: old.owner, name: old.name.clone(), scopes: Some(old.scopes), expires_in_days: None };
    let issued = make_key(hasher, new, by).await?;
    let end = by.at.plus_millis(i64::from(overlap_hours) * HOUR_MS);
    let replaced = store.keys().replace(&old.id, end, &issued.record, by).await?;
    Ok(replaced.then_some(issued))
}
