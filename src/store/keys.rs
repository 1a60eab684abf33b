//! Keys in the store: hashes only.

use sqlx::any::AnyRow;

use super::{Store, StoreError, codec};
use crate::domain::{Key, KeyId, KeyOwner, TenantId};

/// The keys.
#[derive(Debug)]
pub struct Keys<'a>(pub(super) &'a Store);

impl Keys<'_> {
    /// Writes a new key.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn create(&self, key: &Key) -> Result<(), StoreError> {
        let tenant = match key.owner {
            KeyOwner::Tenant(tenant) => Some(tenant.to_string()),
            KeyOwner::Operator => None,
        };
        sqlx::query(
            "insert into keys (id, tenant_id, name, hash, created_at, expires_at, revoked_at)
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(key.id.as_str())
        .bind(tenant)
        .bind(&key.name)
        .bind(&key.hash)
        .bind(key.created_at.as_micros())
        .bind(key.expires_at.map(crate::domain::Timestamp::as_micros))
        .bind(key.revoked_at.map(crate::domain::Timestamp::as_micros))
        .execute(&self.0.write)
        .await?;
        Ok(())
    }

    /// Finds a key by its public part.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, id: &KeyId) -> Result<Option<Key>, StoreError> {
        let row =
            sqlx::query("select * from keys where id = $1").bind(id.as_str()).fetch_optional(&self.0.read).await?;
        row.as_ref().map(key).transpose()
    }

    /// Whether the operators have a key.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn has_operator_key(&self) -> Result<bool, StoreError> {
        let row =
            sqlx::query("select id from keys where tenant_id is null limit 1").fetch_optional(&self.0.read).await?;
        Ok(row.is_some())
    }
}

fn key(row: &AnyRow) -> Result<Key, StoreError> {
    let owner = match codec::maybe_text(row, "tenant_id")? {
        None => KeyOwner::Operator,
        Some(_) => KeyOwner::Tenant(codec::parsed::<TenantId>(row, "tenant_id")?),
    };
    Ok(Key {
        id: KeyId::new(codec::text(row, "id")?),
        owner,
        name: codec::text(row, "name")?,
        hash: codec::text(row, "hash")?,
        created_at: codec::time(row, "created_at")?,
        expires_at: codec::maybe_time(row, "expires_at")?,
        revoked_at: codec::maybe_time(row, "revoked_at")?,
    })
}
