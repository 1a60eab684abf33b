//! Why a sandbox could not be made.

use std::time::Duration;

use innkeeper_shim::protocol::Fault;

use super::Overfull;
use crate::engine::EngineError;

/// Why a sandbox could not be made: texts for operators.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The engine failed.
    #[error("the engine could not make the sandbox")]
    Engine(#[from] EngineError),
    /// Its image cannot be used.
    #[error("{0}")]
    Image(String),
    /// Its directory could not be made.
    #[error("the sandbox's directory could not be made")]
    Directory(#[source] std::io::Error),
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
    /// The engine has no such runtime.
    #[error("the engine has no runtime `{name}`; it has: {} (Docker reads them from daemon.json)", .known.join(", "))]
    Runtime {
        /// The one asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// The server is stopping.
    #[error("the server is stopping")]
    Closed,
}
