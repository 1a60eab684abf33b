//! Undoing changes in a workspace that somebody hostile filled, and may still be at work in.
//!
//! Every directory is opened from the workspace down, through no link. What is put back is written under another name and
//! then renamed, so that what stands in its place, a link for one, is replaced and never written through. What does not belong
//! to the workspace's owner is never removed and never handed out: it is given another name beside.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, chmodat, fstat, openat2, renameat_with, unlinkat};
use rustix::io::Errno;

use super::SurveyBounds;
use super::access::{Owner, itself};
use super::before::{Before, parent};
use super::compare::PRIVILEGE;
use super::facts::{beneath, facts, look, open_directory};
use super::kept::KeptContents;
use super::restore::Restorer;
use crate::domain::{FileKind, Quarantined, Undone, show_path};

/// What somebody else changed since stays.
const LATER: &str = "it was changed or removed after the sandbox had ended, so it stays as it is";

/// A change that is to be undone.
#[derive(Debug)]
pub(super) struct Undo {
    pub(super) path: Box<[u8]>,
    pub(super) was_there: bool,
    /// What the session left there, as much of it as there was room for.
    pub(super) contents: Option<Vec<u8>>,
    pub(super) whole: bool,
    /// Whether it was changed after the sandbox had ended.
    pub(super) later: bool,
}

/// Why something cannot be undone: texts for the tenant.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cannot {
    #[error("{0}")]
    System(#[from] Errno),
    #[error("what was there before is too large to be kept, or not readable by the workspace's owner")]
    NotKept,
    #[error("what was there before is no file, link or directory")]
    Odd,
    #[error("what was kept cannot be read or written: {0}")]
    Kept(#[from] std::io::Error),
    #[error("its name cannot be used")]
    Name,
}

/// What became of changes that were to be undone.
#[derive(Debug, Default)]
pub(super) struct Undoing {
    /// Of each, by path, as far as that is listed.
    pub(super) listed: Vec<Quarantined>,
    /// Whether something could not be undone now that may be later.
    pub(super) again: bool,
    /// Floods that were moved away as a whole.
    pub(super) moved: Vec<Vec<u8>>,
}

impl Cannot {
    /// Whether another attempt may come out differently.
    fn may_pass(&self) -> bool {
        match self {
            Self::System(errno) => matches!(
                *errno,
                Errno::NOSPC | Errno::DQUOT | Errno::IO | Errno::NFILE | Errno::MFILE | Errno::NOMEM | Errno::BUSY
            ),
            Self::Kept(_) => true,
            Self::NotKept | Self::Odd | Self::Name => false,
        }
    }
}

/// Undoes changes: `flooded` directories as a whole, then the others in order.
pub(super) fn undo(
    workspace: BorrowedFd<'_>,
    owner: Owner,
    (before, kept): (&Before, &KeptContents),
    undos: Vec<Undo>,
    flooded: &[Vec<u8>],
    bounds: &SurveyBounds,
) -> Undoing {
    let restorer = Restorer { workspace, before, kept, owner };
    let (mut undoing, ends) = (Undoing::default(), Instant::now() + bounds.undo_deadline);
    for place in flooded.iter().filter(|place| before.knew(place)) {
        let moved = move_place(&restorer, place, &mut undoing);
        if moved.is_ok() {
            undoing.moved.push(place.clone());
        }
        undoing.note(place, moved.map(Some), None, false, bounds);
        if undoing.is_late(ends) {
            return undoing.sorted();
        }
    }
    for Undo { path, was_there, contents, whole, later } in undos {
        let done = if later {
            undoing.list(Quarantined::new(show_path(&path), Undone::No(LATER.to_owned())), bounds);
            continue;
        } else if undoing.moved.iter().any(|place| lies_in(&path, place)) {
            Ok(None)
        } else if was_there {
            restorer.restore(&path)
        } else {
            remove(&restorer, &path)
        };
        undoing.note(&path, done, contents, whole, bounds);
        if undoing.is_late(ends) {
            break;
        }
    }
    undoing.sorted()
}

impl Undoing {
    fn note(
        &mut self,
        path: &[u8],
        done: Result<Option<Vec<u8>>, Cannot>,
        contents: Option<Vec<u8>>,
        whole: bool,
        bounds: &SurveyBounds,
    ) {
        self.again |= done.as_ref().is_err_and(Cannot::may_pass);
        let (undone, moved_to) = match done {
            Ok(moved) => (Undone::Yes, moved.map(|path| show_path(&path))),
            Err(error) => (Undone::No(error.to_string()), None),
        };
        self.list(Quarantined { path: show_path(path), undone, contents, whole, moved_to }, bounds);
    }

    /// Whether the time is up: the rest is undone by a further attempt. Each gets on by one at least.
    fn is_late(&mut self, ends: Instant) -> bool {
        let is_late = Instant::now() >= ends;
        self.again |= is_late;
        is_late
    }

    fn sorted(mut self) -> Self {
        self.listed.sort_by(|one, two| one.path.cmp(&two.path));
        self
    }

    fn list(&mut self, quarantined: Quarantined, bounds: &SurveyBounds) {
        if self.listed.len() < bounds.changes {
            self.listed.push(quarantined);
        }
    }
}

/// Takes the bits off a regular file that lend its owner's or group's rights.
pub(super) fn drop_privilege(parent: BorrowedFd<'_>, name: &CStr) -> Undone {
    let dropped = || {
        let file = openat2(parent, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty(), beneath())?;
        let facts = facts(&fstat(&file)?);
        if facts.kind != FileKind::File {
            return Ok(());
        }
        let mode = Mode::from_raw_mode(facts.mode & !PRIVILEGE);
        chmodat(CWD, itself(file.as_fd()), mode, AtFlags::empty())
    };
    dropped().map_or_else(|errno: Errno| Undone::No(errno.to_string()), |()| Undone::Yes)
}

/// Gives a directory with a flood of files that would run later another name, and puts back what lay in it before. Returns
/// where it is now.
fn move_place(restorer: &Restorer<'_>, place: &[u8], undoing: &mut Undoing) -> Result<Vec<u8>, Cannot> {
    let (directory, name) = restorer.open_parent(place)?;
    let moved = move_aside(&directory, &name)?;
    for at in restorer.before.below(place) {
        let record = restorer.before.record(at);
        if record.facts.kind == FileKind::Directory {
            continue;
        }
        if let Err(error) = restorer.restore(record.path) {
            undoing.again |= error.may_pass();
            undoing.listed.push(Quarantined::new(show_path(record.path), Undone::No(error.to_string())));
        }
    }
    Ok(sibling(place, &moved))
}

/// Removes what was not there before. What is not the owner's is moved away instead: returns where to.
fn remove(restorer: &Restorer<'_>, path: &[u8]) -> Result<Option<Vec<u8>>, Cannot> {
    let (directory, name) = match restorer.open_parent(path) {
        Err(Cannot::System(Errno::NOENT)) => return Ok(None),
        opened => opened?,
    };
    if let Some(moved) = spare(&directory, &name, restorer.owner)? {
        return Ok(Some(sibling(path, &moved)));
    }
    match unlinkat(&directory, &name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Moves what stands at a name away if it is not the owner's, and returns its new name.
pub(super) fn spare(directory: &OwnedFd, name: &CStr, owner: Owner) -> Result<Option<CString>, Cannot> {
    match look(directory.as_fd(), name) {
        Ok(facts) if !owner.owns(&facts) => move_aside(directory, name).map(Some),
        Ok(_) | Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Gives something another name, and returns that.
fn move_aside(directory: &OwnedFd, name: &CStr) -> Result<CString, Cannot> {
    let aside = aside()?;
    let mut named = [name.to_bytes(), aside.to_bytes()].concat();
    if named.len() > 255 {
        named = aside.to_bytes().to_vec();
    }
    let named = CString::new(named).map_err(|_| Cannot::Name)?;
    renameat_with(directory, name, directory, &named, RenameFlags::NOREPLACE)?;
    Ok(named)
}

/// A name that nobody can know beforehand.
pub(super) fn aside() -> Result<CString, Cannot> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| Cannot::Name)?;
    CString::new(format!(".innkeeper-{:016x}", u64::from_ne_bytes(random))).map_err(|_| Cannot::Name)
}

/// The path of what lies beside `path` under another name.
fn sibling(path: &[u8], name: &CStr) -> Vec<u8> {
    parent(path).map_or_else(|| name.to_bytes().to_vec(), |above| [above, b"/", name.to_bytes()].concat())
}

fn lies_in(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}

/// Opens a directory below the workspace.
pub(super) fn open_below(workspace: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Cannot> {
    let path = if path.is_empty() { b"." } else { path };
    Ok(open_directory(workspace, &CString::new(path).map_err(|_| Cannot::Name)?)?)
}
