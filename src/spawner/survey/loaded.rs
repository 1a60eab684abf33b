//! A survey that was read back: compared with what its workspace is now.

use std::collections::HashSet;
use std::os::fd::BorrowedFd;

use super::access::Owner;
use super::before::Before;
use super::budget::Budget;
use super::compare::{Compared, Comparing};
use super::kept::KeptContents;
use super::report::Comparison;
use super::walk::Walk;
use super::{FoundWorkspace, SurveyBounds, SurveyError, SurveyFiles, WorkspacePath, quarantine};
use crate::domain::{Changes, show_path};

/// Of a class twice as many files are looked at after a session as there are entries: a flood of them is undone, too.
const WATCHED_AFTER: usize = 2;

/// A workspace as it was before a session.
#[derive(Debug)]
pub struct Survey {
    pub(super) before: Before,
    kept: KeptContents,
}

impl Survey {
    /// Reads back what [`take`](super::take) wrote.
    ///
    /// # Errors
    /// When it is not there, damaged, or cannot be read.
    pub fn load(files: &SurveyFiles) -> Result<Self, SurveyError> {
        let mut before = Before::load(&files.tree())?;
        let contents = files.open_contents().map_err(SurveyError::Keeping)?.ok_or(SurveyError::Lost)?;
        let kept = KeptContents::new(contents);
        before.class_targets(&kept).map_err(SurveyError::Keeping)?;
        Ok(Self { before, kept })
    }

    /// Which directory it was, and what was found there.
    pub fn workspace(&self) -> (&WorkspacePath, FoundWorkspace) {
        (&self.before.summary.workspace, self.before.summary.found)
    }

    /// Looks the open `directory` over again when nothing of the session runs any more, takes bits off files that lend their
    /// owner's or group's rights, and undoes the changes of files that would run later where it is told to.
    ///
    /// # Errors
    /// When the directory itself cannot be read, or what was kept cannot be.
    pub fn compare(
        mut self,
        directory: BorrowedFd<'_>,
        bounds: &SurveyBounds,
        comparison: Comparison,
    ) -> Result<Changes, SurveyError> {
        let owner = Owner::of(directory).map_err(SurveyError::Workspace)?;
        let hooks: HashSet<_> = self.before.summary.hooks.iter().cloned().collect();
        let mut comparing = Comparing::new(bounds, &mut self.before, &self.kept, comparison, owner);
        let budget = Budget::new(bounds, bounds.entries * WATCHED_AFTER);
        let walk = Walk::new(directory, owner, budget, &mut comparing, hooks);
        let mut missed = walk.run(SurveyError::Workspace)?;
        let Compared { mut changes, undos, more_undos, undecided } = comparing.finish()?;
        let mut again = more_undos;
        if comparison.quarantine {
            let before = (&self.before, &self.kept);
            let undoing = quarantine::undo(directory, owner, before, undos, &missed.flooded, bounds);
            again |= undoing.again;
            missed.settle(&undoing.moved);
            changes.shortened.files |= undoing.listed.len() >= bounds.changes;
            changes.quarantined = undoing.listed;
        }
        // What was missed now may be found by a further attempt, what was missed before the session never.
        again |= missed.count > 0;
        for directory in undecided {
            missed.leave_at(&directory);
        }
        let before = &self.before.summary.missed;
        changes.shortened.unseen |= missed.unseen || before.unseen;
        changes.shortened.unreadable |= missed.unreadable || before.unreadable;
        // Without undoing it would come to the same.
        again &= comparison.quarantine;
        changes.incomplete.count = missed.count.max(u64::from(again));
        changes.incomplete.places = missed.places.iter().map(|place| show_path(place)).collect();
        changes.incomplete.again = again;
        Ok(changes)
    }
}
