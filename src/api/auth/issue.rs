//! Issuing a key: the one way, for the admin API, the command line and the first start.

use super::{Busy, Hasher};
use crate::domain::key::InvalidKeyName;
use crate::domain::key_scope::InvalidScopes;
use crate::domain::{By, Clock, Key, KeyOwner, KeyScopes, PlainKey, Who};
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
    /// What it opens of a tenant's things; all of it when nothing is said. An operator's key opens the admin API.
    pub scopes: Option<KeyScopes>,
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
    /// Its scopes cannot be used.
    #[error(transparent)]
    Scopes(#[from] InvalidScopes),
    /// It would never open anything, or for longer than anybody plans.
    #[error("a key that expires is valid for 1 to {MAX_DAYS} days")]
    Lifetime,
    /// It cannot be hashed now.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The store failed.
    #[error("the key could not be stored")]
    Store(#[from] StoreError),
}

/// The longest life of a key that expires, in days: a hundred years.
const MAX_DAYS: u32 = 36_500;

/// Makes a key and stores what is kept of it.
///
/// # Errors
/// When its name, scopes or lifetime cannot be used, too many keys are being hashed, or the store fails.
pub async fn issue_key(store: &Store, hasher: &Hasher, new: NewKey, by: &By) -> Result<Issued, IssueError> {
    let issued = make_key(hasher, new, by).await?;
    store.keys().create(&issued.record, by).await?;
    Ok(issued)
}

/// Makes a key that is still to be stored.
pub(super) async fn make_key(hasher: &Hasher, new: NewKey, by: &By) -> Result<Issued, IssueError> {
    Key::check_name(&new.name)?;
    if new.expires_in_days.is_some_and(|days| !(1..=MAX_DAYS).contains(&days)) {
        return Err(IssueError::Lifetime);
    }
    let scopes = match (new.owner, new.scopes) {
        (KeyOwner::Operator, _) => KeyScopes::OPERATOR,
        (KeyOwner::Tenant(_), None) => KeyScopes::TENANT,
        (KeyOwner::Tenant(_), Some(scopes)) if scopes.and(KeyScopes::OPERATOR).is_some() => {
            return Err(InvalidScopes::AdminOfTenant.into());
        }
        (KeyOwner::Tenant(_), Some(scopes)) => scopes,
    };
    let plain = PlainKey::generate(new.owner);
    let created_at = by.at;
    let record = Key {
        id: plain.id(),
        owner: new.owner,
        name: new.name,
        scopes,
        hash: hasher.hash(plain.clone()).await?,
        created_at,
        expires_at: new.expires_in_days.map(|days| created_at.plus_millis(i64::from(days) * DAY_MS)),
        revoked_at: None,
        last_used_at: None,
    };
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
    let new = NewKey { owner: KeyOwner::Operator, name: "first".to_owned(), scopes: None, expires_in_days: None };
    let by = By { who: Who::Server, from: None, at: clock.now() };
    Ok(Some(issue_key(store, hasher, new, &by).await?.plain))
}
