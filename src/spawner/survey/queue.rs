//! Directories that wait to be read, and what is known of their names.

use std::cmp::{Ordering, Reverse};
use std::collections::HashSet;
use std::ffi::CString;

use serde::{Deserialize, Serialize};

use super::classes::Surroundings;
use super::walk::ROOT;

/// How much is known of the names in a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[repr(u8)]
pub(super) enum Listing {
    /// There may be others of every kind.
    #[default]
    Partial = 0,
    /// All directories, and all files that would run later.
    Watched = 1,
    /// All.
    Full = 2,
}

/// When a directory is read: the first of these first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tier {
    /// It may hold what would run later.
    Watched,
    /// It is one like others.
    Other,
    /// Tools filled it.
    Bulk,
    /// It has a flood of names, the first of which were read.
    Rest,
}

/// A directory that waits to be read.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) tier: Tier,
    pub(super) depth: usize,
    /// The order in which directories were found.
    pub(super) sequence: u64,
    pub(super) path: Box<[u8]>,
    /// The number its visitor gave it.
    pub(super) number: u32,
    /// Of the directory above until it is opened, then its own.
    pub(super) around: Surroundings,
    /// The place all of whose files would run later that it is, or lies in.
    pub(super) place: Option<usize>,
    /// Where reading its names goes on.
    pub(super) offset: Option<i64>,
    /// The known names in it that were looked at.
    pub(super) asked: HashSet<CString>,
    pub(super) listing: Listing,
}

impl Listing {
    pub(super) const fn read(byte: u8) -> Self {
        match byte {
            2 => Self::Full,
            1 => Self::Watched,
            _ => Self::Partial,
        }
    }
}

impl Item {
    /// The workspace itself.
    pub(super) fn root() -> Self {
        Self {
            tier: Tier::Watched,
            depth: 0,
            sequence: 0,
            path: Box::default(),
            number: ROOT,
            around: Surroundings::default(),
            place: None,
            offset: None,
            asked: HashSet::new(),
            listing: Listing::Full,
        }
    }

    /// The directory `path` in this one.
    pub(super) fn below(&self, path: Vec<u8>, tier: Tier, number: u32, sequence: u64) -> Self {
        Self {
            tier,
            depth: self.depth + 1,
            sequence,
            path: path.into_boxed_slice(),
            number,
            around: self.around.clone(),
            place: self.place,
            offset: None,
            asked: HashSet::new(),
            listing: Listing::Full,
        }
    }

    /// The same, to be read on when everything else was.
    pub(super) fn last(self) -> Self {
        Self { tier: Tier::Rest, ..self }
    }

    /// Its last name.
    pub(super) fn name(&self) -> &[u8] {
        self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    fn rank(&self) -> Reverse<(Tier, usize, u64)> {
        Reverse((self.tier, self.depth, self.sequence))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Item {}
