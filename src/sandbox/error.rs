//! Why a sandbox could not be made.

use std::time::Duration;

use innkeeper_shim::protocol::Fault;

use super::Overfull;
use crate::spawner::SpawnerError;

/// Why a sandbox could not be made: texts for operators.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The spawner did not make it.
    #[error("the sandbox could not be made")]
    Spawner(#[from] SpawnerError),
    /// The machine gives no random numbers to make its token of.
    #[error("the system gives no random numbers")]
    Random(getrandom::Error),
    /// The sandbox is weaker than it was ordered.
    #[error("the sandbox is weaker than it was ordered and was not used: {0}")]
    Weak(String),
    /// The shim found that no agent may run.
    #[error("the sandbox was refused from within")]
    Fault(#[source] Fault),
    /// It ended before its shim spoke.
    #[error("the sandbox ended with code {0} before it was ready")]
    Ended(i64),
    /// Its shim did not come up in time.
    #[error("the sandbox was not ready within {0:?}")]
    TimedOut(Duration),
    /// The workspace holds more than it may.
    #[error("{0}")]
    Overfull(Overfull),
    /// The server is stopping.
    #[error("the server is stopping")]
    Closed,
}

impl OpenError {
    /// The reason as a label of metrics and traces.
    pub const fn as_label(&self) -> &'static str {
        match self {
            Self::Spawner(SpawnerError::Image(_)) => "image",
            Self::Spawner(SpawnerError::Runtime { .. }) => "runtime",
            Self::Spawner(SpawnerError::Workspace(_)) | Self::Overfull(_) => "workspace",
            Self::Spawner(_) => "engine",
            Self::Weak(_) => "weak",
            Self::Fault(_) => "fault",
            Self::Ended(_) => "ended",
            Self::TimedOut(_) => "timeout",
            Self::Random(_) | Self::Closed => "other",
        }
    }
}
