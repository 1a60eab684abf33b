//! Putting back what was there before, with its contents, its owner and its permissions.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Uid, chownat, fchmod, fchown, mkdirat, openat2, renameat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::access::Owner;
use super::before::{Before, parent};
use super::compare::PRIVILEGE;
use super::facts::{Facts, beneath, open_directory};
use super::kept::{Kept, KeptContents};
use super::quarantine::{Cannot, aside, open_below, spare};
use super::tree::Record;
use crate::domain::FileKind;

/// The mode of a directory that has to be made, when nothing is known of the one that was there.
const DIRECTORY_MODE: u32 = 0o755;

/// What puts things back.
pub(super) struct Restorer<'a> {
    pub(super) workspace: BorrowedFd<'a>,
    pub(super) before: &'a Before,
    pub(super) kept: &'a KeptContents,
    pub(super) owner: Owner,
}

impl Restorer<'_> {
    /// Puts back what was there before. What stands there and is not the workspace owner's is moved away: returns where to.
    pub(super) fn restore(&self, path: &[u8]) -> Result<Option<Vec<u8>>, Cannot> {
        let record = self.before.find(path).map(|at| self.before.record(at)).ok_or(Cannot::NotKept)?;
        if matches!(record.facts.kind, FileKind::File | FileKind::Symlink)
            && !matches!(record.kept, Some(Kept::Whole { .. }))
        {
            return Err(Cannot::NotKept);
        }
        self.make_parents(path)?;
        let (directory, name) = self.open_parent(path)?;
        let moved = spare(&directory, &name, self.owner)?;
        match record.facts.kind {
            FileKind::File => self.restore_file(&directory, &name, &record)?,
            FileKind::Symlink => self.restore_link(&directory, &name, &record)?,
            FileKind::Directory => {
                match unlinkat(&directory, &name, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT | Errno::ISDIR) => {}
                    Err(errno) => return Err(errno.into()),
                }
                self.make_directory(&directory, &name, Some(record.facts))?;
            }
            FileKind::Other => return Err(Cannot::Odd),
        }
        let beside = |name: CString| {
            parent(path).map_or_else(|| name.to_bytes().to_vec(), |above| [above, b"/", name.to_bytes()].concat())
        };
        Ok(moved.map(beside))
    }

    /// Opens the directory that `path` lies in, and returns it with the last name.
    pub(super) fn open_parent(&self, path: &[u8]) -> Result<(OwnedFd, CString), Cannot> {
        let above = parent(path);
        let name = above.map_or(path, |above| &path[above.len() + 1..]);
        let directory = open_below(self.workspace, above.unwrap_or_default())?;
        Ok((directory, CString::new(name).map_err(|_| Cannot::Name)?))
    }

    fn restore_file(&self, directory: &OwnedFd, name: &CStr, record: &Record<'_>) -> Result<(), Cannot> {
        let contents = self.contents(record)?;
        let aside = aside()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat2(directory, &aside, flags, Mode::RUSR | Mode::WUSR, beneath())?;
        let written = (|| {
            let mut file = File::from(file);
            file.write_all(&contents)?;
            let (uid, gid) = ids(&record.facts);
            fchown(&file, uid, gid)?;
            fchmod(&file, Mode::from_raw_mode(record.facts.mode & !PRIVILEGE))?;
            renameat(directory, &aside, directory, name)?;
            Ok(())
        })();
        clean_up(directory, &aside, written)
    }

    fn restore_link(&self, directory: &OwnedFd, name: &CStr, record: &Record<'_>) -> Result<(), Cannot> {
        let target = CString::new(self.contents(record)?).map_err(|_| Cannot::Name)?;
        let aside = aside()?;
        symlinkat(&target, directory, &aside)?;
        let (uid, gid) = ids(&record.facts);
        let placed = chownat(directory, &aside, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            .and_then(|()| renameat(directory, &aside, directory, name));
        clean_up(directory, &aside, placed.map_err(Cannot::from))
    }

    fn contents(&self, record: &Record<'_>) -> Result<Vec<u8>, Cannot> {
        match record.kept {
            Some(Kept::Whole { at, length }) => Ok(self.kept.read(at, length)?),
            Some(Kept::Hash(_) | Kept::Withheld) | None => Err(Cannot::NotKept),
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
                    let facts = self.before.find(directory).map(|at| self.before.record(at).facts);
                    self.make_directory(&above, &name, facts)?;
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Makes a directory as it was, the workspace owner's where nothing is known of it.
    fn make_directory(&self, directory: &OwnedFd, name: &CStr, facts: Option<Facts>) -> Result<(), Cannot> {
        match mkdirat(directory, name, Mode::RWXU) {
            Err(Errno::EXIST) => return Ok(()),
            other => other?,
        }
        let opened = open_directory(directory.as_fd(), name)?;
        let ours = (Some(Uid::from_raw(self.owner.uid)), Some(Gid::from_raw(self.owner.gid)));
        let (uid, gid) = facts.as_ref().map_or(ours, ids);
        fchown(&opened, uid, gid)?;
        let mode = facts.map_or(DIRECTORY_MODE, |facts| facts.mode);
        Ok(fchmod(&opened, Mode::from_raw_mode(mode & !PRIVILEGE))?)
    }
}

fn ids(facts: &Facts) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(facts.uid)), Some(Gid::from_raw(facts.gid)))
}

/// Removes what was written under another name, if it did not get its own.
fn clean_up(directory: &OwnedFd, aside: &CStr, done: Result<(), Cannot>) -> Result<(), Cannot> {
    if done.is_err() {
        // It has no meaning to anybody; that it stays is the smaller harm.
        let _ = unlinkat(directory, aside, AtFlags::empty());
    }
    done
}
