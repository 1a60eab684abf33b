//! Looking a workspace over before a session works in it.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};

use super::access::Owner;
use super::budget::Budget;
use super::classes::hooks_path;
use super::facts::look;
use super::kept::{Contents, Keeper, read};
use super::queue::Listing;
use super::tree::{Record, Summary, TreeWriter};
use super::walk::{Found, ROOT, Visitor, Walk};
use super::{FoundWorkspace, SurveyBounds, SurveyError, SurveyFiles, WorkspacePath};
use crate::domain::FileKind;

/// A configuration of Git that is read for where its hooks lie.
const CONFIG_BYTES: u64 = 1 << 20;

struct Taking<'a> {
    bounds: &'a SurveyBounds,
    tree: TreeWriter,
    keeper: Keeper,
    listing: Listing,
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
    let hooks: HashSet<_> = hooks_of(directory, owner).into_iter().collect();
    let (tree, keeper) = (TreeWriter::create(tree), Keeper::new(contents));
    let mut taking = Taking { bounds, tree, keeper, listing: Listing::Partial };
    let walk = Walk::new(directory, owner, Budget::new(bounds, bounds.entries / 4), &mut taking, &hooks);
    let missed = walk.run(SurveyError::Workspace)?;
    let Taking { tree, keeper, listing, .. } = taking;
    let full = keeper.full;
    keeper.finish().map_err(SurveyError::Keeping)?;
    let hooks = hooks.into_iter().collect();
    let summary = Summary { missed, full, hooks, listing, ..Summary::new(path, found) };
    tree.finish(&summary).map_err(SurveyError::Keeping)
}

/// Where the hooks of the workspace's own repository lie, if its configuration says that.
fn hooks_of(workspace: BorrowedFd<'_>, owner: Owner) -> Option<Vec<u8>> {
    let repository = super::facts::open_directory(workspace, c".git").ok()?;
    look(repository.as_fd(), c"config").ok().filter(|facts| facts.kind == FileKind::File)?;
    match read(owner, repository.as_fd(), c"config", FileKind::File, CONFIG_BYTES) {
        Ok(Contents::Whole(config)) => hooks_path(&config),
        _ => None,
    }
}

impl Visitor for Taking<'_> {
    type Error = SurveyError;

    const WANTS_ALL: bool = false;

    fn visit(&mut self, found: &Found<'_>) -> Result<u32, SurveyError> {
        let kept = self.keeper.keep(found, self.bounds).map_err(SurveyError::Keeping)?;
        let record = Record { path: found.path, facts: found.facts, class: found.class, kept };
        self.tree.entry(&record).map_err(SurveyError::Keeping)
    }

    fn listed(&mut self, directory: u32, listing: Listing) -> Result<(), SurveyError> {
        if directory == ROOT {
            self.listing = listing;
            return Ok(());
        }
        self.tree.listing(directory, listing).map_err(SurveyError::Keeping)
    }
}
