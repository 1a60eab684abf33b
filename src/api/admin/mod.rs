//! The admin API: what an operator does, on the operators' listener, each call with an operator's key.
//!
//! The deeds behind it are functions of their own, for the command line does the same.

mod audit;
mod budgets;
mod calls;
mod cleanup;
mod error;
mod export;
mod key_views;
mod keys;
mod prices;
mod routes;
mod sessions;
mod tenant_deeds;
mod tenant_views;
mod tenants;
#[cfg(test)]
mod tests;
mod words;

pub use audit::{AuditAsk, AuditPage, AuditView, list_audit};
pub use budgets::{
    BudgetList, BudgetView, BudgetsAsk, NewBudget, RepairedList, RepairedView, ScopeOf, archive_budget, create_budget,
    list_budgets, repair_budgets, top_up_budget, update_budget,
};
pub use calls::{CallList, CallView, CallsAsk, CorrectedView, correct_call, list_calls};
pub use error::{AdminError, ErrorBody, ErrorDetail};
pub use key_views::{IssuedKeyView, KeyList, KeyView};
pub use prices::TierView;
pub use routes::router;
pub use tenant_deeds::{CreateTenantError, create_tenant, update_tenant};
pub use tenant_views::{TenantList, TenantView};
use words::{moment, page_size, reason};
