//! The spawner: holds the engine and the workspaces, and alone decides what a sandbox is made of.
//!
//! ```text
//!   one process    serve ── Local ── engine
//!   two            serve ── Remote ══ private socket ══ Server ── Local ── engine
//! ```
//!
//! Whoever holds the engine is root on the machine. So what faces the network can do without it: it says in a few typed
//! calls whose sandbox it wants and where, and no call has room for a mount, an image, a user or a network of the caller's
//! choice. In one process the same calls are made without a socket.

mod calls;
mod confinement;
mod directory;
mod disk;
mod error;
mod image;
mod local;
mod measured;
mod place;
mod policy;
mod remote;
mod roots;
mod runtime;
mod server;
mod size;
pub mod survey;
mod surveys;
mod wire;
mod workspace;

use async_trait::async_trait;

use crate::config::Config;
use crate::domain::{Changes, SandboxName, TenantId};

pub use crate::engine::{EngineId, Exit, Labels, Limits};
pub use calls::{Confinement, FoundWorkspace, Opened, Order, Swept, WorkspacePath};
pub use directory::{GIT_CONFIG_INSIDE, MODEL_SOCKET_INSIDE};
pub use error::SpawnerError;
#[cfg(test)]
pub(crate) use image::test as test_image;
pub use local::Local;
pub use measured::{CallLimits, Measured};
pub use policy::Policy;
pub use remote::{Claim, Remote};
pub use roots::{NewRoots, RootError, RootKeeper, RootsHere, TakenPlace};
pub use server::{Server, Socket};
pub use size::WorkspaceSize;
pub use survey::Comparison;
pub use workspace::{WorkspaceError, look_at};

/// What makes and destroys sandboxes on behalf of sessions.
#[async_trait]
pub trait Spawner: RootKeeper {
    /// What holds the engine, and which: one line for people.
    async fn describe(&self) -> Result<String, SpawnerError>;

    /// Finds the image sandboxes are made from, the installation's own when none is named; answers its content-addressed id.
    async fn find_image(&self, image: Option<&str>) -> Result<String, SpawnerError>;

    /// Checks that sandboxes can be run with the OCI runtime `name`.
    async fn check_runtime(&self, name: &str) -> Result<(), SpawnerError>;

    /// Looks at a directory that a session is to work in, as it will be opened for it.
    async fn find_workspace(&self, path: &WorkspacePath) -> Result<FoundWorkspace, SpawnerError>;

    /// Makes a sandbox, without starting it.
    async fn open(&self, order: Order) -> Result<Opened, SpawnerError>;

    /// Starts a sandbox that was just made. To be called once.
    async fn start(&self, id: &EngineId) -> Result<(), SpawnerError>;

    /// Waits until the sandbox has ended, and says how.
    async fn wait(&self, id: &EngineId) -> Result<Exit, SpawnerError>;

    /// How many bytes the filesystem of a sandbox's workspace has left for ordinary users.
    async fn free_bytes(&self, id: &EngineId) -> Result<u64, SpawnerError>;

    /// Counts what a sandbox's workspace holds, up to so many files. Whoever does not wait for it any more ends it.
    async fn measure(&self, id: &EngineId, most_files: u64) -> Result<WorkspaceSize, SpawnerError>;

    /// Looks over a sandbox's workspace before anything runs in it. What is found is kept until [`Self::forget`].
    async fn survey(&self, id: &EngineId) -> Result<(), SpawnerError>;

    /// Looks a workspace over again once the sandbox is gone, and undoes what it is told to. May be repeated, also by a
    /// spawner that was started since.
    async fn compare(&self, tenant: TenantId, name: SandboxName, how: Comparison) -> Result<Changes, SpawnerError>;

    /// Forgets what a workspace was before.
    async fn forget(&self, name: SandboxName) -> Result<(), SpawnerError>;

    /// Kills everything in the sandbox and removes it, running or not, and makes sure that it is gone. One that is gone is
    /// not an error, nor is one that was made by an earlier run.
    async fn remove(&self, name: SandboxName) -> Result<(), SpawnerError>;

    /// Whose sandboxes of the installation are there.
    async fn list(&self) -> Result<Vec<Labels>, SpawnerError>;

    /// What the last drill found that was held where the engine is held, as its report has it; `None` when none was.
    async fn last_drill(&self) -> Result<Option<serde_json::Value>, SpawnerError>;

    /// Removes every sandbox of the installation, and what the engine and an earlier run left of others; what is known of
    /// workspaces is forgotten, but for those in `kept`.
    async fn sweep(&self, kept: &[SandboxName]) -> Result<Swept, SpawnerError>;
}

/// What makes roots for a command beside the server: the spawner where one holds the workspaces, else this process.
pub fn root_keeper(config: &Config) -> Box<dyn RootKeeper> {
    let socket = &config.spawner.socket;
    if socket.as_os_str().is_empty() {
        Box::new(RootsHere::new(config, Policy::Embedded))
    } else {
        Box::new(Measured::new(Remote::new(socket.clone()), CallLimits::of(config)))
    }
}
