//! A workspace to survey, and how its changes are asked for.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::super::{Comparison, FoundWorkspace, Survey, SurveyBounds, SurveyError, SurveyFiles, WorkspacePath, take};
use crate::domain::{Change, ChangeKind, Changes};

/// A workspace, beside things that are none of its business.
pub(super) struct Workspace {
    _base: tempfile::TempDir,
    pub(super) path: PathBuf,
    pub(super) outside: PathBuf,
    pub(super) bounds: SurveyBounds,
    pub(super) files: SurveyFiles,
}

impl Workspace {
    pub(super) fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let [path, outside, kept] = ["workspace", "outside", "kept"].map(|name| {
            let path = base.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        });
        let (bounds, files) = (SurveyBounds::default(), SurveyFiles::new(kept, "survey".to_owned()));
        Self { _base: base, path, outside, bounds, files }
    }

    /// Writes a file, and the directories above it.
    pub(super) fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.path.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub(super) fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(super) fn mode(&self, path: &str) -> u32 {
        fs::symlink_metadata(self.path.join(path)).unwrap().permissions().mode() & 0o7777
    }

    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path.join(path)).unwrap()
    }

    pub(super) fn remove(&self, path: &str) {
        let path = self.path.join(path);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    pub(super) fn open(&self) -> OwnedFd {
        open(&self.path)
    }

    pub(super) fn take(&self) -> Result<(), SurveyError> {
        let path = WorkspacePath { root: self.path.clone(), relative: PathBuf::new() };
        let found = FoundWorkspace { uid: 1, gid: 1, device: 1, inode: 1 };
        take(self.open().as_fd(), (path, found), &self.files, &self.bounds)
    }

    pub(super) fn compare(&self, comparison: Comparison) -> Changes {
        let survey = Survey::load(&self.files).unwrap();
        survey.compare(self.open().as_fd(), &self.bounds, comparison).unwrap()
    }

    /// What `session` changes.
    pub(super) fn changes(&self, session: impl FnOnce(&Self)) -> Changes {
        self.take().unwrap();
        session(self);
        self.compare(Comparison::default())
    }

    /// What `session` changes where changes are undone.
    pub(super) fn quarantined(&self, session: impl FnOnce(&Self)) -> Changes {
        self.take().unwrap();
        session(self);
        self.compare(QUARANTINE)
    }

    /// Gives the workspace and some of what is in it to an ordinary user.
    pub(super) fn give(&self, paths: &[&str]) {
        for path in paths.iter().copied().chain([""]) {
            std::os::unix::fs::lchown(self.path.join(path), Some(TENANT), Some(TENANT)).unwrap();
        }
    }
}

/// The user a workspace is given to.
pub(super) const TENANT: u32 = 20_001;

pub(super) const QUARANTINE: Comparison = Comparison { quarantine: true, until: None };

/// A directory as it is handed over: open for its place alone.
pub(super) fn open(path: &Path) -> OwnedFd {
    openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

/// The change at a path.
pub(super) fn at<'a>(changes: &'a Changes, path: &str) -> &'a Change {
    changes.files.iter().find(|change| change.path == path).unwrap_or_else(|| panic!("no {path} in {changes:#?}"))
}

/// Paths and kinds.
pub(super) fn kinds(changes: &Changes) -> Vec<(&str, ChangeKind)> {
    changes.files.iter().map(|change| (&*change.path, change.kind)).collect()
}
