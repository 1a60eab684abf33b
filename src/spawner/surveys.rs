//! The surveys of a spawner's sandboxes: taken before anything runs, compared when a sandbox is gone, kept until nobody asks
//! for them any more. Between the two a survey is files, not memory, and the spawner has a few worked on at a time: what all
//! surveys take together is bounded by that.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::survey::{Comparison, Survey, SurveyBounds, SurveyError, SurveyFiles, take};
use super::workspace::Workspace;
use super::{Policy, SpawnerError, WorkspaceError, WorkspacePath};
use crate::config::SurveyConfig;
use crate::domain::{Changes, SandboxName};
use crate::fair::{Permit, background};

/// The surveys.
#[derive(Debug)]
pub(super) struct Surveys {
    directory: PathBuf,
    bounds: SurveyBounds,
    /// The workspaces of sandboxes that were removed here, still open, so that no path has to be trusted.
    left: Mutex<HashMap<SandboxName, Workspace>>,
}

impl Surveys {
    /// Keeps surveys below `directory`, within what is set.
    pub(super) fn new(directory: PathBuf, config: &SurveyConfig) -> Self {
        let bounds = SurveyBounds {
            names: config.max_names,
            deadline: Duration::from_millis(config.deadline_ms),
            undo_deadline: Duration::from_millis(config.deadline_ms),
            entries: config.max_entries,
            place_entries: config.max_place_entries,
            depth: config.max_depth,
            text_bytes: config.text_bytes,
            executable_bytes: config.executable_bytes,
            kept_bytes: config.kept_bytes,
            changes: config.max_changes,
            diff_bytes: config.diff_bytes,
            quarantine_bytes: config.quarantine_bytes,
            ..SurveyBounds::default()
        };
        Self { directory, bounds, left: Mutex::default() }
    }

    /// Looks over the workspace at `path` of a sandbox in which nothing runs yet.
    pub(super) async fn take(
        &self,
        turn: Permit,
        name: SandboxName,
        path: WorkspacePath,
        workspace: &Workspace,
    ) -> Result<(), SpawnerError> {
        let (directory, found) = (workspace.directory(), workspace.found);
        let (files, bounds) = (self.files(name), self.bounds.clone());
        let taking = background(turn, move || take(directory.as_fd(), (path, found), &files, &bounds));
        Ok(taking.await.unwrap_or(Err(SurveyError::Broken))?)
    }

    /// Keeps the workspace of a sandbox that is gone open until it is compared.
    pub(super) fn leave(&self, name: SandboxName, workspace: Workspace) {
        self.left().insert(name, workspace);
    }

    /// Whether a sandbox is known to be gone.
    pub(super) fn is_left(&self, name: SandboxName) -> bool {
        self.left().contains_key(&name)
    }

    /// Compares the workspace of a sandbox that is gone with what it was.
    pub(super) async fn compare(
        &self,
        turn: Permit,
        name: SandboxName,
        comparison: Comparison,
        policy: &Policy,
    ) -> Result<Changes, SpawnerError> {
        // A further attempt opens it by its path, and holds nothing meanwhile.
        let left = self.left().remove(&name).map(|workspace| workspace.directory());
        let (files, bounds, policy) = (self.files(name), self.bounds.clone(), policy.clone());
        let comparing = background(turn, move || {
            let survey = Survey::load(&files)?;
            let directory = match left {
                Some(directory) => directory,
                None => reopen(&survey, &policy)?,
            };
            Ok(survey.compare(directory.as_fd(), &bounds, comparison)?)
        });
        comparing.await.unwrap_or(Err(SurveyError::Broken.into()))
    }

    /// Forgets what a workspace was.
    pub(super) fn forget(&self, name: SandboxName) -> Result<(), SpawnerError> {
        self.left().remove(&name);
        self.files(name).remove().map_err(|error| SurveyError::Keeping(error).into())
    }

    /// Forgets what all workspaces were, but for those of `kept`.
    pub(super) fn retain(&self, kept: &[SandboxName]) -> Result<(), SpawnerError> {
        let kept: Vec<_> = kept.iter().map(SandboxName::to_string).collect();
        SurveyFiles::retain(&self.directory, &kept).map_err(|error| SurveyError::Keeping(error).into())
    }

    /// Closes every workspace that is held open.
    pub(super) fn close_all(&self) {
        self.left().clear();
    }

    fn files(&self, name: SandboxName) -> SurveyFiles {
        SurveyFiles::new(self.directory.clone(), name.to_string())
    }

    fn left(&self) -> MutexGuard<'_, HashMap<SandboxName, Workspace>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the workspace of a survey again, if it is still the same directory.
fn reopen(survey: &Survey, policy: &Policy) -> Result<Arc<std::os::fd::OwnedFd>, SpawnerError> {
    let (path, found) = survey.workspace();
    let base: &Path = policy.base_of(&path.root)?;
    match Workspace::open(base, path) {
        Ok(workspace) if workspace.found == found => Ok(workspace.directory()),
        Err(error @ (WorkspaceError::Unusable(_) | WorkspaceError::SystemOwner)) => Err(error.into()),
        Ok(_) | Err(_) => Err(SurveyError::Moved.into()),
    }
}
