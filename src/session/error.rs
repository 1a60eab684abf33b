//! Why a request about a session is refused. No HTTP here: the API decides how each is said.

use crate::admission::Full;
use crate::domain::{NotAllowed, SeedStatus};
use crate::spawner::{SpawnerError, WorkspaceError};
use crate::store::StoreError;

/// Why a new session cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The directory cannot be worked in.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// Whether the directory can be worked in could not be found out.
    #[error("the sandboxes' engine cannot be asked; try again in a moment")]
    Spawner(#[source] SpawnerError),
    /// The environment holds names that are the installation's to set.
    #[error("env may not set {}: leave them out, or set them in the commands that need them", .names.join(", "))]
    RefusedEnv {
        /// The names, each with what it decides.
        names: Vec<String>,
    },
    /// An operator has suspended the tenant.
    #[error("this tenant is suspended: it may begin nothing until an operator resumes it")]
    Suspended,
    /// The turn asks for what the tenant may not have.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// It asks for limits no agent could work within.
    #[error("{0}")]
    Limits(&'static str),
    /// The tenant's sessions hold as much in the store as they may.
    #[error(
        "the sessions of this tenant hold {used} bytes; {allowed} are allowed, and with this request they would hold more: \
         delete some sessions (DELETE /sessions/cleanup), or ask the operator for more"
    )]
    Storage {
        /// Bytes they hold.
        used: u64,
        /// Bytes they may hold.
        allowed: u64,
    },
    /// Too many of the tenant's sessions wait.
    #[error(transparent)]
    Full(#[from] Full),
    /// The server is about to stop.
    #[error("the server is stopping; try again in a moment")]
    Draining,
    /// An earlier sandbox in the same directory cannot be ended yet.
    #[error(
        "a sandbox that worked in this directory has not ended yet, although it was killed; it is removed as soon as it can \
         be, try again in a minute"
    )]
    Lingering,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StartError {
    /// The reason as a label of the metrics.
    pub(super) const fn as_label(&self) -> &'static str {
        match self {
            Self::Workspace(_) => "workspace",
            Self::Spawner(_) => "engine",
            Self::RefusedEnv { .. } => "environment",
            Self::Suspended => "suspended",
            Self::NotAllowed(_) | Self::Limits(_) => "limits",
            Self::Full(_) => "queue",
            Self::Storage { .. } => "storage",
            Self::Draining => "draining",
            Self::Lingering => "lingering",
            Self::Store(_) => "store",
        }
    }
}

/// A directory that cannot be worked in is the caller's to mend, all else the operator's.
impl From<SpawnerError> for StartError {
    fn from(error: SpawnerError) -> Self {
        match error {
            SpawnerError::Workspace(why) => Self::Workspace(why),
            other => Self::Spawner(other),
        }
    }
}

/// Why a session cannot be resumed.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The tenant has no such session.
    #[error("there is no such session")]
    NotFound,
    /// A turn is under way.
    #[error("a turn is under way")]
    Running,
    /// Its turn is over, which is not stored yet.
    #[error("the session is ending its turn; try again in a moment")]
    Ending,
    /// Its agent never spoke: there is no conversation to go on with.
    #[error("the session has no conversation to resume")]
    NoConversation,
    /// The request names another directory than the session works in.
    #[error("a session stays in its directory: leave cwd out, or give the one it was started with")]
    OtherWorkspace,
    /// An operator took the root its directory lies below from the tenant.
    #[error("the session's directory is below none of the tenant's roots any more")]
    RootGone,
    /// It has grown too long to be loaded again.
    #[error(
        "the session's {what} holds {used} bytes; a session with more than {allowed} cannot be resumed: start a new one"
    )]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its bytes.
        used: u64,
        /// Bytes that are allowed.
        allowed: u64,
    },
    /// The further turn cannot start, as a new session could not.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Why a session cannot be cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// The tenant has no such session.
    #[error("there is no such session")]
    NotFound,
    /// No turn is under way.
    #[error("no turn is under way")]
    NotRunning(SeedStatus),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a session cannot be deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// The tenant has no such session.
    #[error("there is no such session")]
    NotFound,
    /// A turn is under way.
    #[error("a turn is under way")]
    Running,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
