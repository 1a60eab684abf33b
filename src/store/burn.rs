//! What was spent lately within the scope of each budget: one reading for all budgets, and the pace that callers are shown.

use std::collections::HashMap;

use super::budgets::Budgets;
use super::{StoreError, codec};
use crate::domain::{Budget, KeyId, Scope, TenantId, Timestamp, Usd};

/// What was spent since a moment, by tenant and by the keys that were rotated with each other.
#[derive(Debug, Default)]
pub struct Burn {
    all: Usd,
    tenants: HashMap<TenantId, Usd>,
    families: HashMap<String, Usd>,
    family_of: HashMap<String, String>,
}

impl Burn {
    /// What was spent within a budget's scope. Budgets of single sessions are not counted here.
    pub fn within(&self, budget: &Budget) -> Usd {
        let spent = match &budget.scope {
            Scope::Installation => Some(self.all),
            Scope::Tenant(tenant) => self.tenants.get(tenant).copied(),
            Scope::Key(_, key) => {
                self.family_of.get(&KeyId::to_string(key)).and_then(|family| self.families.get(family)).copied()
            }
            Scope::Session(..) => None,
        };
        spent.unwrap_or_default().bounded()
    }
}

impl Budgets<'_> {
    /// What was spent from `since` on, for all budgets at once: the same that [`Budgets::spent_since`] returns for each.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn burn_since(&self, since: Timestamp) -> Result<Burn, StoreError> {
        let rows = sqlx::query(
            "select l.tenant_id, coalesce(l.key_id, '') as key_id, coalesce(k.family, '') as family,
                cast(sum(l.cost_nanos) as bigint) as spent
             from tenants cross join ledger l left join keys k on k.id = l.key_id
             where l.tenant_id = tenants.id and l.opened_at >= $1 and l.status <> 'open'
             group by l.tenant_id, coalesce(l.key_id, ''), coalesce(k.family, '')",
        )
        .bind(since.as_micros())
        .fetch_all(&self.0.read)
        .await?;
        let mut burn = Burn::default();
        for row in &rows {
            let (tenant, spent) = (codec::parsed(row, "tenant_id")?, codec::amount(row, "spent")?);
            burn.all += spent;
            *burn.tenants.entry(tenant).or_default() += spent;
            *burn.families.entry(codec::text(row, "family")?).or_default() += spent;
        }
        let keys = sqlx::query(
            "select k.id, k.family from budgets b join keys k on k.id = b.key_id
             where b.scope = 'key' and b.archived_at is null",
        )
        .fetch_all(&self.0.read)
        .await?;
        for row in &keys {
            burn.family_of.insert(codec::text(row, "id")?, codec::text(row, "family")?);
        }
        Ok(burn)
    }
}
