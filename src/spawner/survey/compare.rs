//! Comparing a workspace with what it was: what is new, gone or different, and what of that would run later.

use std::collections::HashMap;

use super::before::{Before, parent};
use super::difference::{Difference, difference};
use super::kept::{Contents, Keeper, Kept, hash, most, read};
use super::quarantine::{Undo, drop_privilege};
use super::scripts::same_scripts;
use super::walk::{Facts, Found, Visitor};
use super::{SurveyBounds, SurveyError};
use crate::domain::{Change, ChangeKind, Changes, FileClass, FileKind, Undone, show_path};

/// Bits that lend a program its owner's or group's rights.
pub(super) const PRIVILEGE: u32 = 0o6000;

const EXECUTE: u32 = 0o111;

/// What is being compared.
pub(super) struct Comparing<'a> {
    bounds: &'a SurveyBounds,
    before: &'a mut Before,
    keeper: &'a mut Keeper,
    quarantine: bool,
    /// The directories that are there, and whether all their names were told; the workspace itself has no name.
    directories: HashMap<Box<[u8]>, bool>,
    changes: Changes,
    undos: Vec<Undo>,
    ordinary: Vec<Change>,
    text_left: u64,
    executables_left: u64,
    diff_left: usize,
    quarantine_left: usize,
}

/// A change as it comes to light.
struct Light<'a> {
    path: &'a [u8],
    before: Option<(Facts, Option<Vec<u8>>)>,
    after: Option<(Facts, Option<Contents>)>,
    class: Option<FileClass>,
    kind: ChangeKind,
    privilege: Option<Undone>,
}

impl<'a> Comparing<'a> {
    pub(super) fn new(
        bounds: &'a SurveyBounds,
        before: &'a mut Before,
        keeper: &'a mut Keeper,
        quarantine: bool,
    ) -> Self {
        Self {
            text_left: bounds.kept_bytes,
            executables_left: bounds.kept_bytes,
            diff_left: bounds.diff_bytes,
            quarantine_left: bounds.quarantine_bytes,
            directories: HashMap::new(),
            changes: Changes::default(),
            undos: Vec::new(),
            ordinary: Vec::new(),
            bounds,
            before,
            keeper,
            quarantine,
        }
    }

    /// What changed, and what of it is to be undone, in that order.
    pub(super) fn finish(mut self) -> Result<(Changes, Vec<Undo>), SurveyError> {
        for path in self.gone() {
            let Some((facts, class, kept)) = self.before.entries.get(&path).map(|was| (was.facts, was.class, was.kept))
            else {
                continue;
            };
            let before = Some((facts, self.kept(kept)?));
            self.tell(Light { path: &path, before, after: None, class, kind: ChangeKind::Removed, privilege: None });
        }
        let mut changes = self.changes;
        changes.files.append(&mut self.ordinary);
        changes.files.sort_by(|one, two| one.path.cmp(&two.path));
        changes.shortened.contents |= self.keeper.full;
        Ok((changes, self.undos))
    }

    /// What was there and is not, as far as was looked.
    fn gone(&self) -> Vec<Box<[u8]>> {
        let unseen = self.before.entries.iter().filter(|(_, entry)| !entry.seen);
        unseen.map(|(path, _)| path).filter(|path| self.lacks(path)).cloned().collect()
    }

    /// Whether a path that was not found is not there.
    fn lacks(&self, path: &[u8]) -> bool {
        let mut path = path;
        while let Some(parent) = parent(path) {
            if self.before.entries.get(parent).is_some_and(|entry| entry.seen) {
                return self.directories.get(parent).is_none_or(|listed| *listed);
            }
            path = parent;
        }
        self.directories.get(&b""[..]).is_some_and(|listed| *listed)
    }

    fn kept(&mut self, kept: Option<Kept>) -> Result<Option<Vec<u8>>, SurveyError> {
        match kept {
            Some(Kept::Whole { at, length }) => self.keeper.read(at, length).map(Some).map_err(SurveyError::Keeping),
            Some(Kept::Hash(_)) | None => Ok(None),
        }
    }

    /// Reads what is there now, if there is room.
    fn contents(&mut self, found: &Found<'_>) -> Option<Contents> {
        let most = most(found, self.bounds)?;
        let left = if found.class.is_some() { &mut self.executables_left } else { &mut self.text_left };
        let Some(rest) = left.checked_sub(found.facts.size.min(most)) else {
            self.changes.shortened.contents = true;
            return None;
        };
        *left = rest;
        read(found.parent, found.name, found.facts.kind, most).ok()
    }

    /// Writes a change down, if there is room, and notes what is to be undone.
    fn tell(&mut self, light: Light<'_>) {
        let Light { path, before, after, mut class, kind, privilege } = light;
        let (old, new) = (before.as_ref().map(|(facts, _)| *facts), after.as_ref().map(|(facts, _)| *facts));
        let regular = |facts: Option<Facts>| facts.is_none_or(|facts| facts.kind == FileKind::File);
        let comparable = regular(old) && regular(new);
        let old_contents = before.and_then(|(_, contents)| contents);
        let whole = matches!(after, None | Some((_, Some(Contents::Whole(_)))));
        let new_contents = after.and_then(|(_, contents)| contents).map(|contents| match contents {
            Contents::Whole(contents) | Contents::Beginning(contents) => contents,
        });
        let known = comparable && whole && (old.is_none() || old_contents.is_some());
        if class == Some(FileClass::Package)
            && known
            && same_scripts(path, old_contents.as_deref(), new_contents.as_deref())
        {
            class = None;
        }
        if class.is_none() && gained_execution(old, new) {
            class = Some(FileClass::Executable);
        }
        self.count(kind, class);
        if self.quarantine && class.is_some_and(|class| class != FileClass::Executable) {
            self.put_away(path, old.is_some(), new_contents.as_deref(), whole);
        }
        if self.listed_of(class).len() >= self.bounds.changes {
            self.changes.shortened.files = true;
            return;
        }
        let shown = show_path(path);
        let fits = |facts: Option<Facts>| facts.is_none_or(|facts| facts.size <= self.bounds.text_bytes);
        let comparable = known && kind != ChangeKind::Mode && fits(old) && fits(new);
        let change = Change {
            diff: comparable.then(|| self.diff(&shown, old_contents.as_deref(), new_contents.as_deref())).flatten(),
            path: shown,
            kind,
            file: new.or(old).map_or(FileKind::Other, |facts| facts.kind),
            size_before: old.map(|facts| facts.size),
            size: new.map(|facts| facts.size),
            mode_before: old.map(|facts| facts.mode),
            mode: new.map(|facts| facts.mode),
            class,
            privilege,
        };
        self.listed_of(class).push(change);
    }

    fn listed_of(&mut self, class: Option<FileClass>) -> &mut Vec<Change> {
        if class.is_some() { &mut self.changes.files } else { &mut self.ordinary }
    }

    fn diff(&mut self, path: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> Option<String> {
        match difference(path, before, after, self.diff_left) {
            Difference::Text(text) => {
                self.diff_left -= text.len();
                Some(text)
            }
            Difference::TooLong => {
                self.changes.shortened.diffs = true;
                None
            }
            Difference::MadeInVain => {
                // Each may take its time, so few may be made for nothing.
                self.diff_left /= 2;
                self.changes.shortened.diffs = true;
                None
            }
            Difference::NoText => None,
        }
    }

    fn count(&mut self, kind: ChangeKind, class: Option<FileClass>) {
        let totals = &mut self.changes.totals;
        totals.executables += u64::from(class.is_some());
        *match kind {
            ChangeKind::Added => &mut totals.added,
            ChangeKind::Removed => &mut totals.removed,
            ChangeKind::Changed => &mut totals.changed,
            ChangeKind::Mode => &mut totals.mode,
        } += 1;
    }

    fn put_away(&mut self, path: &[u8], was_there: bool, contents: Option<&[u8]>, whole: bool) {
        let kept = contents.map(|contents| &contents[..contents.len().min(self.quarantine_left)]);
        self.quarantine_left -= kept.map_or(0, <[u8]>::len);
        let whole = whole && kept.map(<[u8]>::len) == contents.map(<[u8]>::len);
        self.undos.push(Undo { path: path.into(), was_there, contents: kept.map(Into::into), whole });
    }
}

impl Visitor for Comparing<'_> {
    type Error = SurveyError;

    fn visit(&mut self, found: &Found<'_>) -> Result<(), SurveyError> {
        if found.facts.kind == FileKind::Directory {
            self.directories.insert(found.path.into(), false);
        }
        let (path, now) = (found.path, found.facts);
        let old = self.before.entries.get_mut(path).map(|entry| {
            entry.seen = true;
            (entry.facts, entry.class, entry.kept)
        });
        if old.is_some_and(|(was, ..)| untouched(was, now)) {
            return Ok(());
        }
        let is_lent = now.kind == FileKind::File && now.mode & PRIVILEGE != 0;
        let privilege = is_lent.then(|| drop_privilege(found.parent, found.name));
        let Some((was, class, kept)) = old else {
            if self.before.lacked(path) || privilege.is_some() {
                let (class, kind) = (found.class, ChangeKind::Added);
                let after = Some((now, self.contents(found)));
                self.tell(Light { path, before: None, after, class, kind, privilege });
            }
            return Ok(());
        };
        let class = found.class.or(class);
        let found = Found { class, ..*found };
        let contents = self.contents(&found);
        let before = self.kept(kept)?;
        let is_same = was.kind == now.kind
            && match (&before, &contents, kept) {
                (Some(before), Some(Contents::Whole(after)), _) => before == after,
                (_, _, Some(Kept::Hash(hashed))) => {
                    was.size == now.size && hash(found.parent, found.name, now.size) == Some(hashed)
                }
                _ => {
                    now.kind == FileKind::Directory
                        || ((was.inode, was.size, was.written) == (now.inode, now.size, now.written)
                            && was.mode != now.mode)
                }
            };
        if is_same && was.mode == now.mode && privilege.is_none() {
            return Ok(());
        }
        let kind = if is_same { ChangeKind::Mode } else { ChangeKind::Changed };
        self.tell(Light { path, before: Some((was, before)), after: Some((now, contents)), class, kind, privilege });
        Ok(())
    }

    fn listed(&mut self, path: &[u8]) {
        self.directories.insert(path.into(), true);
    }
}

/// Whether nothing can have happened to what is there. A directory's time tells of its names, which are looked at anyway.
fn untouched(was: Facts, now: Facts) -> bool {
    was == now || (was.kind == FileKind::Directory && now.kind == was.kind && was.mode == now.mode)
}

/// Whether a file may be executed that could not be, or was not there.
fn gained_execution(was: Option<Facts>, now: Option<Facts>) -> bool {
    let may =
        |facts: Option<Facts>| facts.is_some_and(|facts| facts.kind == FileKind::File && facts.mode & EXECUTE != 0);
    may(now) && !may(was)
}
