//! What the agent leaves behind: a workspace is looked over before a session and after it, and the two are compared.
//!
//! The tree is whoever's who wrote to it last, so nothing of it is believed: it is walked on open descriptors (`walk`),
//! follows no link, opens nothing but regular files, and is bounded in everything it could be large in. What changed is
//! decided by the kernel's own time of change, which no program can set, and then by the contents, which are kept in a file
//! without a name (`kept`). Changes of files that would run later on somebody's host (`classes`) are told apart, and undone
//! where the tenant's policy says so (`quarantine`).
//!
//! Everything here blocks: call it where that is allowed.

mod before;
mod bounds;
mod classes;
mod compare;
mod difference;
mod error;
mod kept;
mod links;
mod quarantine;
mod scripts;
#[cfg(test)]
mod tests;
mod walk;

use std::os::fd::BorrowedFd;

pub use bounds::SurveyBounds;
pub use error::SurveyError;

use before::{Before, Entry};
use compare::Comparing;
use kept::Keeper;
use walk::{Found, Missed, Visitor, walk};

use crate::domain::Changes;

/// A workspace as it was before a session.
#[derive(Debug)]
pub struct Survey {
    bounds: SurveyBounds,
    before: Before,
    keeper: Keeper,
    missed: Missed,
}

struct Taking<'a> {
    bounds: &'a SurveyBounds,
    before: Before,
    keeper: Keeper,
}

impl Survey {
    /// Looks over the open `directory`, before a session works in it.
    ///
    /// # Errors
    /// When the directory itself cannot be read, or contents cannot be kept.
    pub fn take(directory: BorrowedFd<'_>, bounds: &SurveyBounds) -> Result<Self, SurveyError> {
        let keeper = Keeper::new(bounds).map_err(SurveyError::Keeping)?;
        let mut taking = Taking { bounds, before: Before::default(), keeper };
        let missed = walk(directory, bounds, &mut taking, SurveyError::Workspace)?;
        let Taking { mut before, mut keeper, .. } = taking;
        links::class_targets(&mut before, &mut keeper).map_err(SurveyError::Keeping)?;
        Ok(Self { bounds: bounds.clone(), before, keeper, missed })
    }

    /// Looks it over again when nothing of the session runs any more, takes bits off files that lend their owner's or
    /// group's rights, and with `quarantine` undoes the changes of files that would run later.
    ///
    /// # Errors
    /// When the directory itself cannot be read, or what was kept cannot be.
    pub fn compare(mut self, directory: BorrowedFd<'_>, quarantine: bool) -> Result<Changes, SurveyError> {
        let mut comparing = Comparing::new(&self.bounds, &mut self.before, &mut self.keeper, quarantine);
        let missed = walk(directory, &self.bounds, &mut comparing, SurveyError::Workspace)?;
        let (mut changes, undos) = comparing.finish()?;
        changes.shortened.unseen |= missed.unseen || self.missed.unseen;
        changes.shortened.unreadable |= missed.unreadable || self.missed.unreadable;
        changes.quarantined = quarantine::undo(directory, &self.before, &mut self.keeper, undos, &self.bounds);
        changes.shortened.files |= changes.quarantined.len() >= self.bounds.changes;
        Ok(changes)
    }
}

impl Visitor for Taking<'_> {
    type Error = SurveyError;

    fn visit(&mut self, found: &Found<'_>) -> Result<(), SurveyError> {
        let kept = self.keeper.keep(found, self.bounds).map_err(SurveyError::Keeping)?;
        let entry = Entry { facts: found.facts, class: found.class, kept, listed: false, seen: false };
        self.before.entries.insert(found.path.into(), entry);
        Ok(())
    }

    fn listed(&mut self, path: &[u8]) {
        match self.before.entries.get_mut(path) {
            Some(entry) => entry.listed = true,
            None => self.before.listed |= path.is_empty(),
        }
    }
}
