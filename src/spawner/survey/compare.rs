//! Comparing a workspace with what it was: what is new, gone or different.

use super::SurveyBounds;
use super::SurveyError;
use super::access::Owner;
use super::before::{Before, Now};
use super::facts::Facts;
use super::kept::{Contents, Kept, KeptContents, hash, max_bytes, read};
use super::quarantine::{Undo, drop_privilege};
use super::queue::Listing;
use super::report::{Comparison, Light, Report};
use super::walk::{Found, ROOT, UNKNOWN, Visitor};
use crate::domain::{ChangeKind, Changes, FileKind};

/// Bits that lend a program its owner's or group's rights.
pub(super) const PRIVILEGE: u32 = 0o6000;

/// What is being compared.
pub(super) struct Comparing<'a> {
    bounds: &'a SurveyBounds,
    before: &'a mut Before,
    kept: &'a KeptContents,
    report: Report<'a>,
    /// What is known of the workspace's own names.
    listing: Listing,
    /// Directories with files that would run later of which nobody knows whether they are new.
    undecided: Vec<Vec<u8>>,
    text_left: u64,
    executables_left: u64,
    full: bool,
}

/// What came of a comparison.
pub(super) struct Compared {
    pub(super) changes: Changes,
    pub(super) undos: Vec<Undo>,
    pub(super) more_undos: bool,
    pub(super) undecided: Vec<Vec<u8>>,
}

impl<'a> Comparing<'a> {
    pub(super) fn new(
        bounds: &'a SurveyBounds,
        before: &'a mut Before,
        kept: &'a KeptContents,
        comparison: Comparison,
        owner: Owner,
    ) -> Self {
        Self {
            text_left: bounds.kept_bytes,
            executables_left: bounds.kept_bytes,
            report: Report::new(bounds, comparison, owner),
            listing: Listing::Partial,
            undecided: Vec::new(),
            full: before.summary.full,
            bounds,
            before,
            kept,
        }
    }

    /// What changed, and what of it is to be undone, in that order.
    pub(super) fn finish(mut self) -> Result<Compared, SurveyError> {
        for at in 0..self.before.len() {
            if self.before.now[at] != Now::Unseen || !self.before.is_gone(at, self.listing) {
                continue;
            }
            let record = self.before.record(at);
            let before = Some((record.facts, contents_of(self.kept, record.kept)?));
            let (path, class, kind) = (record.path, record.class, ChangeKind::Removed);
            self.report.add(Light { path, before, after: None, class, kind, privilege: None });
        }
        self.report.changes.shortened.contents |= self.full;
        let more_undos = self.report.more_undos;
        let (changes, undos) = self.report.finish();
        Ok(Compared { changes, undos, more_undos, undecided: self.undecided })
    }

    /// Reads what is there now, if there is room.
    fn contents(&mut self, found: &Found<'_>) -> Option<Contents> {
        let most = max_bytes(found, self.bounds)?;
        let left = if found.class.is_some() { &mut self.executables_left } else { &mut self.text_left };
        let Some(rest) = left.checked_sub(found.facts.size.min(most)) else {
            self.full = true;
            return None;
        };
        *left = rest;
        read(found.owner, found.parent, found.name, found.facts.kind, most).ok()
    }

    /// Notes a file that would run later where it is not known what was there before.
    fn undecided(&mut self, path: &[u8]) {
        let directory = super::before::parent(path).unwrap_or_default();
        if self.undecided.len() < self.bounds.changes && self.undecided.last().is_none_or(|last| last != directory) {
            self.undecided.push(directory.to_vec());
        }
    }
}

impl Visitor for Comparing<'_> {
    type Error = SurveyError;

    const WANTS_ALL: bool = true;

    fn visit(&mut self, found: &Found<'_>) -> Result<u32, SurveyError> {
        let (path, now) = (found.path, found.facts);
        let old = self.before.find(path);
        if let Some(at) = old {
            let is_directory = now.kind == FileKind::Directory;
            self.before.now[at] = if is_directory { Now::Directory(Listing::Partial) } else { Now::Other };
        }
        let number = old.and_then(|at| u32::try_from(at).ok()).unwrap_or(UNKNOWN);
        let was = old.map(|at| {
            let record = self.before.record(at);
            (record.facts, record.class, record.kept)
        });
        if was.is_some_and(|(was, ..)| untouched(was, now)) {
            return Ok(number);
        }
        let is_lent = now.kind == FileKind::File && now.mode & PRIVILEGE != 0;
        let privilege = is_lent.then(|| drop_privilege(found.parent, found.name));
        let Some((was, class, kept)) = was else {
            if self.before.lacked(path, found.class.is_some()) || privilege.is_some() {
                let (class, kind) = (found.class, ChangeKind::Added);
                let after = Some((now, self.contents(found)));
                self.report.add(Light { path, before: None, after, class, kind, privilege });
            } else if found.class.is_some() {
                self.undecided(path);
            }
            return Ok(number);
        };
        let class = found.class.or(class);
        let found = Found { class, ..*found };
        let contents = self.contents(&found);
        let before = contents_of(self.kept, kept)?;
        let is_same = was.kind == now.kind && is_same(&found, (was, before.as_deref(), kept), contents.as_ref());
        if is_same && was.mode == now.mode && privilege.is_none() {
            return Ok(number);
        }
        let kind = if is_same { ChangeKind::Mode } else { ChangeKind::Changed };
        let (before, after) = (Some((was, before)), Some((now, contents)));
        self.report.add(Light { path, before, after, class, kind, privilege });
        Ok(number)
    }

    fn beyond(&mut self, found: &Found<'_>) {
        if found.facts.kind == FileKind::File && found.facts.mode & PRIVILEGE != 0 {
            drop_privilege(found.parent, found.name);
        }
    }

    fn listed(&mut self, directory: u32, listing: Listing) -> Result<(), SurveyError> {
        match directory {
            ROOT => self.listing = listing,
            UNKNOWN => {}
            at => self.before.now[at as usize] = Now::Directory(listing),
        }
        Ok(())
    }
}

/// What was kept of a file.
fn contents_of(contents: &KeptContents, kept: Option<Kept>) -> Result<Option<Vec<u8>>, SurveyError> {
    match kept {
        Some(Kept::Whole { at, length }) => contents.read(at, length).map(Some).map_err(SurveyError::Keeping),
        Some(Kept::Hash(_) | Kept::Withheld) | None => Ok(None),
    }
}

/// Whether what was found holds what was there before.
fn is_same(
    found: &Found<'_>,
    (was, before, kept): (Facts, Option<&[u8]>, Option<Kept>),
    contents: Option<&Contents>,
) -> bool {
    let now = found.facts;
    match (before, contents, kept) {
        (Some(before), Some(Contents::Whole(after)), _) => before == after,
        (_, _, Some(Kept::Hash(hashed))) => {
            was.size == now.size
                && hash(found.owner, found.parent, found.name, now.size).is_ok_and(|hash| hash == hashed)
        }
        _ => {
            now.kind == FileKind::Directory
                || ((was.inode, was.size, was.written) == (now.inode, now.size, now.written) && was.mode != now.mode)
        }
    }
}

/// Whether nothing can have happened to what is there. A directory's time tells of its names, which are looked at anyway.
fn untouched(was: Facts, now: Facts) -> bool {
    was == now || (was.kind == FileKind::Directory && now.kind == was.kind && was.mode == now.mode)
}
