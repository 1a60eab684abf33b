//! Looking a workspace over before a session works in it.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::access::Owner;
use super::budget::Budget;
use super::kept::Keeper;
use super::queue::Listing;
use super::repositories::hooks_of;
use super::tree::{Record, Summary, TreeWriter};
use super::walk::{Found, ROOT, Visitor, Walk};
use super::{FoundWorkspace, SurveyBounds, SurveyError, SurveyFiles, WorkspacePath};

/// Directories of hooks that configurations of repositories may name.
const MAX_HOOKS: usize = 1_000;

struct Taking<'a> {
    workspace: BorrowedFd<'a>,
    owner: Owner,
    bounds: &'a SurveyBounds,
    tree: TreeWriter,
    keeper: Keeper,
    listing: Listing,
    hooks: Vec<Vec<u8>>,
    /// Whether there were more of these.
    more_hooks: bool,
}

/// Looks over the open `directory`, which is the workspace at `path`, and writes what it finds to `files`.
///
/// # Errors
/// When the directory itself cannot be read, or the files not be written.
pub fn take(
    directory: BorrowedFd<'_>,
    (path, found): (WorkspacePath, FoundWorkspace),
    files: &SurveyFiles,
    bounds: &SurveyBounds,
) -> Result<(), SurveyError> {
    let (tree, contents) = files.create().map_err(SurveyError::Keeping)?;
    let owner = Owner::of(directory).map_err(SurveyError::Workspace)?;
    let (tree, keeper) = (TreeWriter::create(tree), Keeper::new(contents));
    let (workspace, listing, hooks) = (directory, Listing::Partial, Vec::new());
    let mut taking = Taking { workspace, owner, bounds, tree, keeper, listing, hooks, more_hooks: false };
    let walk = Walk::new(directory, owner, Budget::new(bounds, bounds.entries / 4), &mut taking, HashSet::new());
    let mut missed = walk.run(SurveyError::Workspace)?;
    let Taking { tree, keeper, listing, hooks, more_hooks, .. } = taking;
    missed.unseen |= more_hooks;
    let full = keeper.full;
    keeper.finish().map_err(SurveyError::Keeping)?;
    let summary = Summary { missed, full, hooks, listing, ..Summary::new(path, found) };
    tree.finish(&summary).map_err(SurveyError::Keeping)
}

impl Visitor for Taking<'_> {
    type Error = SurveyError;

    const WANTS_ALL: bool = false;

    fn visit(&mut self, found: &Found<'_>) -> Result<u32, SurveyError> {
        let kept = self.keeper.keep(found, self.bounds).map_err(SurveyError::Keeping)?;
        let record = Record { path: found.path, facts: found.facts, class: found.class, kept };
        self.tree.entry(&record).map_err(SurveyError::Keeping)
    }

    fn entered(&mut self, directory: &OwnedFd, path: &[u8]) -> Option<Vec<u8>> {
        let hooks = hooks_of(self.workspace, self.owner, directory.as_fd(), path);
        let hooks = hooks.filter(|hooks| hooks.len() <= self.bounds.path_bytes)?;
        if self.hooks.len() == MAX_HOOKS {
            self.more_hooks = true;
            return None;
        }
        self.hooks.push(hooks.clone());
        Some(hooks)
    }

    fn listed(&mut self, directory: u32, listing: Listing) -> Result<(), SurveyError> {
        if directory == ROOT {
            self.listing = listing;
            return Ok(());
        }
        self.tree.listing(directory, listing).map_err(SurveyError::Keeping)
    }
}
