//! Retiring a key: the one way, for the admin API and the command line.

use super::{Hasher, IssueError, Issued, NewKey, issue_key};
use crate::domain::{Clock, Key, KeyId};
use crate::store::{Store, StoreError};

/// Milliseconds of an hour.
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Revokes a key. Answers whether it opened anything until then; `None` when there is no such key.
///
/// # Errors
/// When the store fails.
pub async fn revoke_key(store: &Store, clock: &dyn Clock, id: &KeyId) -> Result<Option<bool>, StoreError> {
    if store.keys().find(id).await?.is_none() {
        return Ok(None);
    }
    store.keys().revoke(id, clock.now()).await.map(Some)
}

/// Issues a key in the place of another, which opens nothing any more after `overlap_hours`.
///
/// # Errors
/// When too many keys are being hashed, or the store fails.
pub async fn rotate_key(
    store: &Store,
    clock: &dyn Clock,
    hasher: &Hasher,
    old: &Key,
    overlap_hours: u32,
) -> Result<Issued, IssueError> {
    let new = NewKey { owner: old.owner, name: old.name.clone(), expires_in_days: None };
    let issued = issue_key(store, clock, hasher, new).await?;
    store.keys().expire(&old.id, clock.now().plus_millis(i64::from(overlap_hours) * HOUR_MS)).await?;
    Ok(issued)
}
