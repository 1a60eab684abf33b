//! The engine makes and destroys sandboxes. Two forms: Docker, and a fake for fast tests.
//!
//! An engine knows nothing of sessions: it is given a complete [`SandboxSpec`] and answers with an [`EngineId`].
//! A sandbox is started once and never again, because a second start would mount whatever its workspace's
//! descriptor number has come to mean by then.

pub mod docker;
mod error;
#[cfg(test)]
pub mod fake;
mod limits;
mod spec;

use async_trait::async_trait;

pub use error::{Cause, EngineError, UnfitSpec};
pub use limits::{NoAnswer, TimeLimits};
pub use spec::{
    DiskBound, EngineId, Exit, FIRST_USER, FoundSandbox, Image, Labels, Limits, ReadOnlyMount, SandboxSpec,
    WorkspaceMount,
};

/// What makes and destroys sandboxes.
#[async_trait]
pub trait Engine: Send + Sync + std::fmt::Debug {
    /// Asks whether the engine answers, and what it is: one line for people.
    async fn describe(&self) -> Result<String, EngineError>;

    /// The OCI runtimes it can run a sandbox with, by its names for them.
    async fn runtimes(&self) -> Result<Vec<String>, EngineError>;

    /// Looks an image up by its reference; `None` when the engine does not have it.
    async fn find_image(&self, reference: &str) -> Result<Option<Image>, EngineError>;

    /// Makes a sandbox, without starting it.
    async fn create(&self, spec: &SandboxSpec) -> Result<EngineId, EngineError>;

    /// Starts a sandbox that was just made. To be called once.
    async fn start(&self, id: &EngineId) -> Result<(), EngineError>;

    /// Waits until the sandbox has ended, and says how. Answers at once for one that has ended before.
    async fn wait(&self, id: &EngineId) -> Result<Exit, EngineError>;

    /// Kills everything in the sandbox at once. A sandbox that has ended or is gone is not an error.
    async fn kill(&self, id: &EngineId) -> Result<(), EngineError>;

    /// Removes the sandbox and what the engine kept for it, running or not. One that is gone is not an error.
    async fn remove(&self, id: &EngineId) -> Result<(), EngineError>;

    /// Whether the sandbox is still there, in any state.
    async fn exists(&self, id: &EngineId) -> Result<bool, EngineError>;

    /// Lists every sandbox of an installation, running or not.
    async fn list(&self, installation: &str) -> Result<Vec<FoundSandbox>, EngineError>;

    /// Removes what the engine still keeps of an installation's sandboxes that are gone, and answers how much it was.
    async fn remove_remains(&self, installation: &str) -> Result<usize, EngineError>;
}
