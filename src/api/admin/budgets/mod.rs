//! Budgets, for operators.

pub(super) mod calls;
mod deeds;

pub use deeds::{
    BudgetList, BudgetView, NewBudget, ScopeOf, archive_budget, create_budget, list_budgets, update_budget,
};
