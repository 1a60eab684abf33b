//! Budgets as the APIs show them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{BudgetId, Enforcement, Period, Scope, SessionId, Standing, TenantId, Timestamp};

/// A budget, and how it stands in its present window. Amounts are US dollars as text, with all their digits.
#[derive(Debug, Serialize, ToSchema)]
pub struct BudgetView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: BudgetId,
    /// `installation`, `tenant`, `key` or `session`.
    pub scope: &'static str,
    /// The tenant it bounds, or whose key or session it bounds.
    #[schema(value_type = Option<String>)]
    pub tenant_id: Option<TenantId>,
    /// The key it bounds.
    pub key_id: Option<String>,
    /// The session it bounds.
    #[schema(value_type = Option<String>)]
    pub session_id: Option<SessionId>,
    /// `day`, `week`, `month` or `total`.
    #[schema(value_type = String)]
    pub period: Period,
    /// `hard` or `soft`.
    #[schema(value_type = String)]
    pub enforcement: Enforcement,
    /// How much may be spent.
    pub limit_usd: String,
    /// What operators gave on top, for the present window alone.
    pub topped_up_usd: String,
    /// What was spent.
    pub spent_usd: String,
    /// What calls under way may still cost.
    pub held_usd: String,
    /// What is left of it for further calls.
    pub remaining_usd: String,
    /// When it begins anew; `null` for a total.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resets_at: Option<Timestamp>,
}

/// Budgets.
#[derive(Debug, Serialize, ToSchema)]
pub struct BudgetList {
    /// The budgets, oldest first.
    pub data: Vec<BudgetView>,
}

impl BudgetView {
    /// How a budget stands at `now`.
    pub fn new(standing: &Standing, now: Timestamp) -> Self {
        let Standing { budget, spent, held, .. } = standing;
        let (tenant_id, key_id, session_id) = match &budget.scope {
            Scope::Installation => (None, None, None),
            Scope::Tenant(tenant) => (Some(*tenant), None, None),
            Scope::Key(tenant, key) => (Some(*tenant), Some(key.to_string()), None),
            Scope::Session(tenant, session) => (Some(*tenant), None, Some(*session)),
        };
        Self {
            id: budget.id,
            scope: budget.scope.kind(),
            tenant_id,
            key_id,
            session_id,
            period: budget.period,
            enforcement: budget.enforcement,
            limit_usd: budget.limit.to_string(),
            topped_up_usd: standing.topped_up.to_string(),
            spent_usd: spent.to_string(),
            held_usd: held.to_string(),
            remaining_usd: standing.room().to_string(),
            resets_at: budget.period.ends_at(now),
        }
    }
}
