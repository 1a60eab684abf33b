//! What can go wrong with an engine: the operation that failed, and why it did.

use std::error::Error;

/// What an engine answered, in its own words. Nobody decides anything by it, so it is kept opaque.
type Answer = Box<dyn Error + Send + Sync>;

/// An operation of the engine failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The configured endpoint is of a kind innkeeper does not speak to.
    #[error("`{endpoint}` is no Docker endpoint: write `unix:///path/to/docker.sock`")]
    Endpoint {
        /// What was configured.
        endpoint: String,
    },
    /// The engine lacks fields a sandbox needs, and would leave them out without a word.
    #[error("Docker's API is {version}, but sandboxes need 1.41 or later: install Docker 20.10 or later")]
    TooOld {
        /// The API version the engine offers.
        version: String,
    },
    /// [`Docker::connect`](super::docker::Docker::connect) failed.
    #[error("cannot connect to the engine")]
    Connect(#[source] Cause),
    /// [`Engine::describe`](super::Engine::describe) failed.
    #[error("cannot ask the engine what it is")]
    Describe(#[source] Cause),
    /// [`Engine::find_image`](super::Engine::find_image) failed.
    #[error("cannot look for an image")]
    FindImage(#[source] Cause),
    /// [`Engine::create`](super::Engine::create) failed.
    #[error("cannot make a sandbox")]
    Create(#[source] Cause),
    /// [`Engine::start`](super::Engine::start) failed.
    #[error("cannot start a sandbox")]
    Start(#[source] Cause),
    /// [`Engine::wait`](super::Engine::wait) failed.
    #[error("cannot wait for the end of a sandbox")]
    Wait(#[source] Cause),
    /// [`Engine::kill`](super::Engine::kill) failed.
    #[error("cannot kill a sandbox")]
    Kill(#[source] Cause),
    /// [`Engine::remove`](super::Engine::remove) failed.
    #[error("cannot remove a sandbox")]
    Remove(#[source] Cause),
    /// [`Engine::list`](super::Engine::list) failed.
    #[error("cannot list the sandboxes")]
    List(#[source] Cause),
    /// [`Engine::remove_remains`](super::Engine::remove_remains) failed.
    #[error("cannot remove the volumes left behind by an engine that crashed")]
    RemoveVolumes(#[source] Cause),
}

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// No answer came: the engine is down, restarting, or out of reach. Whether the operation took place is unknown.
    #[error("Docker does not answer at `{endpoint}`: check that it runs, and that this user may open its socket")]
    Unreachable {
        /// Where it was expected.
        endpoint: String,
        /// What happened instead of an answer.
        source: Answer,
    },
    /// It took too long to answer. Whether the operation took place is unknown.
    #[error(
        "Docker is too slow at `{endpoint}`, or hangs: check that it works; engine.*_timeout_ms say how long a call may take"
    )]
    TimedOut {
        /// Where it was expected.
        endpoint: String,
        /// How long was waited.
        source: Answer,
    },
    /// The engine knows no such sandbox, or no such image to make one from.
    #[error("the engine no longer has it")]
    Gone(#[source] Answer),
    /// The spec asks for what no sandbox may be.
    #[error(transparent)]
    Unfit(#[from] UnfitSpec),
    /// The engine answered, and refused.
    #[error("the engine refused")]
    Refused(#[source] Answer),
}

/// A spec that no engine is to be bothered with.
#[derive(Debug, thiserror::Error)]
pub enum UnfitSpec {
    /// Requests to the engine are text, and what comes near to the path may be somebody else's directory.
    #[error("`{}` cannot be mounted: its path is not UTF-8 text", .0.display())]
    PathNotText(std::path::PathBuf),
    /// The ids below belong to the system's own users, and 0 to root.
    #[error("a sandbox cannot run as user {0}: users below 1000 belong to the system")]
    SystemUser(u32),
}

impl EngineError {
    /// Why the operation failed; `None` when no operation was tried.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Endpoint { .. } | Self::TooOld { .. } => None,
            Self::Connect(cause)
            | Self::Describe(cause)
            | Self::FindImage(cause)
            | Self::Create(cause)
            | Self::Start(cause)
            | Self::Wait(cause)
            | Self::Kill(cause)
            | Self::Remove(cause)
            | Self::List(cause)
            | Self::RemoveVolumes(cause) => Some(cause),
        }
    }

    /// Whether the sandbox no longer exists, so that trying again is of no use.
    pub fn is_gone(&self) -> bool {
        matches!(self.cause(), Some(Cause::Gone(_)))
    }

    /// Whether no answer came, so that trying again may help.
    pub fn is_unreachable(&self) -> bool {
        matches!(self.cause(), Some(Cause::Unreachable { .. } | Cause::TimedOut { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error and everything behind it, as a log shows it.
    fn chain(error: &dyn Error) -> String {
        std::iter::successors(Some(error), |&error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    }

    #[test]
    fn a_log_reads_the_operation_then_the_advice_then_the_cause() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let cause = Cause::Unreachable { endpoint: "unix:///run/docker.sock".to_owned(), source: refused.into() };
        let error = EngineError::Start(cause);
        assert!(error.is_unreachable() && !error.is_gone());
        assert_eq!(
            chain(&error),
            "cannot start a sandbox: Docker does not answer at `unix:///run/docker.sock`: check that it runs, and that \
             this user may open its socket: connection refused"
        );
    }

    #[test]
    fn an_unfit_spec_is_named_once() {
        let error = EngineError::Create(UnfitSpec::SystemUser(0).into());
        assert_eq!(
            chain(&error),
            "cannot make a sandbox: a sandbox cannot run as user 0: users below 1000 belong to the system"
        );
    }
}
