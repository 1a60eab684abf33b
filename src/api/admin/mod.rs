//! The admin API: what an operator does, on the operators' listener, each call with an operator's key.
//!
//! The deeds behind it are functions of their own, for the command line does the same.

mod budgets;
mod error;
mod keys;
mod new_tenant;
mod place;
mod roots;
mod routes;
mod tenants;
#[cfg(test)]
mod tests;

pub use budgets::{
    BudgetList, BudgetView, NewBudget, ScopeOf, archive_budget, create_budget, list_budgets, update_budget,
};
pub use error::{AdminError, ErrorBody, ErrorDetail};
pub use keys::{IssuedKeyView, KeyList, KeyView};
pub use new_tenant::{CreateTenantError, create_tenant};
pub use roots::RootError;
pub use routes::router;
pub use tenants::{TenantList, TenantView};
