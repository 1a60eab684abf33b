//! Budgets, for operators.

pub(super) mod calls;
mod deeds;
mod repair;
mod view;

pub(super) use deeds::amount;
pub use deeds::{
    BudgetsAsk, NewBudget, ScopeOf, archive_budget, create_budget, list_budgets, top_up_budget, update_budget,
};
pub use repair::{RepairedList, RepairedView, repair_budgets};
pub use view::{BudgetList, BudgetView};
