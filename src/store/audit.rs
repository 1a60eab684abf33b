//! The audit in the store. Entries are written within the transaction of the change they tell of, by the store's own
//! functions, so that there is no change without one and none without its change.

use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::{Store, StoreError, codec};
use crate::domain::{Action, AuditEntry, Budget, By, Key, KeyOwner, Tenant, TenantId, Timestamp};

/// The audit.
#[derive(Debug)]
pub struct Audit<'a>(pub(super) &'a Store);

/// What is asked of the audit. What is absent does not narrow it.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Before this entry.
    pub before: Option<i64>,
    /// Who, as the entries name them.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<Action>,
    /// What it was done to.
    pub target: Option<String>,
    /// The tenant it concerns.
    pub tenant: Option<TenantId>,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
}

/// An entry to be written.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) action: Action,
    pub(super) target: String,
    pub(super) tenant: Option<TenantId>,
    pub(super) reason: Option<String>,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

impl Audit<'_> {
    /// The entries a filter lets through, newest first, at most `limit` of them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = sqlx::query(
            "select * from audit where seq < $1 and at >= $2 and at < $3
                and (cast($4 as text) is null or actor = $4) and (cast($5 as text) is null or action = $5)
                and (cast($6 as text) is null or target = $6) and (cast($7 as text) is null or tenant_id = $7)
             order by seq desc limit $8",
        )
        .bind(filter.before.unwrap_or(i64::MAX))
        .bind(filter.from.map_or(i64::MIN, Timestamp::as_micros))
        .bind(filter.to.map_or(i64::MAX, Timestamp::as_micros))
        .bind(filter.actor.clone())
        .bind(filter.action.map(Action::as_str))
        .bind(filter.target.clone())
        .bind(filter.tenant.map(|tenant| tenant.to_string()))
        .bind(i64::from(limit))
        .fetch_all(&self.0.reports)
        .await?;
        rows.iter().map(entry).collect()
    }

    /// The entries after `seq`, oldest first: how a server learns what others changed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn after(&self, seq: i64) -> Result<Vec<AuditEntry>, StoreError> {
        let rows =
            sqlx::query("select * from audit where seq > $1 order by seq").bind(seq).fetch_all(&self.0.read).await?;
        rows.iter().map(entry).collect()
    }

    /// The `seq` of the last entry; 0 when there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("select cast(coalesce(max(seq), 0) as bigint) as seq from audit")
            .fetch_one(&self.0.read)
            .await?;
        codec::number(&row, "seq")
    }

    /// Writes that something was done that changed nothing in the store.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note(&self, action: Action, target: &str, after: Value, by: &By) -> Result<(), StoreError> {
        let (target, by) = (target.to_owned(), by.clone());
        self.0
            .write(move |transaction| {
                Box::pin(async move {
                    let record =
                        Record { action, target, tenant: None, reason: None, before: None, after: Some(after) };
                    write(transaction, &by, record).await?;
                    Ok(())
                })
            })
            .await
    }
}

/// Writes an entry, in the transaction of the change it tells of.
pub(super) async fn write(transaction: &mut Transaction<'_, Any>, by: &By, record: Record) -> Result<(), StoreError> {
    sqlx::query(
        "insert into audit (seq, at, actor, origin, action, target, tenant_id, reason, before_json, after_json)
         select coalesce(max(seq), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, $9 from audit",
    )
    .bind(by.at.as_micros())
    .bind(by.who.to_string())
    .bind(by.from.map(|address| address.to_string()))
    .bind(record.action.as_str())
    .bind(record.target)
    .bind(record.tenant.map(|tenant| tenant.to_string()))
    .bind(record.reason)
    .bind(record.before.as_ref().map(codec::to_json))
    .bind(record.after.as_ref().map(codec::to_json))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// A tenant as the audit shows it.
pub(super) fn tenant(tenant: &Tenant) -> Value {
    let roots: Vec<_> = tenant.roots.iter().map(|root| root.path().to_string_lossy()).collect();
    json!({ "name": tenant.name, "roots": roots, "limits": tenant.limits, "state": tenant.state })
}

/// A key as the audit shows it: without its secret, and without the hash.
pub(super) fn key(key: &Key) -> Value {
    json!({
        "name": key.name, "scopes": key.scopes, "operator": key.owner == KeyOwner::Operator,
        "expires_at": key.expires_at, "revoked_at": key.revoked_at,
    })
}

/// A budget as the audit shows it.
pub(super) fn budget(budget: &Budget) -> Value {
    let (tenant, key, session) = super::budgets::ids(&budget.scope);
    json!({
        "scope": budget.scope.kind(), "tenant_id": tenant, "key_id": key, "session_id": session,
        "period": budget.period, "limit_usd": budget.limit.to_string(), "enforcement": budget.enforcement,
    })
}

fn entry(row: &AnyRow) -> Result<AuditEntry, StoreError> {
    let value = |column| {
        let text = codec::maybe_text(row, column)?;
        text.map(|_| codec::json(row, column)).transpose()
    };
    let tenant = codec::maybe_text(row, "tenant_id")?.map(|_| codec::parsed(row, "tenant_id")).transpose()?;
    Ok(AuditEntry {
        seq: codec::number(row, "seq")?,
        at: codec::time(row, "at")?,
        actor: codec::text(row, "actor")?,
        from: codec::maybe_text(row, "origin")?,
        action: codec::word(row, "action", Action::parse)?,
        target: codec::text(row, "target")?,
        tenant,
        reason: codec::maybe_text(row, "reason")?,
        before: value("before_json")?,
        after: value("after_json")?,
    })
}
