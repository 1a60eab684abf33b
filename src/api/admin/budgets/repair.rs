//! Budgets that are made to agree with the ledger, for the command line.

use serde::Serialize;

use super::super::AdminError;
use crate::domain::{BudgetId, By, Timestamp};
use crate::store::{Repaired, Store};

/// The windows of budgets that did not agree with the ledger.
#[derive(Debug, Serialize)]
pub struct RepairedList {
    /// The windows.
    pub data: Vec<RepairedView>,
}

/// A budget's window that did not agree with the ledger. Amounts are US dollars as text.
#[derive(Debug, Serialize)]
pub struct RepairedView {
    /// The budget.
    pub id: BudgetId,
    /// When the window began.
    pub window: Timestamp,
    /// What was spent.
    pub spent_usd: String,
    /// What the budget said was spent.
    pub spent_before_usd: String,
    /// What is held.
    pub held_usd: String,
    /// What the budget said was held.
    pub held_before_usd: String,
}

/// Makes the present windows of all budgets in force agree with the ledger.
///
/// # Errors
/// When the store fails.
pub async fn repair_budgets(store: &Store, by: &By) -> Result<RepairedList, AdminError> {
    let repaired = store.budgets().repair(by).await?;
    Ok(RepairedList { data: repaired.into_iter().map(RepairedView::from).collect() })
}

impl From<Repaired> for RepairedView {
    fn from(Repaired { budget, starts_at, spent, held }: Repaired) -> Self {
        Self {
            id: budget,
            window: starts_at,
            spent_usd: spent.1.to_string(),
            spent_before_usd: spent.0.to_string(),
            held_usd: held.1.to_string(),
            held_before_usd: held.0.to_string(),
        }
    }
}
