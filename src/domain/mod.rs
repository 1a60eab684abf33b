//! The words of the product as types: meaning only, no I/O, nothing of ours imported.

pub mod amount;
pub mod audit;
pub mod budget;
pub mod changes;
pub mod clock;
mod count;
pub mod day;
pub mod decision;
pub mod drift;
pub mod egress;
pub mod estimate;
pub mod event;
pub mod id;
pub mod key;
pub mod key_scope;
pub mod limits;
pub mod money;
pub mod object;
pub mod pending;
pub mod plain_key;
pub mod rate;
pub mod repository;
pub mod secret;
pub mod session;
pub mod session_limits;
pub mod tenant;
pub mod tool_names;
pub mod tool_rules;
pub mod turn;
pub mod usage;

pub use amount::{amount_schema, amount_text, optional_amount_schema, optional_amount_text};
pub use audit::{Action, AuditEntry, By, Who};
pub use budget::{Budget, Enforcement, Period, Scope, Standing};
pub use changes::{
    Change, ChangeKind, Changes, FileClass, FileKind, Incomplete, Quarantined, SessionFile, Shortened, Totals,
    TurnChanges, Undone, read_path, show_path,
};
pub use clock::{Clock, SystemClock, Timestamp};
pub use day::Day;
pub use decision::{Ask, Decision, Share, decide};
pub use drift::{Drift, TurnDrift};
pub use egress::{EgressHost, InvalidEgressHost};
pub use estimate::EstimateReason;
pub use event::{Event, EventKind, NewEvent};
pub use id::{BudgetId, CallId, KeyId, RequestId, SessionId, TenantId, TurnId};
pub use key::{Key, KeyOwner};
pub use key_scope::{KeyScope, KeyScopes};
pub use limits::{NotAllowed, TenantLimits};
pub use money::Usd;
pub use object::{Object, object, optional_object};
pub use pending::{PendingSandbox, PendingState, SandboxName};
pub use plain_key::PlainKey;
pub use rate::{Allowance, Rate, RateClass, TenantRates};
pub use repository::RepositoryGrant;
pub use secret::Secret;
pub use session::{SeedStatus, Session, SessionOverview, SessionState};
pub use session_limits::SessionLimits;
pub use tenant::{Tenant, TenantRoot, TenantState};
pub use turn::{AgentReport, EndReason, Outcome, PermissionMode, Turn, TurnEnd, TurnSpec};
pub use usage::Usage;
