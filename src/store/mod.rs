//! The store: every fact innkeeper keeps, and the only place with SQL.
//!
//! One dialect runs unchanged on every database sqlx's `Any` driver speaks: columns are `text` and `bigint`, nothing
//! else. SQLite is embedded. One task writes, so that writes share commits and no write fails because of another; several
//! connections read, which the write-ahead log lets run beside it.
//!
//! What belongs to a tenant cannot be read without naming the tenant, and another tenant's row is as good as absent.

mod audit;
mod budgets;
mod burn;
mod cancels;
mod changes;
mod codec;
mod connection;
mod corrections;
mod drift;
mod egress;
mod ended;
mod ended_turns;
mod error;
mod events;
mod export;
mod fault;
mod following;
mod holds;
mod installation;
mod keys;
mod ledger;
mod lists;
mod live;
mod orphans;
mod pages;
mod pending;
mod pieces;
mod probe;
mod purge;
mod reads;
mod repair;
mod reports;
mod scope_rows;
mod seal;
mod session_rows;
mod sessions;
mod space;
mod spending;
mod sqlite;
mod standings;
mod storage;
mod tenants;
#[cfg(test)]
mod tests;
mod totals;
mod transcript;
mod turn_totals;
mod turns;
mod unsealed;
mod windows;
mod writer;

pub use audit::{Audit, AuditFilter};
pub use budgets::Budgets;
pub use burn::Burn;
pub use cancels::CancelAsked;
pub use changes::{ChangesStore, Sandbox};
pub use connection::Store;
pub use corrections::Corrected;
pub use egress::{Egress, EgressRecord};
pub use ended::{EndedFilter, EndedSession};
pub use ended_turns::EndedTurn;
pub use error::StoreError;
pub use events::{Batch, Events};
pub use export::{Correction, Export, ExportFilter, ExportRow};
pub use fault::Fault;
pub use following::Following;
pub use holds::{Crossing, Reached, Terms};
pub use installation::Installation;
pub use keys::Keys;
pub use ledger::{CallRef, Ledger, LedgerEntry, NewCall, Settlement};
pub use live::{LiveTurn, Place};
pub use pending::PendingSandboxes;
pub use pieces::Pieces;
pub use probe::Unready;
pub use reads::{Conversation, ReadCache, Render};
pub use repair::Repaired;
pub use reports::{ReportPlace, Reports};
pub use seal::SealError;
pub use session_rows::{SessionFilter, SessionRow, TurnRow};
pub use sessions::{NewSession, Sessions};
pub use space::GivenBack;
pub use spending::{Spending, SpendingBy, SpendingPage, TenantSpending};
pub use tenants::Tenants;
pub use transcript::Transcripts;
pub use turn_totals::TurnTotal;
pub use turns::{NewTurn, Turns};
