//! What a workspace's owner can read. The survey may run as root, and shows nobody more than the owner could see.
//!
//! The agent can move what it cannot read: renaming asks for rights on the directory alone. So a file in the workspace proves
//! nothing about who may know what is in it. A file is opened for its place alone first, judged by what the kernel says of
//! that descriptor, and only then opened for reading through it: nobody can exchange it in between.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{CWD, Mode, OFlags, fstat, getxattr_query, openat, openat2};
use rustix::io::Errno;

use super::facts::{Facts, beneath, facts};
use crate::domain::FileKind;

/// Permission bits of one class of users.
const READ: u32 = 0o4;
const ENTER: u32 = 0o5;

/// Who owns a workspace: the user and group its sandboxes run as, without further groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// The workspace's owner may not read it.
    #[error("not readable by the workspace's owner")]
    Withheld,
    /// It is no regular file, is gone, or cannot be read by this process either.
    #[error("{0}")]
    System(#[from] Errno),
}

impl Owner {
    /// The owner of the open `workspace`.
    ///
    /// # Errors
    /// When the kernel says nothing of it.
    pub(super) fn of(workspace: BorrowedFd<'_>) -> Result<Self, Errno> {
        let status = fstat(workspace)?;
        Ok(Self { uid: status.st_uid, gid: status.st_gid })
    }

    /// Whether something belongs to the owner, who can give itself every right to it.
    pub(super) const fn owns(self, facts: &Facts) -> bool {
        facts.uid == self.uid
    }

    /// Whether the owner may read a file, as far as its bits say.
    pub(super) const fn may_read(self, facts: &Facts) -> bool {
        self.owns(facts) || self.has(facts, READ)
    }

    /// Whether the owner may list the open `directory` and enter it.
    pub(super) fn may_enter(self, directory: BorrowedFd<'_>) -> Result<bool, Errno> {
        let facts = facts(&fstat(directory)?);
        Ok(self.owns(&facts) || (self.has(&facts, ENTER) && !has_access_list(directory)))
    }

    /// Opens the regular file `name` for reading, if the owner may read it. A file that became a pipe makes nobody wait.
    pub(super) fn open(self, parent: BorrowedFd<'_>, name: &CStr) -> Result<File, Unreadable> {
        let path = openat2(parent, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty(), beneath())?;
        let facts = facts(&fstat(&path)?);
        if facts.kind != FileKind::File {
            return Err(Unreadable::System(Errno::INVAL));
        }
        if !self.may_read(&facts) || (!self.owns(&facts) && has_access_list(path.as_fd())) {
            return Err(Unreadable::Withheld);
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(File::from(openat(CWD, itself(path.as_fd()), flags, Mode::empty())?))
    }

    /// Whether the bits of the group, or of everybody, that apply to the owner include `wanted`.
    const fn has(self, facts: &Facts, wanted: u32) -> bool {
        let bits = if facts.gid == self.gid { facts.mode >> 3 } else { facts.mode };
        bits & wanted == wanted
    }
}

/// The kernel's own name of a descriptor: no name of the workspace is looked up again.
pub(super) fn itself(descriptor: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", descriptor.as_raw_fd())
}

/// Whether an access list applies, which can deny what the mode bits allow. When that cannot be found out, one does.
fn has_access_list(descriptor: BorrowedFd<'_>) -> bool {
    let found = getxattr_query(itself(descriptor), c"system.posix_acl_access");
    !matches!(found, Err(Errno::NODATA | Errno::NOTSUP))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_read(uid: u32, gid: u32, mode: u32) -> bool {
        let facts = Facts { kind: FileKind::File, inode: 1, size: 1, mode, uid, gid, written: (0, 0), changed: (0, 0) };
        let owner = Owner { uid: 1000, gid: 1001 };
        owner.may_read(&facts)
    }

    #[test]
    fn owner_reads_own_files_and_what_bits_allow() {
        for (uid, gid, mode, expected) in [
            (1000, 0, 0o000, true),
            (0, 0, 0o600, false),
            (0, 0, 0o640, false),
            (0, 0, 0o644, true),
            (0, 1001, 0o640, true),
            // The group's bits apply to its members, also where everybody else has more.
            (0, 1001, 0o604, false),
            (2000, 2000, 0o660, false),
            (2000, 2000, 0o711, false),
        ] {
            assert_eq!(may_read(uid, gid, mode), expected, "{uid}:{gid} {mode:o}");
        }
    }
}
