//! A key as it is kept: who it speaks for and until when, never its secret.

use super::{KeyId, TenantId, Timestamp};

/// Whom a key speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyOwner {
    /// One tenant.
    Tenant(TenantId),
    /// The operators of the installation.
    Operator,
}

/// A key's record.
#[derive(Clone, Debug)]
pub struct Key {
    /// The public part of the key, which names it.
    pub id: KeyId,
    /// Whom it speaks for.
    pub owner: KeyOwner,
    /// What its creator called it.
    pub name: String,
    /// Its secret, hashed with argon2id in the PHC string format.
    pub hash: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on it opens nothing; `None` when it does not expire.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Key {
    /// Whether the key opens anything at `now`.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
