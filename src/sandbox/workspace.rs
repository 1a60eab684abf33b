//! The workspace: the directory a request names, opened below the tenant's roots and nowhere else.
//!
//! The kernel does the checking (`openat2`): no component may lead out of the root, through a symbolic link, or onto
//! another filesystem. What is used afterwards is the open descriptor, never the path again, so that nobody can
//! exchange the directory between the check and the use.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

use crate::domain::TenantRoot;
use crate::engine::WorkspaceMount;

/// The lowest user id a sandbox may run as: below are the system's own.
const FIRST_USER: u32 = 1000;

/// A directory that was found to be inside a root, held open.
#[derive(Debug)]
pub struct Workspace {
    descriptor: OwnedFd,
    /// The root it lies below.
    pub root: PathBuf,
    /// Its path below the root; empty for the root itself.
    pub relative: PathBuf,
    /// Its owner, as whom the sandbox runs.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// The device it lies on.
    pub device: u64,
    /// Its number on the device.
    pub inode: u64,
}

/// Why a directory cannot be worked in: texts for the caller, who learns nothing of what lies outside its roots.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The tenant may work nowhere.
    #[error("this tenant has no directory to work in; ask the operator to give it a root")]
    NoRoots,
    /// It is not below a root.
    #[error("cwd is not inside a directory this tenant may work in")]
    Outside,
    /// It is not there.
    #[error("cwd does not exist")]
    Missing,
    /// It is something else.
    #[error("cwd is not a directory")]
    NotADirectory,
    /// A link could lead anywhere by the time it is followed.
    #[error("cwd passes through a symbolic link; name the directory itself")]
    SymbolicLink,
    /// The kernel takes no such path.
    #[error("cwd is not a path: it is too long or holds a NUL")]
    NotAPath,
    /// It belongs to the system.
    #[error("cwd belongs to a system user; a sandbox runs as the directory's owner, whose uid must be 1000 or more")]
    SystemOwner,
    /// It cannot be opened.
    #[error("cwd cannot be opened")]
    Unusable(#[source] Errno),
}

impl Workspace {
    /// Opens the directory a request names: `None` or `""` for the first root itself, an absolute path inside a root,
    /// or a path relative to the first root.
    ///
    /// # Errors
    /// When it is not a directory that can be worked in.
    pub fn open(roots: &[TenantRoot], cwd: Option<&str>) -> Result<Self, WorkspaceError> {
        let first = roots.first().ok_or(WorkspaceError::NoRoots)?.path();
        let asked = Path::new(cwd.unwrap_or_default());
        if asked.is_relative() {
            return Self::open_below(first, asked);
        }
        let inside = roots.iter().filter_map(|root| Some((root.path(), asked.strip_prefix(root.path()).ok()?)));
        let (root, relative) = inside.max_by_key(|(root, _)| root.as_os_str().len()).ok_or(WorkspaceError::Outside)?;
        Self::open_below(root, relative)
    }

    /// Opens `relative` below `root`.
    ///
    /// # Errors
    /// When it is not a directory that can be worked in.
    pub fn open_below(root: &Path, relative: &Path) -> Result<Self, WorkspaceError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        let root_descriptor = openat(CWD, root, flags, Mode::empty()).map_err(reason)?;
        let path = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
        let descriptor = openat2(&root_descriptor, path, flags, Mode::empty(), resolve).map_err(reason)?;
        let status = fstat(&descriptor).map_err(reason)?;
        if status.st_uid < FIRST_USER || status.st_gid < FIRST_USER {
            return Err(WorkspaceError::SystemOwner);
        }
        Ok(Self {
            descriptor,
            root: root.to_owned(),
            relative: relative.to_owned(),
            uid: status.st_uid,
            gid: status.st_gid,
            device: status.st_dev,
            inode: status.st_ino,
        })
    }

    /// The open directory, for somebody who outlives `self`.
    ///
    /// # Errors
    /// When no further descriptor can be had.
    pub fn descriptor(&self) -> std::io::Result<OwnedFd> {
        self.descriptor.try_clone()
    }

    /// The workspace as an engine is given it: by the open descriptor, valid as long as `self` lives.
    pub fn by_descriptor(&self) -> WorkspaceMount {
        let number = self.descriptor.as_raw_fd();
        WorkspaceMount::Descriptor(format!("/proc/{}/fd/{number}", std::process::id()).into())
    }

    /// The workspace as an engine is given it that cannot reach our descriptors.
    pub fn by_path(&self) -> WorkspaceMount {
        WorkspaceMount::Path(self.root.join(&self.relative))
    }
}

fn reason(errno: Errno) -> WorkspaceError {
    match errno {
        Errno::XDEV => WorkspaceError::Outside,
        Errno::LOOP => WorkspaceError::SymbolicLink,
        Errno::NOENT => WorkspaceError::Missing,
        Errno::NOTDIR => WorkspaceError::NotADirectory,
        Errno::NAMETOOLONG | Errno::INVAL => WorkspaceError::NotAPath,
        other => WorkspaceError::Unusable(other),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Two tenants' roots beside each other, owned by an ordinary user where the test may give files away.
    fn roots() -> (tempfile::TempDir, [TenantRoot; 2]) {
        let base = tempfile::tempdir().unwrap();
        let roots = ["acme", "rival"].map(|name| {
            let path = base.path().join(name);
            std::fs::create_dir_all(path.join("project")).unwrap();
            std::fs::write(path.join("file"), "x").unwrap();
            for path in [path.clone(), path.join("project")] {
                let _ = std::os::unix::fs::chown(path, Some(20_001), Some(20_001));
            }
            TenantRoot::new(path).unwrap()
        });
        symlink(base.path().join("rival"), base.path().join("acme/link")).unwrap();
        symlink("project", base.path().join("acme/inner-link")).unwrap();
        (base, roots)
    }

    fn open(cwd: &str) -> Result<Workspace, WorkspaceError> {
        let (_base, roots) = roots();
        Workspace::open(&roots[..1], Some(cwd))
    }

    #[test]
    fn a_directory_of_the_tenant_is_opened_by_any_of_its_names() {
        let (base, roots) = roots();
        let absolute = base.path().join("acme/project");
        let one = Workspace::open(&roots, absolute.to_str()).unwrap();
        let two = Workspace::open(&roots, Some("project")).unwrap();
        assert_eq!((one.device, one.inode), (two.device, two.inode));
        assert_eq!(Workspace::open(&roots, None).unwrap().relative, Path::new(""));
    }

    #[test]
    fn what_leads_out_is_outside_whether_it_exists_or_not() {
        let (base, roots) = roots();
        let rival = base.path().join("rival/project");
        for cwd in [rival.to_str().unwrap(), "/etc", "/nowhere", "../rival", "project/../../rival", "../nowhere"] {
            let error = Workspace::open(&roots[..1], Some(cwd)).unwrap_err();
            assert!(matches!(error, WorkspaceError::Outside), "{cwd}: {error:?}");
        }
    }

    #[test]
    fn links_files_and_what_is_missing_are_told_apart() {
        assert!(matches!(open("link"), Err(WorkspaceError::SymbolicLink)));
        assert!(matches!(open("link/project"), Err(WorkspaceError::SymbolicLink)));
        assert!(matches!(open("inner-link"), Err(WorkspaceError::SymbolicLink)));
        assert!(matches!(open("file"), Err(WorkspaceError::NotADirectory)));
        assert!(matches!(open("file/x"), Err(WorkspaceError::NotADirectory)));
        assert!(matches!(open("missing"), Err(WorkspaceError::Missing)));
        assert!(matches!(open(&"x".repeat(5_000)), Err(WorkspaceError::NotAPath)));
        assert!(matches!(open("a\0b"), Err(WorkspaceError::NotAPath)));
    }
}
