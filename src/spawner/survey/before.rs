//! What a workspace was, path by path.

use std::collections::BTreeMap;

use super::kept::Kept;
use super::walk::Facts;
use crate::domain::{FileClass, FileKind};

/// What was there, by path.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub(super) entries: BTreeMap<Box<[u8]>, Entry>,
    /// Whether the workspace's own names are all there.
    pub(super) listed: bool,
}

/// One path as it was.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) facts: Facts,
    pub(super) class: Option<FileClass>,
    pub(super) kept: Option<Kept>,
    /// Of a directory: whether all its names are there.
    pub(super) listed: bool,
    /// Whether the path was found again.
    pub(super) seen: bool,
}

impl Before {
    /// Whether a path that is not here was not there, as far as was looked.
    pub(super) fn lacked(&self, path: &[u8]) -> bool {
        let mut path = path;
        while let Some(parent) = parent(path) {
            if let Some(entry) = self.entries.get(parent) {
                return entry.facts.kind != FileKind::Directory || entry.listed;
            }
            path = parent;
        }
        self.listed
    }
}

/// The path of the directory that `path` lies in, unless that is the workspace.
pub(super) fn parent(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|byte| *byte == b'/').map(|at| &path[..at])
}
