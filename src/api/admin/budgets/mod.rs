//! Budgets, for operators.

pub(super) mod calls;
mod deeds;
mod view;

pub(super) use deeds::amount;
pub use deeds::{NewBudget, ScopeOf, archive_budget, create_budget, list_budgets, top_up_budget, update_budget};
pub use view::{BudgetList, BudgetView};
