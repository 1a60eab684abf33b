//! Issuing a key: the one way, for the admin API, the command line and the first start.

use super::{Busy, Hasher};
use crate::domain::key::InvalidKeyName;
use crate::domain::{Clock, Key, KeyOwner, PlainKey};
use crate::store::{Store, StoreError};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A key to be issued.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whom it will speak for.
    pub owner: KeyOwner,
    /// What it is called in lists.
    pub name: String,
    /// After how many days it opens nothing any more; `None` when it does not expire.
    pub expires_in_days: Option<u32>,
}

/// A key that was just issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The key itself, to be shown this once.
    pub plain: PlainKey,
    /// What was stored of it.
    pub record: Key,
}

/// Why a key cannot be issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// Its name cannot be used.
    #[error(transparent)]
    Name(#[from] InvalidKeyName),
    /// It would never open anything.
    #[error("a key that expires must be valid for a day at least")]
    ExpiresAtOnce,
    /// It cannot be hashed now.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The store failed.
    #[error("the key could not be stored")]
    Store(#[from] StoreError),
}

/// Makes a key and stores what is kept of it.
///
/// # Errors
/// When its name or its lifetime cannot be used, too many keys are being hashed, or the store fails.
pub async fn issue_key(store: &Store, clock: &dyn Clock, hasher: &Hasher, new: NewKey) -> Result<Issued, IssueError> {
    Key::check_name(&new.name)?;
    if new.expires_in_days == Some(0) {
        return Err(IssueError::ExpiresAtOnce);
    }
    let plain = PlainKey::generate(new.owner);
    let created_at = clock.now();
    let record = Key {
        id: plain.id(),
        owner: new.owner,
        name: new.name,
        hash: hasher.hash(plain.clone()).await?,
        created_at,
        expires_at: new.expires_in_days.map(|days| created_at.plus_millis(i64::from(days) * DAY_MS)),
        revoked_at: None,
    };
    store.keys().create(&record).await?;
    Ok(Issued { plain, record })
}

/// Issues the operators' first key when they have none, so that a fresh installation can be operated.
///
/// # Errors
/// When the key cannot be issued.
pub async fn ensure_operator_key(
    store: &Store,
    clock: &dyn Clock,
    hasher: &Hasher,
) -> Result<Option<PlainKey>, IssueError> {
    if store.keys().has_operator_key().await? {
        return Ok(None);
    }
    let new = NewKey { owner: KeyOwner::Operator, name: "first".to_owned(), expires_in_days: None };
    Ok(Some(issue_key(store, clock, hasher, new).await?.plain))
}
