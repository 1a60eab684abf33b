//! What the agent leaves behind: a workspace is looked over before a session and after it, and the two are compared.
//!
//! The tree is whoever's who wrote to it last, so nothing of it is believed: it is walked on open descriptors (`walk`),
//! follows no link, opens nothing but regular files its owner may read (`access`), and is bounded in everything it could be
//! large in. What changed is decided by the kernel's own time of change, which no program can set, and then by the contents.
//! What was there is kept in two files (`files`, `tree`, `kept`), so that a session takes no memory, and a crash of the server
//! does not make it forget. Changes of files that would run later on somebody's host (`classes`) are told apart, and undone
//! where the tenant's policy says so (`quarantine`). What could not be looked at is reported, and never taken for clean.
//!
//! Everything here blocks: call it where that is allowed.

mod access;
mod before;
mod bounds;
mod budget;
mod classes;
mod compare;
mod difference;
mod error;
mod facts;
mod files;
mod kept;
mod links;
mod loaded;
mod quarantine;
mod queue;
mod report;
mod repositories;
mod restore;
mod scripts;
mod taking;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

pub use bounds::SurveyBounds;
pub use error::SurveyError;
pub use files::SurveyFiles;
pub use loaded::Survey;
pub use report::Comparison;
pub use taking::take;

use super::{FoundWorkspace, WorkspacePath};
