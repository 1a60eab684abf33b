//! Sessions: one supervisor task a live session, the registry that finds it, the reconciler that starts it all.
//!
//! A request goes to the [`Registry`], which stores the session and puts it under a supervisor. The supervisor alone
//! writes the session's state; a recorder beside it writes down what the agent says.

mod begin;
mod changes;
mod commands;
mod drive;
mod ending;
mod entrance;
mod error;
mod finish;
mod leftovers;
mod lines;
mod live;
mod operators;
mod orphans;
mod output;
mod persist;
mod recent;
mod reconciler;
mod recorder;
mod registry;
mod stop;
mod supervisor;
#[cfg(test)]
mod tests;
mod traced;
mod unstored;

pub use error::{CancelError, DeleteError, ResumeError, StartError};
pub use live::{LiveSession, QueueStatus, Stage};
pub use orphans::{OrphanError, Orphans, orphaned_files, remove_files};
pub use recent::REMEMBERED_S;
pub use reconciler::ReconcileError;
pub use registry::Registry;
