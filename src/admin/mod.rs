//! What operators do, without HTTP: the one way for the admin API and the command line.

mod cleanup;
mod error;
mod findings;
mod names;
mod retention;
mod session_views;
pub mod sessions;

pub use cleanup::{CleanupAsk, CleanupReport, Remover, clean_up};
pub use error::OperationError;
pub use findings::{Finding, FindingKind, Findings, findings_of_limits};
pub use names::Names;
pub use retention::Retention;
pub use session_views::{LiveView, SessionDetail, SessionEntry, SessionPage, TurnView};
pub use sessions::SessionsAsk;
