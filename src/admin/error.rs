//! Why an operation did nothing, in words that say what to do.

use crate::spawner::SpawnerError;
use crate::store::StoreError;

/// Why an operation did nothing.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// What was asked for cannot be.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(&'static str),
    /// It is not in a state in which this can be done.
    #[error("{0}")]
    Conflict(String),
    /// The engine, or who holds it, does not do its part.
    #[error(transparent)]
    Engine(SpawnerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
