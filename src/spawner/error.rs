//! Why the spawner did not do what it was asked.

use crate::engine::EngineError;

use super::WorkspaceError;
use super::survey::SurveyError;

/// Why the spawner did not do what it was asked: texts for operators, but for the workspace's, which are for the caller.
#[derive(Debug, thiserror::Error)]
pub enum SpawnerError {
    /// The directory cannot be worked in.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The image cannot be used.
    #[error("{0}")]
    Image(String),
    /// The engine has no such runtime.
    #[error("the engine has no runtime `{name}`; it has: {} (Docker reads them from daemon.json)", .known.join(", "))]
    Runtime {
        /// The one asked for.
        name: String,
        /// Those it has.
        known: Vec<String>,
    },
    /// Its settings do not allow what was asked.
    #[error("the spawner refuses: {0}")]
    Refused(String),
    /// Directories cannot be a tenant's roots.
    #[error("{0}")]
    Root(String),
    /// The engine failed.
    #[error("the engine failed")]
    Engine(#[from] EngineError),
    /// The sandbox's directory or sockets could not be made.
    #[error("the sandbox's directory could not be made")]
    Directory(#[source] std::io::Error),
    /// The workspace cannot be looked through.
    #[error("the workspace cannot be looked through")]
    Measure(#[source] std::io::Error),
    /// The workspace cannot be looked over.
    #[error(transparent)]
    Survey(SurveyError),
    /// What a session changed can never be known: what its workspace was before is lost.
    #[error("{0}")]
    SurveyLost(String),
    /// The engine was told to remove a sandbox, and it is still there.
    #[error(
        "the sandbox was removed and is still there: a process in it does not end, or the engine does not see that it has"
    )]
    StillThere,
    /// The spawner's process failed, and says why.
    #[error("the spawner failed: {0}")]
    Failed(String),
    /// A call took too long. Whether it was done is unknown.
    #[error("the spawner did not answer `{call}` within {} ms: check that it works", .limit.as_millis())]
    TimedOut {
        /// The call.
        call: &'static str,
        /// How long was waited.
        limit: std::time::Duration,
    },
    /// The spawner's process does not answer.
    #[error(
        "the spawner does not answer at `{socket}`: check that `innkeeper spawner` runs, and that this user is its client"
    )]
    Unreachable {
        /// Where it was expected.
        socket: String,
        /// What happened instead of an answer.
        source: std::io::Error,
    },
}

impl From<SurveyError> for SpawnerError {
    fn from(error: SurveyError) -> Self {
        if error.is_final() { Self::SurveyLost(error.to_string()) } else { Self::Survey(error) }
    }
}
