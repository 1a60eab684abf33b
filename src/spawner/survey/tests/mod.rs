//! Surveys of trees as a hostile agent would leave them.

mod bounds;
mod comparing;
mod hostile;
mod undoing;

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::{Survey, SurveyBounds};
use crate::domain::{Change, ChangeKind, Changes};

/// A workspace, beside things that are none of its business.
pub(super) struct Workspace {
    _base: tempfile::TempDir,
    pub(super) path: PathBuf,
    pub(super) outside: PathBuf,
    pub(super) bounds: SurveyBounds,
}

impl Workspace {
    pub(super) fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let [path, outside, kept] = ["workspace", "outside", "kept"].map(|name| {
            let path = base.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        });
        let bounds = SurveyBounds::new(kept);
        Self { _base: base, path, outside, bounds }
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

    pub(super) fn take(&self) -> Survey {
        Survey::take(self.open().as_fd(), &self.bounds).unwrap()
    }

    pub(super) fn compare(&self, survey: Survey) -> Changes {
        survey.compare(self.open().as_fd(), false).unwrap()
    }

    /// What `session` changes.
    pub(super) fn changes(&self, session: impl FnOnce(&Self)) -> Changes {
        let survey = self.take();
        session(self);
        self.compare(survey)
    }

    /// What `session` changes where changes are undone.
    pub(super) fn quarantined(&self, session: impl FnOnce(&Self)) -> Changes {
        let survey = self.take();
        session(self);
        survey.compare(self.open().as_fd(), true).unwrap()
    }
}

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
