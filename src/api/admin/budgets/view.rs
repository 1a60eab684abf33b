//! Budgets as the APIs show them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{BudgetId, Enforcement, Period, Scope, SessionId, Standing, TenantId, Timestamp, Usd};
use crate::store::{Reached, Store, StoreError};

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
    /// That tenant's name, where operators ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_name: Option<String>,
    /// The key it bounds.
    pub key_id: Option<String>,
    /// The session it bounds.
    #[schema(value_type = Option<String>)]
    pub session_id: Option<SessionId>,
    /// `day`, `week`, `month` or `total`.
    pub period: Period,
    /// `hard` or `soft`.
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
    /// What was spent within its scope in the last hour, before its present window began too.
    pub burn_usd_per_hour: String,
    /// When it is spent, if that goes on, and if that is before it begins anew; `null` otherwise. A budget that is spent, or
    /// whose limit is 0, is spent now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub exhausts_at: Option<Timestamp>,
    /// The thresholds it has reached in its present window: 50, 80, 95 and 100 percent.
    pub reached: Vec<ReachedView>,
    /// When it begins anew; `null` for a total.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resets_at: Option<Timestamp>,
}

/// A threshold that was reached.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReachedView {
    /// The threshold.
    pub percent: i64,
    /// What was spent then.
    pub spent_usd: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// Budgets.
#[derive(Debug, Serialize, ToSchema)]
pub struct BudgetList {
    /// The budgets, oldest first.
    pub data: Vec<BudgetView>,
    /// What to give as `after` for the next page; absent when this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub next_after: Option<BudgetId>,
}

/// Seconds of an hour.
const HOUR_S: i64 = 60 * 60;

impl BudgetList {
    /// How budgets stand at `now`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(store: &Store, standings: &[Standing], now: Timestamp) -> Result<Self, StoreError> {
        let mut data = Vec::with_capacity(standings.len());
        for standing in standings {
            data.push(BudgetView::read(store, standing, now).await?);
        }
        Ok(Self { data, next_after: None })
    }
}

impl BudgetView {
    /// How a budget stands at `now`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(store: &Store, standing: &Standing, now: Timestamp) -> Result<Self, StoreError> {
        let burn = store.budgets().spent_since(&standing.budget, now.minus_seconds(HOUR_S)).await?;
        let reached = store.budgets().reached(standing.budget.id, standing.starts_at).await?;
        let mut view = Self::new(standing, burn, now);
        let seen = |Reached { percent, spent, at, .. }| ReachedView { percent, spent_usd: spent.to_string(), at };
        view.reached = reached.into_iter().map(seen).collect();
        Ok(view)
    }

    fn new(standing: &Standing, burn: Usd, now: Timestamp) -> Self {
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
            tenant_name: None,
            key_id,
            session_id,
            period: budget.period,
            enforcement: budget.enforcement,
            limit_usd: budget.limit.to_string(),
            topped_up_usd: standing.topped_up.to_string(),
            spent_usd: spent.to_string(),
            held_usd: held.to_string(),
            remaining_usd: standing.room().to_string(),
            burn_usd_per_hour: burn.to_string(),
            exhausts_at: exhausts_at(standing.unspent(), burn, now)
                .filter(|moment| budget.period.ends_at(now).is_none_or(|end| *moment < end)),
            reached: Vec::new(),
            resets_at: budget.period.ends_at(now),
        }
    }
}

/// When `left` is spent, at `burn` an hour from `now` on: now when nothing is left, `None` when nothing burns.
fn exhausts_at(left: Usd, burn: Usd, now: Timestamp) -> Option<Timestamp> {
    if left == Usd::ZERO {
        return Some(now);
    }
    let burn = i128::from(burn.as_nanos());
    let micros = (burn > 0).then(|| i128::from(left.as_nanos()) * i128::from(HOUR_S) * 1_000_000 / burn)?;
    Some(Timestamp::from_micros(now.as_micros().checked_add(i64::try_from(micros).ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_lasts_as_long_as_it_burns() {
        let (now, usd) = (Timestamp::from_micros(1_000), Usd::from_nanos);
        let in_hours = |hours: i64| Some(Timestamp::from_micros(1_000 + hours * HOUR_S * 1_000_000));
        assert_eq!(exhausts_at(usd(600), usd(200), now), in_hours(3));
        assert_eq!(exhausts_at(usd(0), usd(200), now), in_hours(0));
        assert_eq!(exhausts_at(usd(0), usd(0), now), in_hours(0), "a limit of 0 is used up");
        assert_eq!(exhausts_at(usd(600), usd(0), now), None);
        assert_eq!(exhausts_at(usd(i64::MAX), usd(1), now), None, "beyond the end of time");
    }
}
