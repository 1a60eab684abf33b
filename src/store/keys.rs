//! Keys in the store: hashes only.

use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::audit::{self, Record};
use super::{Store, StoreError, codec};
use crate::domain::{Action, By, Key, KeyId, KeyOwner, TenantId, Timestamp};

/// The keys.
#[derive(Debug)]
pub struct Keys<'a>(pub(super) &'a Store);

impl Keys<'_> {
    /// Writes a new key.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn create(&self, key: &Key, by: &By) -> Result<(), StoreError> {
        let (key, by) = (key.clone(), by.clone());
        self.0
            .write(move |transaction| {
                Box::pin(async move {
                    insert(transaction, &key, &by).await?;
                    Ok(())
                })
            })
            .await
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

    /// The ids of all keys.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ids(&self) -> Result<Vec<KeyId>, StoreError> {
        let rows = sqlx::query("select id from keys").fetch_all(&self.0.read).await?;
        rows.iter().map(|row| codec::text(row, "id").map(KeyId::new)).collect()
    }

    /// Lists a tenant's keys, or the operators', oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, owner: KeyOwner) -> Result<Vec<Key>, StoreError> {
        let rows = match owner {
            KeyOwner::Tenant(tenant) => {
                let query = sqlx::query("select * from keys where tenant_id = $1 order by created_at, id");
                query.bind(tenant.to_string()).fetch_all(&self.0.read).await?
            }
            KeyOwner::Operator => {
                let query = sqlx::query("select * from keys where tenant_id is null order by created_at, id");
                query.fetch_all(&self.0.read).await?
            }
        };
        rows.iter().map(key).collect()
    }

    /// Lets a key open nothing any more from now on. Answers whether it did until then; `None` when there is no such key.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn revoke(&self, id: &KeyId, by: &By) -> Result<Option<bool>, StoreError> {
        let (id, by) = (id.clone(), by.clone());
        self.0
            .write(move |transaction| {
                Box::pin(async move {
                    let Some(before) = find(transaction, &id).await? else { return Ok(None) };
                    if before.revoked_at.is_some() {
                        return Ok(Some(false));
                    }
                    let after = Key { revoked_at: Some(by.at), ..before.clone() };
                    sqlx::query("update keys set revoked_at = $1 where id = $2")
                        .bind(by.at.as_micros())
                        .bind(id.as_str())
                        .execute(&mut **transaction)
                        .await?;
                    write_change(transaction, Action::RevokeKey, &before, &after, &by).await?;
                    Ok(Some(true))
                })
            })
            .await
    }

    /// Lets a key open nothing any more from `end` on, unless it ends before. Answers the key as it is then; `None` when
    /// there is no such key, or it was revoked.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn expire(&self, id: &KeyId, end: Timestamp, by: &By) -> Result<Option<Key>, StoreError> {
        let (id, by) = (id.clone(), by.clone());
        self.0
            .write(move |transaction| {
                Box::pin(async move { end_at(transaction, Action::ExpireKey, &id, end, &by).await })
            })
            .await
    }

    /// Writes a key in the place of the key `old`, which opens nothing any more from `end` on. Answers whether there was
    /// such a key; when there was none, or it was revoked, nothing is written.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn replace(&self, old: &KeyId, end: Timestamp, new: &Key, by: &By) -> Result<bool, StoreError> {
        let (old, new, by) = (old.clone(), new.clone(), by.clone());
        self.0
            .write(move |transaction| {
                Box::pin(async move {
                    if end_at(transaction, Action::RotateKey, &old, end, &by).await?.is_none() {
                        return Ok(false);
                    }
                    insert(transaction, &new, &by).await?;
                    join_family(transaction, &old, &new.id).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Writes when keys were last used.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn touch(&self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        if used.is_empty() {
            return Ok(());
        }
        let used = used.to_vec();
        self.0
            .write(move |transaction| {
                Box::pin(async move {
                    for (id, at) in &used {
                        sqlx::query(
                            "update keys set last_used_at = $1 where id = $2 and coalesce(last_used_at, 0) < $1",
                        )
                        .bind(at.as_micros())
                        .bind(id.as_str())
                        .execute(&mut **transaction)
                        .await?;
                    }
                    Ok(())
                })
            })
            .await
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

    /// Whether a key, or one that took its place when it was rotated, or whose place it took, opens anything at `now`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn any_of_family_opens(&self, id: &KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "select id from keys where family = (select family from keys where id = $1) and revoked_at is null
                and (expires_at is null or expires_at > $2) limit 1",
        )
        .bind(id.as_str())
        .bind(now.as_micros())
        .fetch_optional(&self.0.read)
        .await?;
        Ok(row.is_some())
    }
}

async fn find(transaction: &mut Transaction<'_, Any>, id: &KeyId) -> Result<Option<Key>, StoreError> {
    let row =
        sqlx::query("select * from keys where id = $1").bind(id.as_str()).fetch_optional(&mut **transaction).await?;
    row.as_ref().map(key).transpose()
}

async fn insert(transaction: &mut Transaction<'_, Any>, key: &Key, by: &By) -> Result<(), StoreError> {
    sqlx::query(
        "insert into keys (id, tenant_id, name, scopes, hash, created_at, expires_at, revoked_at, family)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $1)",
    )
    .bind(key.id.as_str())
    .bind(tenant_of(key).map(|tenant| tenant.to_string()))
    .bind(&key.name)
    .bind(key.scopes.to_string())
    .bind(&key.hash)
    .bind(key.created_at.as_micros())
    .bind(key.expires_at.map(Timestamp::as_micros))
    .bind(key.revoked_at.map(Timestamp::as_micros))
    .execute(&mut **transaction)
    .await?;
    let record = Record {
        action: Action::CreateKey,
        target: key.id.to_string(),
        tenant: tenant_of(key),
        reason: None,
        before: None,
        after: Some(audit::key(key)),
    };
    audit::write(transaction, by, record).await
}

/// Makes a key one of the family of another: what bounds the old key bounds the new one, and both together as long as both
/// open anything.
async fn join_family(transaction: &mut Transaction<'_, Any>, old: &KeyId, new: &KeyId) -> Result<(), StoreError> {
    sqlx::query("update keys set family = (select family from keys where id = $1) where id = $2")
        .bind(old.as_str())
        .bind(new.as_str())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn end_at(
    transaction: &mut Transaction<'_, Any>,
    action: Action,
    id: &KeyId,
    end: Timestamp,
    by: &By,
) -> Result<Option<Key>, StoreError> {
    let Some(before) = find(transaction, id).await?.filter(|key| key.revoked_at.is_none()) else { return Ok(None) };
    let end = before.expires_at.map_or(end, |already| already.min(end));
    let after = Key { expires_at: Some(end), ..before.clone() };
    sqlx::query("update keys set expires_at = $1 where id = $2")
        .bind(end.as_micros())
        .bind(id.as_str())
        .execute(&mut **transaction)
        .await?;
    write_change(transaction, action, &before, &after, by).await?;
    Ok(Some(after))
}

async fn write_change(
    transaction: &mut Transaction<'_, Any>,
    action: Action,
    before: &Key,
    after: &Key,
    by: &By,
) -> Result<(), StoreError> {
    let record = Record {
        action,
        target: before.id.to_string(),
        tenant: tenant_of(before),
        reason: None,
        before: Some(audit::key(before)),
        after: Some(audit::key(after)),
    };
    audit::write(transaction, by, record).await
}

fn tenant_of(key: &Key) -> Option<TenantId> {
    match key.owner {
        KeyOwner::Tenant(tenant) => Some(tenant),
        KeyOwner::Operator => None,
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
        scopes: codec::parsed(row, "scopes")?,
        hash: codec::text(row, "hash")?,
        created_at: codec::time(row, "created_at")?,
        expires_at: codec::maybe_time(row, "expires_at")?,
        revoked_at: codec::maybe_time(row, "revoked_at")?,
        last_used_at: codec::maybe_time(row, "last_used_at")?,
    })
}
