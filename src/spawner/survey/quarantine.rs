//! Undoing changes in a workspace that somebody hostile filled, and may still be at work in.
//!
//! Every directory is opened from the workspace down, through no link. What is put back is written under another name and
//! then renamed, so that what stands in its place, a link for one, is replaced and never written through.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, CWD, Gid, Mode, OFlags, Uid, chmodat, chownat, fchmod, fchown, fstat, mkdirat, openat2, renameat,
    symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::SurveyBounds;
use super::before::{Before, Entry, parent};
use super::compare::PRIVILEGE;
use super::kept::{Keeper, Kept};
use super::walk::{beneath, facts, open_directory};
use crate::domain::{FileKind, Quarantined, Undone, show_path};

/// The mode of a directory that has to be made, when nothing is known of the one that was there.
const DIRECTORY_MODE: u32 = 0o755;

/// A change that is to be undone.
#[derive(Debug)]
pub(super) struct Undo {
    pub(super) path: Box<[u8]>,
    pub(super) was_there: bool,
    /// What the session left there, as much of it as there was room for.
    pub(super) contents: Option<Vec<u8>>,
    pub(super) whole: bool,
}

/// Why something cannot be undone: texts for the tenant.
#[derive(Debug, thiserror::Error)]
enum Cannot {
    #[error("{0}")]
    System(#[from] Errno),
    #[error("what was there before is too large to be kept")]
    NotKept,
    #[error("what was there before is no file, link or directory")]
    Odd,
    #[error("what was kept cannot be read or written: {0}")]
    Kept(#[from] std::io::Error),
    #[error("its name cannot be used")]
    Name,
}

/// What puts things back.
struct Restorer<'a> {
    workspace: BorrowedFd<'a>,
    before: &'a Before,
    keeper: &'a mut Keeper,
    owner: (Option<Uid>, Option<Gid>),
}

/// Undoes changes, in order, and answers what became of each, by path.
pub(super) fn undo(
    workspace: BorrowedFd<'_>,
    before: &Before,
    keeper: &mut Keeper,
    undos: Vec<Undo>,
    bounds: &SurveyBounds,
) -> Vec<Quarantined> {
    let owner = fstat(workspace)
        .map_or((None, None), |status| (Some(Uid::from_raw(status.st_uid)), Some(Gid::from_raw(status.st_gid))));
    let mut restorer = Restorer { workspace, before, keeper, owner };
    let mut told = Vec::new();
    for Undo { path, was_there, contents, whole } in undos {
        let undone = if was_there { restorer.restore(&path) } else { restorer.remove(&path) };
        let undone = undone.map_or_else(|error| Undone::No(error.to_string()), |()| Undone::Yes);
        if told.len() < bounds.changes {
            told.push(Quarantined { path: show_path(&path), undone, contents, whole });
        }
    }
    told.sort_by(|one, two| one.path.cmp(&two.path));
    told
}

/// Takes the bits off a regular file that lend its owner's or group's rights.
pub(super) fn drop_privilege(parent: BorrowedFd<'_>, name: &CStr) -> Undone {
    let dropped = || {
        let file = openat2(parent, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty(), beneath())?;
        let facts = facts(&fstat(&file)?);
        if facts.kind != FileKind::File {
            return Ok(());
        }
        // The descriptor itself, by the kernel's own name for it: no name of the workspace is looked up again.
        let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
        chmodat(CWD, itself, Mode::from_raw_mode(facts.mode & !PRIVILEGE), AtFlags::empty())
    };
    dropped().map_or_else(|errno: Errno| Undone::No(errno.to_string()), |()| Undone::Yes)
}

impl Restorer<'_> {
    /// Removes what was not there before.
    fn remove(&self, path: &[u8]) -> Result<(), Cannot> {
        let (directory, name) = self.open_parent(path)?;
        match unlinkat(&directory, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Puts back what was there before.
    fn restore(&mut self, path: &[u8]) -> Result<(), Cannot> {
        let before = self.before;
        let entry = before.entries.get(path).ok_or(Cannot::NotKept)?;
        if matches!(entry.facts.kind, FileKind::File | FileKind::Symlink)
            && !matches!(entry.kept, Some(Kept::Whole { .. }))
        {
            return Err(Cannot::NotKept);
        }
        self.make_parents(path)?;
        let (directory, name) = self.open_parent(path)?;
        match entry.facts.kind {
            FileKind::File => self.restore_file(&directory, &name, entry),
            FileKind::Symlink => self.restore_link(&directory, &name, entry),
            FileKind::Directory => {
                match unlinkat(&directory, &name, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT | Errno::ISDIR) => {}
                    Err(errno) => return Err(errno.into()),
                }
                self.make_directory(&directory, &name, entry.facts.mode)
            }
            FileKind::Other => Err(Cannot::Odd),
        }
    }

    fn restore_file(&mut self, directory: &OwnedFd, name: &CStr, entry: &Entry) -> Result<(), Cannot> {
        let contents = self.contents(entry)?;
        let aside = aside()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat2(directory, &aside, flags, Mode::RUSR | Mode::WUSR, beneath())?;
        let written = (|| {
            let mut file = File::from(file);
            file.write_all(&contents)?;
            fchown(&file, self.owner.0, self.owner.1)?;
            fchmod(&file, Mode::from_raw_mode(entry.facts.mode & !PRIVILEGE))?;
            renameat(directory, &aside, directory, name)?;
            Ok(())
        })();
        clean_up(directory, &aside, written)
    }

    fn restore_link(&mut self, directory: &OwnedFd, name: &CStr, entry: &Entry) -> Result<(), Cannot> {
        let target = CString::new(self.contents(entry)?).map_err(|_| Cannot::Name)?;
        let aside = aside()?;
        symlinkat(&target, directory, &aside)?;
        let placed = chownat(directory, &aside, self.owner.0, self.owner.1, AtFlags::SYMLINK_NOFOLLOW)
            .and_then(|()| renameat(directory, &aside, directory, name));
        clean_up(directory, &aside, placed.map_err(Cannot::from))
    }

    fn contents(&mut self, entry: &Entry) -> Result<Vec<u8>, Cannot> {
        match entry.kept {
            Some(Kept::Whole { at, length }) => Ok(self.keeper.read(at, length)?),
            Some(Kept::Hash(_)) | None => Err(Cannot::NotKept),
        }
    }

    /// Makes the directories above `path` that are gone.
    fn make_parents(&self, path: &[u8]) -> Result<(), Cannot> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for directory in ends.map(|at| &path[..at]) {
            let (above, name) = self.open_parent(directory)?;
            match open_directory(above.as_fd(), &name) {
                Ok(_) => {}
                Err(Errno::NOENT) => {
                    let mode = self.before.entries.get(directory).map_or(DIRECTORY_MODE, |entry| entry.facts.mode);
                    self.make_directory(&above, &name, mode)?;
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn make_directory(&self, directory: &OwnedFd, name: &CStr, mode: u32) -> Result<(), Cannot> {
        match mkdirat(directory, name, Mode::RWXU) {
            Err(Errno::EXIST) => return Ok(()),
            other => other?,
        }
        let opened = open_directory(directory.as_fd(), name)?;
        fchown(&opened, self.owner.0, self.owner.1)?;
        Ok(fchmod(&opened, Mode::from_raw_mode(mode & !PRIVILEGE))?)
    }

    /// Opens the directory that `path` lies in, and answers it with the last name.
    fn open_parent(&self, path: &[u8]) -> Result<(OwnedFd, CString), Cannot> {
        let above = parent(path);
        let name = above.map_or(path, |above| &path[above.len() + 1..]);
        let text = |bytes: &[u8]| CString::new(bytes).map_err(|_| Cannot::Name);
        let directory = open_directory(self.workspace, &text(above.unwrap_or(b"."))?)?;
        Ok((directory, text(name)?))
    }
}

/// A name that nobody can know beforehand.
fn aside() -> Result<CString, Cannot> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| Cannot::Name)?;
    CString::new(format!(".innkeeper-{:016x}", u64::from_ne_bytes(random))).map_err(|_| Cannot::Name)
}

/// Removes what was written under another name, if it did not get its own.
fn clean_up(directory: &OwnedFd, aside: &CStr, done: Result<(), Cannot>) -> Result<(), Cannot> {
    if done.is_err() {
        // It has no meaning to anybody; that it stays is the smaller harm.
        let _ = unlinkat(directory, aside, AtFlags::empty());
    }
    done
}
