//! The workspace: the directory a request names, opened below the tenant's roots and nowhere else.
//!
//! The kernel does the checking (`openat2`): no component may lead out of the root, through a symbolic link, or onto
//! another filesystem. What is used afterwards is the open descriptor, never the path again, so that nobody can
//! exchange the directory between the check and the use.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::{FoundWorkspace, WorkspacePath};
use crate::domain::TenantRoot;
use crate::engine::{FIRST_USER, WorkspaceMount};

/// A directory that was found to be inside a root, held open.
#[derive(Clone, Debug)]
pub(super) struct Workspace {
    descriptor: Arc<OwnedFd>,
    /// Where it was found.
    path: PathBuf,
    /// What it is.
    pub(super) found: FoundWorkspace,
}

/// Why a directory cannot be worked in: texts for the caller, who learns nothing of what lies outside its roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
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
    /// It cannot be opened; the kernel's number says why.
    #[error("cwd cannot be opened")]
    Unusable(i32),
}

impl WorkspacePath {
    /// Reads which directory a request names: `None` or `""` for the first root itself, an absolute path inside a root,
    /// or a path relative to the first root. Nothing is opened yet.
    ///
    /// # Errors
    /// When it names no directory below a root.
    pub fn of_request(roots: &[TenantRoot], cwd: Option<&str>) -> Result<Self, WorkspaceError> {
        let first = roots.first().ok_or(WorkspaceError::NoRoots)?.path();
        let asked = Path::new(cwd.unwrap_or_default());
        if asked.is_relative() {
            return Ok(Self { root: first.to_owned(), relative: asked.to_owned() });
        }
        let inside = roots.iter().filter_map(|root| Some((root.path(), asked.strip_prefix(root.path()).ok()?)));
        let (root, relative) = inside.max_by_key(|(root, _)| root.as_os_str().len()).ok_or(WorkspaceError::Outside)?;
        Ok(Self { root: root.to_owned(), relative: relative.to_owned() })
    }
}

impl Workspace {
    /// Opens the directory. `base` is the operator's, and is opened as it is named; from there on no link is followed, and
    /// below the root no other filesystem is entered.
    ///
    /// # Errors
    /// When it is not a directory that can be worked in.
    pub(super) fn open(base: &Path, path: &WorkspacePath) -> Result<Self, WorkspaceError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let below = |directory: OwnedFd, path: &Path, resolve| {
            let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            openat2(&directory, path, flags, Mode::empty(), resolve).map_err(reason)
        };
        let root = path.root.strip_prefix(base).map_err(|_| WorkspaceError::Outside)?;
        let descriptor = openat(CWD, base, flags, Mode::empty()).map_err(reason)?;
        let descriptor = below(descriptor, root, inside)?;
        let descriptor = below(descriptor, &path.relative, inside | ResolveFlags::NO_XDEV)?;
        let status = fstat(&descriptor).map_err(reason)?;
        if status.st_uid < FIRST_USER || status.st_gid < FIRST_USER {
            return Err(WorkspaceError::SystemOwner);
        }
        let found =
            FoundWorkspace { uid: status.st_uid, gid: status.st_gid, device: status.st_dev, inode: status.st_ino };
        Ok(Self { descriptor: Arc::new(descriptor), path: path.root.join(&path.relative), found })
    }

    /// The workspace as an engine is given it: by the open descriptor, valid as long as `self` lives.
    pub(super) fn by_descriptor(&self) -> WorkspaceMount {
        let number = self.descriptor.as_raw_fd();
        WorkspaceMount::Descriptor(format!("/proc/{}/fd/{number}", std::process::id()).into())
    }

    /// The open directory itself, for whoever looks at what it holds.
    pub(super) fn directory(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.descriptor)
    }

    /// The workspace as an engine is given it that cannot reach our descriptors.
    pub(super) fn by_path(&self) -> WorkspaceMount {
        WorkspaceMount::Path(self.path.clone())
    }
}

/// Looks at a directory below a root of this machine, as it would be opened for a session.
///
/// # Errors
/// When it is not a directory that can be worked in.
pub fn look_at(path: &WorkspacePath) -> Result<FoundWorkspace, WorkspaceError> {
    Ok(Workspace::open(Path::new("/"), path)?.found)
}

fn reason(errno: Errno) -> WorkspaceError {
    match errno {
        Errno::XDEV => WorkspaceError::Outside,
        Errno::LOOP => WorkspaceError::SymbolicLink,
        Errno::NOENT => WorkspaceError::Missing,
        Errno::NOTDIR => WorkspaceError::NotADirectory,
        Errno::NAMETOOLONG | Errno::INVAL => WorkspaceError::NotAPath,
        other => WorkspaceError::Unusable(other.raw_os_error()),
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

    fn open_in(roots: &[TenantRoot], cwd: Option<&str>) -> Result<Workspace, WorkspaceError> {
        Workspace::open(Path::new("/"), &WorkspacePath::of_request(roots, cwd)?)
    }

    fn open(cwd: &str) -> Result<Workspace, WorkspaceError> {
        let (_base, roots) = roots();
        open_in(&roots[..1], Some(cwd))
    }

    #[test]
    fn a_directory_of_the_tenant_is_opened_by_any_of_its_names() {
        let (base, roots) = roots();
        let absolute = base.path().join("acme/project");
        let one = open_in(&roots, absolute.to_str()).unwrap();
        let two = open_in(&roots, Some("project")).unwrap();
        assert_eq!(one.found, two.found);
        assert_eq!(WorkspacePath::of_request(&roots, None).unwrap().relative, Path::new(""));
    }

    #[test]
    fn what_leads_out_is_outside_whether_it_exists_or_not() {
        let (base, roots) = roots();
        let rival = base.path().join("rival/project");
        for cwd in [rival.to_str().unwrap(), "/etc", "/nowhere", "../rival", "project/../../rival", "../nowhere"] {
            let error = open_in(&roots[..1], Some(cwd)).unwrap_err();
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
