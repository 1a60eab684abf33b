//! How much a workspace holds: counted by walking through it, in a tree whose owner may want to be miscounted.
//!
//! Directories are opened one below the other, never by a path: no link is followed and no other filesystem is entered,
//! whatever is exchanged meanwhile. What is counted are the blocks that are taken, of each file once. The walk is bounded in
//! files and in depth, and what goes beyond is told rather than left out.

use std::collections::HashSet;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstatvfs, openat2, statat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// Directories below each other that are gone into. Each holds a descriptor while what is below it is counted.
const MOST_DEEP: usize = 128;

/// What a file's `st_blocks` are counted in, on every filesystem.
const BLOCK_BYTES: u64 = 512;

/// What a directory and everything below it take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceSize {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Files and directories.
    pub files: u64,
    /// Whether there were more files than were to be counted.
    pub too_many: bool,
    /// Whether it is nested deeper than is gone into.
    pub too_deep: bool,
    /// Directories that could not be looked into.
    pub closed: u64,
}

/// Counts what `directory` and everything below it take, until there are more than `most_files`, or `given_up` is set.
///
/// # Errors
/// When the directory itself cannot be looked into, or the process has too many files open.
pub(super) fn measure(
    directory: BorrowedFd<'_>,
    most_files: u64,
    given_up: &AtomicBool,
) -> Result<WorkspaceSize, Errno> {
    let mut size = WorkspaceSize::default();
    let mut linked = HashSet::new();
    let mut open = vec![Dir::new(open_below(directory, c".")?)?];
    loop {
        let depth = open.len();
        let Some(innermost) = open.last_mut() else { return Ok(size) };
        if given_up.load(Ordering::Relaxed) {
            return Ok(size);
        }
        // A directory that was removed while it was read is at its end.
        let Some(Ok(entry)) = innermost.read() else {
            open.pop();
            continue;
        };
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if size.files >= most_files {
            size.too_many = true;
            return Ok(size);
        }
        let parent = innermost.fd()?;
        let Ok(status) = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        size.files += 1;
        if is_new(&status, &mut linked) {
            size.bytes = size.bytes.saturating_add(u64::try_from(status.st_blocks).unwrap_or(0) * BLOCK_BYTES);
        }
        if FileType::from_raw_mode(status.st_mode) != FileType::Directory {
            continue;
        }
        if depth == MOST_DEEP {
            size.too_deep = true;
            continue;
        }
        match open_below(parent, name).and_then(Dir::new) {
            Ok(inner) => open.push(inner),
            // It went, or another filesystem or a link took its place.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::AGAIN) => {}
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(error),
            Err(_) => size.closed += 1,
        }
    }
}

/// How many bytes the filesystem of `directory` has left for ordinary users.
///
/// # Errors
/// When it does not tell.
pub(super) fn free_bytes(directory: BorrowedFd<'_>) -> Result<u64, Errno> {
    let status = fstatvfs(directory)?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
}

/// Whether a file was not counted under another of its names.
fn is_new(status: &Stat, linked: &mut HashSet<(u64, u64)>) -> bool {
    let is_directory = FileType::from_raw_mode(status.st_mode) == FileType::Directory;
    is_directory || status.st_nlink < 2 || linked.insert((status.st_dev, status.st_ino))
}

fn open_below(directory: BorrowedFd<'_>, name: &std::ffi::CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let resolve =
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    openat2(directory, name, flags, Mode::empty(), resolve)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, create_dir, create_dir_all, hard_link, write};
    use std::os::fd::AsFd;
    use std::os::unix::fs::{FileExt, symlink};
    use std::path::Path;

    use super::*;

    static NEVER: AtomicBool = AtomicBool::new(false);

    fn size(path: &Path, most_files: u64) -> WorkspaceSize {
        measure(File::open(path).unwrap().as_fd(), most_files, &NEVER).unwrap()
    }

    fn bytes(path: &Path) -> u64 {
        size(path, u64::MAX).bytes
    }

    #[test]
    fn what_is_counted_are_blocks_of_each_file_once_at_any_depth() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        create_dir_all(root.join("a/b/c")).unwrap();
        let before = bytes(root);
        write(root.join("a/b/c/file"), vec![1; 1 << 20]).unwrap();
        hard_link(root.join("a/b/c/file"), root.join("a/again")).unwrap();
        File::create(root.join("hole")).unwrap().write_all_at(b"x", 1 << 30).unwrap();
        let grown = bytes(root) - before;
        assert!(((1 << 20)..(1 << 20) + (256 << 10)).contains(&grown), "{grown}");
        assert_eq!(size(root, u64::MAX).files, 6);
    }

    #[test]
    fn no_link_and_no_other_filesystem_is_entered() {
        let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(other.path().join("large"), vec![1; 1 << 20]).unwrap();
        symlink(other.path(), directory.path().join("link")).unwrap();
        symlink("/proc", directory.path().join("proc")).unwrap();
        symlink(".", directory.path().join("loop")).unwrap();
        let size = size(directory.path(), u64::MAX);
        assert_eq!(size.files, 3);
        assert!(size.bytes < 64 << 10, "{size:?}");
        // Seen from here `/proc/sys/fs` may have another filesystem mounted in it, and `/dev` has several.
        let dev = File::open("/dev").unwrap();
        assert_eq!(open_below(dev.as_fd(), c"shm").map(drop), Err(Errno::XDEV));
    }

    #[test]
    fn what_cannot_be_counted_is_told() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..5 {
            write(directory.path().join(number.to_string()), "x").unwrap();
        }
        assert!(size(directory.path(), 4).too_many);
        assert!(!size(directory.path(), 5).too_many);

        let mut path = directory.path().to_owned();
        for _ in 1..MOST_DEEP {
            path.push("d");
            create_dir(&path).unwrap();
        }
        write(path.join("file"), "x").unwrap();
        assert!(!size(directory.path(), u64::MAX).too_deep);
        create_dir(path.join("d")).unwrap();
        assert!(size(directory.path(), u64::MAX).too_deep);
    }

    #[test]
    fn a_walk_nobody_waits_for_ends() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path().join("file"), "x").unwrap();
        let opened = File::open(directory.path()).unwrap();
        assert_eq!(measure(opened.as_fd(), u64::MAX, &AtomicBool::new(true)), Ok(WorkspaceSize::default()));
        assert!(free_bytes(opened.as_fd()).unwrap() > 0);
    }
}
