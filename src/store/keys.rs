//! Keys in the store: hashes only.

use sqlx::any::AnyRow;

use super::{Store, StoreError, codec};
use crate::domain::{Key, KeyId, KeyOwner, TenantId, Timestamp};

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
        .bind(key.expires_at.map(Timestamp::as_micros))
        .bind(key.revoked_at.map(Timestamp::as_micros))
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

    /// Lists a tenant's keys, or the operators', oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, owner: KeyOwner) -> Result<Vec<Key>, StoreError> {
        let tenant = match owner {
            KeyOwner::Tenant(tenant) => tenant.to_string(),
            KeyOwner::Operator => String::new(),
        };
        let rows = sqlx::query("select * from keys where coalesce(tenant_id, '') = $1 order by created_at, id")
            .bind(tenant)
            .fetch_all(&self.0.read)
            .await?;
        rows.iter().map(key).collect()
    }

    /// Lets a key open nothing any more from `now` on. Answers whether it did until then.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn revoke(&self, id: &KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let revoked = sqlx::query("update keys set revoked_at = $1 where id = $2 and revoked_at is null")
            .bind(now.as_micros())
            .bind(id.as_str())
            .execute(&self.0.write)
            .await?;
        Ok(revoked.rows_affected() == 1)
    }

    /// Lets a key open nothing any more from `end` on, unless it ends before.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn expire(&self, id: &KeyId, end: Timestamp) -> Result<(), StoreError> {
        sqlx::query("update keys set expires_at = $1 where id = $2 and (expires_at is null or expires_at > $1)")
            .bind(end.as_micros())
            .bind(id.as_str())
            .execute(&self.0.write)
            .await?;
        Ok(())
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
