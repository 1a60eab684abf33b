//! The spawner in this process: opens workspaces, and has the engine make sandboxes of them.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use rustix::io::Errno;

use super::directory::SandboxDirectory;
use super::image::find_image;
use super::runtime::check_runtime;
use super::size::{free_bytes, measure};
use super::survey::Comparison;
use super::surveys::Surveys;
use super::workspace::Workspace;
use super::{
    Confinement, FoundWorkspace, Labels, NewRoots, Opened, Order, Policy, RootError, RootKeeper, RootsHere, Spawner,
    SpawnerError, Swept, WorkspacePath, WorkspaceSize, confinement,
};
use crate::config::Config;
use crate::domain::{Changes, SandboxName, TenantId};
use crate::engine::{Engine, EngineId, Exit};
use crate::fair::{FairGate, background};

/// Workspaces that are walked through at the same time.
const WALKS: usize = 2;

/// The spawner in this process.
#[derive(Debug)]
pub struct Local {
    engine: Arc<dyn Engine>,
    config: Arc<Config>,
    policy: Policy,
    roots: RootsHere,
    installation: String,
    /// Where live sandboxes have their directories.
    directories: PathBuf,
    /// The sandboxes that were made here and not removed: no call reaches another container of the machine.
    live: Mutex<HashMap<EngineId, Live>>,
    surveys: Surveys,
    /// Walking through a workspace is disk work: a few at a time, and the turns go round between tenants.
    walks: FairGate,
    /// What the drill at the start found.
    drill: OnceLock<serde_json::Value>,
}

/// What is held of a sandbox for as long as it is there.
#[derive(Debug)]
struct Live {
    /// Whose it is.
    tenant: TenantId,
    /// Open, so that its number means the same directory until it is mounted, and is found again afterwards.
    workspace: Workspace,
    name: SandboxName,
    path: WorkspacePath,
    /// Whether its workspace was looked over, so that somebody will ask for the comparison.
    surveyed: bool,
    /// Removed when dropped.
    _directory: SandboxDirectory,
}

impl Local {
    /// A spawner for `installation` that has `engine` make sandboxes, and their directories below `directories`.
    pub fn new(
        engine: Arc<dyn Engine>,
        config: Arc<Config>,
        policy: Policy,
        installation: &str,
        directories: PathBuf,
    ) -> Self {
        let installation = installation.to_owned();
        let mut roots = RootsHere::new(&config, policy.clone());
        roots.forbid(directories.clone(), "the directory of the sandboxes' sockets");
        let surveys = directories.parent().unwrap_or(&directories).join("surveys");
        let surveys = Surveys::new(surveys, &config.survey);
        Self {
            engine,
            config,
            surveys,
            policy,
            roots,
            installation,
            directories,
            live: Mutex::default(),
            walks: FairGate::new(WALKS),
            drill: OnceLock::new(),
        }
    }

    /// Checks where workspaces may lie, before the first is opened.
    ///
    /// # Errors
    /// When a directory overlaps what the machine lives on, or belongs to an ordinary user.
    pub fn check_bases(&self) -> Result<(), RootError> {
        self.roots.check_bases()
    }

    /// One whose engine is in memory, for tests of what is above.
    #[cfg(test)]
    pub(crate) fn fake(config: &Arc<Config>) -> Arc<Self> {
        Self::with_fake_engine(config).0
    }

    /// The same, and its engine.
    #[cfg(test)]
    pub(crate) fn with_fake_engine(config: &Arc<Config>) -> (Arc<Self>, Arc<crate::engine::fake::FakeEngine>) {
        let ours = config.engine.image.clone();
        let engine = Arc::new(crate::engine::fake::FakeEngine::new([(ours, super::image::test())]));
        let (same, directories) = (Arc::clone(&engine), config.sandboxes_dir());
        (Arc::new(Self::new(same, Arc::clone(config), Policy::Embedded, "test", directories)), engine)
    }

    /// Takes a turn to walk through a workspace.
    #[cfg(test)]
    pub(crate) async fn take_walk(&self, tenant: TenantId) -> crate::fair::Permit {
        self.walks.acquire(tenant).await
    }

    /// Keeps what the drill at the start found, for whoever asks.
    pub fn keep_drill(&self, report: serde_json::Value) {
        let _ = self.drill.set(report);
    }

    /// Opens a workspace on a thread that may block: its filesystem may be slow, or hang.
    async fn open_workspace(&self, path: &WorkspacePath) -> Result<Workspace, SpawnerError> {
        let (base, path) = (self.policy.base_of(&path.root)?.to_owned(), path.clone());
        let opening = tokio::task::spawn_blocking(move || Workspace::open(&base, &path));
        let opened = opening.await.map_err(|_| SpawnerError::Failed("opening a workspace panicked".to_owned()))?;
        Ok(opened?)
    }

    async fn image(&self, image: Option<&str>) -> Result<String, SpawnerError> {
        let ours = self.config.engine.image.as_str();
        let asked = image.unwrap_or(ours);
        if asked != ours {
            self.policy.check_image(asked)?;
        }
        find_image(&*self.engine, asked).await
    }

    /// # Errors
    /// When it is no sandbox of this spawner.
    fn check_ours(&self, id: &EngineId) -> Result<(), SpawnerError> {
        if self.live().contains_key(id) {
            return Ok(());
        }
        Err(unknown(id))
    }

    /// The open workspace of a sandbox, and whose it is.
    fn directory(&self, id: &EngineId) -> Result<(TenantId, Arc<OwnedFd>), SpawnerError> {
        self.live().get(id).map(|live| (live.tenant, live.workspace.directory())).ok_or_else(|| unknown(id))
    }

    /// Removes every sandbox of the installation, and the directories of all.
    ///
    /// # Errors
    /// When the engine fails. That one of them stays is no error, and in the answer.
    pub async fn remove_all(&self) -> Result<Swept, SpawnerError> {
        let mut swept = Swept::default();
        for orphan in self.engine.list(&self.installation).await? {
            tracing::info!(sandbox = orphan.id.0, "removing a sandbox of an earlier run");
            match self.destroy(&orphan.id).await {
                Ok(()) => swept.removed += 1,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(sandbox = orphan.id.0, error, "sandbox removal failed");
                    swept.remaining.extend(orphan.labels.as_ref().map(name_of));
                }
            }
        }
        self.live().clear();
        self.surveys.close_all();
        self.engine.remove_remains(&self.installation).await?;
        clear(&self.directories);
        Ok(swept)
    }

    /// Removes a container, and makes sure that it is gone: then every process in it has ended.
    async fn destroy(&self, id: &EngineId) -> Result<(), SpawnerError> {
        self.engine.remove(id).await?;
        if self.engine.exists(id).await? { Err(SpawnerError::StillThere) } else { Ok(()) }
    }

    /// The container of a sandbox that this process knows nothing of.
    async fn orphan(&self, name: SandboxName) -> Result<Option<EngineId>, SpawnerError> {
        let found = self.engine.list(&self.installation).await?;
        let named = |labels: &Labels| name_of(labels) == name;
        Ok(found.into_iter().find(|sandbox| sandbox.labels.as_ref().is_some_and(named)).map(|sandbox| sandbox.id))
    }

    /// The container of a sandbox that was made here.
    fn live_id(&self, name: SandboxName) -> Option<EngineId> {
        self.live().iter().find(|(_, live)| live.name == name).map(|(id, _)| id.clone())
    }

    /// How many sandboxes of a tenant there are.
    fn count(&self, tenant: TenantId) -> usize {
        self.live().values().filter(|live| live.tenant == tenant).count()
    }

    fn live(&self) -> MutexGuard<'_, HashMap<EngineId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Spawner for Local {
    async fn describe(&self) -> Result<String, SpawnerError> {
        Ok(self.engine.describe().await?)
    }

    async fn find_image(&self, image: Option<&str>) -> Result<String, SpawnerError> {
        self.image(image).await
    }

    async fn check_runtime(&self, name: &str) -> Result<(), SpawnerError> {
        if name != self.config.engine.runtime {
            self.policy.check_runtime(name)?;
        }
        check_runtime(&*self.engine, name).await
    }

    async fn find_workspace(&self, path: &WorkspacePath) -> Result<FoundWorkspace, SpawnerError> {
        Ok(self.open_workspace(path).await?.found)
    }

    async fn open(&self, order: Order) -> Result<Opened, SpawnerError> {
        if let Some(runtime) = &order.runtime {
            self.check_runtime(runtime).await?;
        }
        let image = self.image(order.image.as_deref()).await?;
        let workspace = self.open_workspace(&order.workspace).await?;
        let name = format!("{}-{}", order.session, order.epoch);
        let FoundWorkspace { uid, gid, .. } = workspace.found;
        let directory =
            SandboxDirectory::create(&self.directories, &name, uid, gid).map_err(SpawnerError::Directory)?;
        let listen = |listener: std::io::Result<_>| listener.map(OwnedFd::from).map_err(SpawnerError::Directory);
        let (shim, model) = (listen(directory.shim_socket())?, listen(directory.model_socket())?);
        let spec = confinement::spec(
            &order,
            self.count(order.tenant),
            &self.installation,
            image,
            &self.config,
            &workspace,
            &directory,
        );
        let id = self.engine.create(&spec).await?;
        let confinement = Confinement { workspace: workspace.found, limits: spec.limits };
        let (tenant, name, path) = (order.tenant, order.name(), order.workspace);
        self.live().insert(id.clone(), Live { tenant, workspace, name, path, surveyed: false, _directory: directory });
        Ok(Opened { id, confinement, shim, model })
    }

    async fn start(&self, id: &EngineId) -> Result<(), SpawnerError> {
        self.check_ours(id)?;
        Ok(self.engine.start(id).await?)
    }

    async fn wait(&self, id: &EngineId) -> Result<Exit, SpawnerError> {
        self.check_ours(id)?;
        Ok(self.engine.wait(id).await?)
    }

    async fn free_bytes(&self, id: &EngineId) -> Result<u64, SpawnerError> {
        let (_, directory) = self.directory(id)?;
        blocking(move || free_bytes(directory.as_fd())).await
    }

    async fn measure(&self, id: &EngineId, most_files: u64) -> Result<WorkspaceSize, SpawnerError> {
        let (tenant, directory) = self.directory(id)?;
        let given_up = GiveUp(Arc::default());
        let turn = self.walks.acquire(tenant).await;
        let flag = Arc::clone(&given_up.0);
        let measured = background(turn, move || measure(directory.as_fd(), most_files, &flag)).await;
        measured.unwrap_or(Err(Errno::CANCELED)).map_err(|errno| SpawnerError::Measure(errno.into()))
    }

    async fn remove(&self, name: SandboxName) -> Result<(), SpawnerError> {
        if let Some(id) = self.live_id(name) {
            self.destroy(&id).await?;
            if let Some(Live { workspace, surveyed: true, .. }) = self.live().remove(&id) {
                self.surveys.leave(name, workspace);
            }
        } else if let Some(id) = self.orphan(name).await? {
            self.destroy(&id).await?;
        }
        Ok(())
    }

    async fn survey(&self, id: &EngineId) -> Result<(), SpawnerError> {
        let (tenant, name, path, workspace) = {
            let live = self.live();
            let live = live.get(id).ok_or_else(|| unknown(id))?;
            (live.tenant, live.name, live.path.clone(), live.workspace.clone())
        };
        let turn = self.walks.acquire(tenant).await;
        self.surveys.take(turn, name, path, &workspace).await?;
        if let Some(live) = self.live().get_mut(id) {
            live.surveyed = true;
        }
        Ok(())
    }

    async fn compare(
        &self,
        tenant: TenantId,
        name: SandboxName,
        comparison: Comparison,
    ) -> Result<Changes, SpawnerError> {
        // What still runs would write after it was looked at.
        if self.live_id(name).is_some() || (!self.surveys.is_left(name) && self.orphan(name).await?.is_some()) {
            return Err(SpawnerError::StillThere);
        }
        let turn = self.walks.acquire(tenant).await;
        self.surveys.compare(turn, name, comparison, &self.policy).await
    }

    async fn forget(&self, name: SandboxName) -> Result<(), SpawnerError> {
        self.surveys.forget(name)
    }

    async fn list(&self) -> Result<Vec<Labels>, SpawnerError> {
        let found = self.engine.list(&self.installation).await?;
        Ok(found.into_iter().filter_map(|sandbox| sandbox.labels).collect())
    }

    async fn last_drill(&self) -> Result<Option<serde_json::Value>, SpawnerError> {
        Ok(self.drill.get().cloned())
    }

    async fn sweep(&self, kept: &[SandboxName]) -> Result<Swept, SpawnerError> {
        let swept = self.remove_all().await?;
        self.surveys.retain(kept)?;
        Ok(swept)
    }
}

#[async_trait]
impl RootKeeper for Local {
    async fn prepare_roots(&self, new: NewRoots) -> Result<(), RootError> {
        self.roots.prepare_roots(new).await
    }
}

fn name_of(labels: &Labels) -> SandboxName {
    SandboxName { session: labels.session, epoch: labels.epoch }
}

fn unknown(id: &EngineId) -> SpawnerError {
    SpawnerError::Refused(format!("there is no sandbox `{}` of this spawner", id.0))
}

/// Ends a walk that nobody waits for any more.
struct GiveUp(Arc<AtomicBool>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does disk work where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Errno> + Send + 'static,
) -> Result<T, SpawnerError> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or(Err(Errno::CANCELED));
    done.map_err(|errno| SpawnerError::Measure(errno.into()))
}

/// Removes the directories of sandboxes that are gone.
fn clear(directories: &Path) {
    if let Err(error) = std::fs::remove_dir_all(directories)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "directories of an earlier run's sandboxes could not be removed");
    }
}
