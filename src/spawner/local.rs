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
use super::survey::{Survey, SurveyBounds, SurveyError};
use super::workspace::Workspace;
use super::{
    Confinement, FoundWorkspace, Labels, NewRoots, Opened, Order, Policy, RootError, RootKeeper, RootsHere, Spawner,
    SpawnerError, WorkspacePath, WorkspaceSize, confinement,
};
use crate::config::Config;
use crate::domain::{Changes, TenantId};
use crate::engine::{Engine, EngineId, Exit};
use crate::fair::FairGate;

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
    /// The workspaces of removed sandboxes that are still to be compared.
    left: Mutex<HashMap<EngineId, (TenantId, Workspace, Survey)>>,
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
    /// What the workspace was before anything ran in it.
    survey: Option<Survey>,
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
        Self {
            engine,
            config,
            policy,
            roots,
            installation,
            directories,
            live: Mutex::default(),
            left: Mutex::default(),
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

    /// How much of a workspace is looked over, as it is set.
    fn survey_bounds(&self) -> SurveyBounds {
        let survey = &self.config.survey;
        let directory = self.directories.parent().unwrap_or(&self.directories).to_owned();
        SurveyBounds {
            entries: survey.max_entries,
            depth: survey.max_depth,
            text_bytes: survey.text_bytes,
            executable_bytes: survey.executable_bytes,
            kept_bytes: survey.kept_bytes,
            changes: survey.max_changes,
            diff_bytes: survey.diff_bytes,
            quarantine_bytes: survey.quarantine_bytes,
            ..SurveyBounds::new(directory)
        }
    }

    fn left(&self) -> MutexGuard<'_, HashMap<EngineId, (TenantId, Workspace, Survey)>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
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
        let spec = confinement::spec(&order, &self.installation, image, &self.config, &workspace, &directory);
        let id = self.engine.create(&spec).await?;
        let confinement = Confinement { workspace: workspace.found, limits: spec.limits };
        self.live().insert(id.clone(), Live { tenant: order.tenant, workspace, survey: None, _directory: directory });
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
        let _turn = self.walks.acquire(tenant).await;
        let flag = Arc::clone(&given_up.0);
        blocking(move || measure(directory.as_fd(), most_files, &flag)).await
    }

    async fn remove(&self, id: &EngineId) -> Result<(), SpawnerError> {
        self.check_ours(id)?;
        self.engine.remove(id).await?;
        if let Some(Live { tenant, workspace, survey: Some(survey), .. }) = self.live().remove(id) {
            self.left().insert(id.clone(), (tenant, workspace, survey));
        }
        Ok(())
    }

    async fn survey(&self, id: &EngineId) -> Result<(), SpawnerError> {
        let ((tenant, directory), bounds) = (self.directory(id)?, self.survey_bounds());
        let _turn = self.walks.acquire(tenant).await;
        let taking = tokio::task::spawn_blocking(move || Survey::take(directory.as_fd(), &bounds));
        let survey = taking.await.unwrap_or(Err(SurveyError::Broken))?;
        if let Some(live) = self.live().get_mut(id) {
            live.survey = Some(survey);
        }
        Ok(())
    }

    async fn compare(&self, id: &EngineId, quarantine: bool) -> Result<Option<Changes>, SpawnerError> {
        let Some((tenant, workspace, survey)) = self.left().remove(id) else { return Ok(None) };
        let _turn = self.walks.acquire(tenant).await;
        let comparing = tokio::task::spawn_blocking(move || survey.compare(workspace.directory().as_fd(), quarantine));
        Ok(Some(comparing.await.unwrap_or(Err(SurveyError::Broken))?))
    }

    async fn list(&self) -> Result<Vec<Labels>, SpawnerError> {
        let found = self.engine.list(&self.installation).await?;
        Ok(found.into_iter().filter_map(|sandbox| sandbox.labels).collect())
    }

    async fn last_drill(&self) -> Result<Option<serde_json::Value>, SpawnerError> {
        Ok(self.drill.get().cloned())
    }

    async fn sweep(&self) -> Result<usize, SpawnerError> {
        let orphans = self.engine.list(&self.installation).await?;
        for orphan in &orphans {
            tracing::info!(sandbox = orphan.id.0, "removing a sandbox of an earlier run");
            self.engine.remove(&orphan.id).await?;
        }
        self.live().clear();
        self.left().clear();
        self.engine.remove_remains(&self.installation).await?;
        clear(&self.directories);
        Ok(orphans.len())
    }
}

#[async_trait]
impl RootKeeper for Local {
    async fn prepare_roots(&self, new: NewRoots) -> Result<(), RootError> {
        self.roots.prepare_roots(new).await
    }
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
