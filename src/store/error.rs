//! What can go wrong with the store.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Fault, SealError};

/// The store failed, and nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database file cannot be used.
    #[error("cannot open the database `{path}`; check that its directory exists and is writable")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The key of the sealed variables cannot be used.
    #[error("the key that variables of sessions are sealed with cannot be used")]
    Seal(#[from] SealError),
    /// The tables could not be brought up to date.
    #[error("cannot bring the database's tables up to date; was it made by a newer innkeeper?")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the database refused a statement")]
    Statement(#[from] sqlx::Error),
    /// The transaction that a write shared with others failed.
    #[error("the database cannot be written at present: {fault}; try again")]
    Unavailable {
        /// What is wrong.
        fault: Fault,
        /// What the database said.
        #[source]
        source: Option<Arc<sqlx::Error>>,
    },
    /// The store was closed.
    #[error("the store is closed: the server is stopping")]
    Closed,
    /// A write panicked. It was rolled back.
    #[error("a write panicked and was rolled back; this is a bug")]
    Panicked,
    /// A row holds what innkeeper does not write.
    #[error("the database holds a value in `{column}` that innkeeper did not write")]
    Corrupt {
        /// The column.
        column: &'static str,
    },
    /// Too many reports are read already.
    #[error("too many reports are read at the same time; try again later")]
    Busy,
    /// A name that must be unique is taken.
    #[error("the name `{name}` is taken")]
    NameTaken {
        /// The name.
        name: String,
    },
}

impl StoreError {
    /// Why the database cannot be used at present, when that is the reason of this error.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Unavailable { fault, .. } => Some(*fault),
            Self::Statement(error) => Fault::of(error),
            _ => None,
        }
    }

    /// Whether the same call may succeed later: the disk is full, the database is locked, its connection broke.
    pub fn is_transient(&self) -> bool {
        self.fault().is_some()
    }
}
