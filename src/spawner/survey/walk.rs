//! Walking through a workspace that somebody hostile filled, on open descriptors only.
//!
//! Each directory is opened by its name in its parent's descriptor, and only if it is one: the kernel follows no link and
//! leaves the filesystem nowhere (`openat2`). Nothing else is opened here. What is looked at is bounded; what matters
//! most is looked at first, so that a flood of files elsewhere hides little.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, openat2, statat};
use rustix::io::Errno;

use super::SurveyBounds;
use super::classes::Surroundings;
use crate::domain::{FileClass, FileKind};

/// Bytes of all paths together: what a survey takes in memory is not the agent's to decide.
const PATHS_BYTES: usize = 16 << 20;

/// Permission bits, those that lend a program its owner's rights included.
const MODE: u32 = 0o7777;

/// What the kernel tells of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) kind: FileKind,
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) mode: u32,
    /// When it was last written to, or what a program set in its place.
    pub(super) written: (i64, u64),
    /// When it was last changed in any way: no program can set this time.
    pub(super) changed: (i64, u64),
}

/// Something that was found, its parent held open.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) parent: BorrowedFd<'a>,
    pub(super) name: &'a CStr,
    pub(super) path: &'a [u8],
    pub(super) facts: Facts,
    /// By what it would run later.
    pub(super) class: Option<FileClass>,
    /// Whether its contents matter to nobody: tools made them.
    pub(super) internal: bool,
}

/// Who is told of what is found.
pub(super) trait Visitor {
    /// Why the walk has to end.
    type Error;

    /// Something was found.
    fn visit(&mut self, found: &Found<'_>) -> Result<(), Self::Error>;

    /// Every name in the directory at `path` was told.
    fn listed(&mut self, path: &[u8]);
}

/// What was not seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Missed {
    pub(super) unseen: bool,
    pub(super) unreadable: bool,
}

/// One walk through a workspace.
struct Walk<'a, V> {
    bounds: &'a SurveyBounds,
    visitor: &'a mut V,
    entries_left: usize,
    bulk_left: usize,
    bytes_left: usize,
    missed: Missed,
}

/// A name in a directory, with what decides when it is looked at.
struct Named {
    rank: u8,
    name: CString,
    facts: Facts,
}

/// Tells `visitor` of everything below the open `directory`. Answers what was missed.
///
/// # Errors
/// Those of the visitor, and `workspace` of the kernel's reason when the directory itself cannot be read.
pub(super) fn walk<V: Visitor>(
    directory: BorrowedFd<'_>,
    bounds: &SurveyBounds,
    visitor: &mut V,
    workspace: impl FnOnce(Errno) -> V::Error,
) -> Result<Missed, V::Error> {
    let mut walk = Walk {
        bounds,
        visitor,
        entries_left: bounds.entries,
        bulk_left: bounds.entries / 2,
        bytes_left: PATHS_BYTES,
        missed: Missed::default(),
    };
    let opened = match open_directory(directory, c".") {
        Ok(opened) => opened,
        Err(errno) => return Err(workspace(errno)),
    };
    walk.directory(&opened, &mut Vec::new(), &Surroundings::default(), 0)?;
    Ok(walk.missed)
}

/// Opens the directory `name` in `parent`, if it is one of the same filesystem.
pub(super) fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    openat2(parent, name, flags, Mode::empty(), beneath())
}

/// How names are resolved: nowhere out, through no link, onto no other filesystem.
pub(super) fn beneath() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV
}

/// What the kernel tells of `name` in `parent`, and on which device it lies.
pub(super) fn look(parent: BorrowedFd<'_>, name: &CStr) -> Result<Facts, Errno> {
    statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map(|status| facts(&status))
}

/// The facts of a status.
pub(super) fn facts(status: &Stat) -> Facts {
    let kind = match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        _ => FileKind::Other,
    };
    Facts {
        kind,
        inode: status.st_ino,
        size: u64::try_from(status.st_size).unwrap_or_default(),
        mode: status.st_mode & MODE,
        written: (status.st_mtime, status.st_mtime_nsec),
        changed: (status.st_ctime, status.st_ctime_nsec),
    }
}

impl<V: Visitor> Walk<'_, V> {
    fn directory(
        &mut self,
        directory: &OwnedFd,
        path: &mut Vec<u8>,
        around: &Surroundings,
        depth: usize,
    ) -> Result<(), V::Error> {
        let (names, complete) = self.names(directory, path.len(), around);
        for Named { name, facts, .. } in &names {
            let length = path.len();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name.to_bytes());
            let is_directory = facts.kind == FileKind::Directory;
            let found = Found {
                parent: directory.as_fd(),
                name,
                path,
                facts: *facts,
                class: around.class(name.to_bytes(), facts.kind),
                internal: around.bulk || around.in_repository,
            };
            self.visitor.visit(&found)?;
            if is_directory {
                self.descend(directory, name, path, around, depth)?;
            }
            path.truncate(length);
        }
        if complete {
            self.visitor.listed(path);
        }
        Ok(())
    }

    fn descend(
        &mut self,
        parent: &OwnedFd,
        name: &CStr,
        path: &mut Vec<u8>,
        around: &Surroundings,
        depth: usize,
    ) -> Result<(), V::Error> {
        if depth + 1 >= self.bounds.depth {
            self.missed.unseen = true;
            return Ok(());
        }
        match open_directory(parent.as_fd(), name) {
            Ok(opened) => {
                let around = around.enter(name.to_bytes(), is_repository(&opened));
                self.directory(&opened, path, &around, depth + 1)
            }
            // Gone meanwhile, or not ours to look into: another filesystem, a directory that cannot be read.
            Err(Errno::NOENT) => Ok(()),
            Err(_) => {
                self.missed.unreadable = true;
                Ok(())
            }
        }
    }

    /// The names in a directory in the order they are looked at, and whether they are all of them.
    fn names(&mut self, directory: &OwnedFd, length: usize, around: &Surroundings) -> (Vec<Named>, bool) {
        let (mut names, mut complete) = (Vec::new(), true);
        let Ok(mut stream) = Dir::read_from(directory) else {
            self.missed.unreadable = true;
            return (names, false);
        };
        while let Some(entry) = stream.read() {
            let Ok(entry) = entry else {
                self.missed.unreadable = true;
                complete = false;
                break;
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let bytes = length + 1 + name.to_bytes().len();
            let left = if around.bulk { &mut self.bulk_left } else { &mut self.entries_left };
            if *left == 0 || bytes > self.bounds.path_bytes || bytes > self.bytes_left {
                self.missed.unseen = true;
                complete = false;
                if *left == 0 {
                    break;
                }
                continue;
            }
            match look(directory.as_fd(), name) {
                Ok(facts) => {
                    *left -= 1;
                    self.bytes_left -= bytes;
                    names.push(Named { rank: rank(around, name.to_bytes(), facts.kind), name: name.to_owned(), facts });
                }
                Err(Errno::NOENT) => {}
                Err(_) => {
                    self.missed.unreadable = true;
                    complete = false;
                }
            }
        }
        names.sort_unstable_by(|one, two| (one.rank, &one.name).cmp(&(two.rank, &two.name)));
        (names, complete)
    }
}

/// Files first, then the directories of what would run later, others, and last what tools fill.
fn rank(around: &Surroundings, name: &[u8], kind: FileKind) -> u8 {
    match kind {
        FileKind::Directory if around.leads_to_bulk(name) => 3,
        FileKind::Directory if around.leads_to_classes(name) => 1,
        FileKind::Directory => 2,
        _ => 0,
    }
}

/// Whether a directory is what Git takes for a repository: it runs the hooks of one that lies in a workspace, whatever
/// its name.
fn is_repository(directory: &OwnedFd) -> bool {
    [c"HEAD", c"objects", c"refs"].into_iter().all(|name| look(directory.as_fd(), name).is_ok())
}
