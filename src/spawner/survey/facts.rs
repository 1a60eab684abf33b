//! What the kernel says of a path, and how a directory of a hostile tree is opened.

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, openat2, statat};
use rustix::io::Errno;

use crate::domain::FileKind;

/// Permission bits, those that lend a program its owner's rights included.
const MODE: u32 = 0o7777;

/// What the kernel says of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) kind: FileKind,
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// When it was last written to, or what a program set in its place.
    pub(super) written: (i64, u64),
    /// When it was last changed in any way: no program can set this time.
    pub(super) changed: (i64, u64),
}

/// Opens the directory at `path` below `parent`, if it is one of the same filesystem.
pub(super) fn open_directory(parent: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    openat2(parent, path, flags, Mode::empty(), beneath())
}

/// How names are resolved: nowhere out, through no link, onto no other filesystem.
pub(super) fn beneath() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV
}

/// What the kernel says of `name` in `parent`.
pub(super) fn look(parent: BorrowedFd<'_>, name: &CStr) -> Result<Facts, Errno> {
    statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map(|status| facts(&status))
}

/// The facts of a status.
pub(super) fn facts(status: &Stat) -> Facts {
    Facts {
        kind: kind(FileType::from_raw_mode(status.st_mode)),
        inode: status.st_ino,
        size: u64::try_from(status.st_size).unwrap_or_default(),
        mode: status.st_mode & MODE,
        uid: status.st_uid,
        gid: status.st_gid,
        written: (status.st_mtime, status.st_mtime_nsec),
        changed: (status.st_ctime, status.st_ctime_nsec),
    }
}

/// What a file's type is to a survey.
pub(super) const fn kind(file_type: FileType) -> FileKind {
    match file_type {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        _ => FileKind::Other,
    }
}
