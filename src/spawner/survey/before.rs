//! What a workspace was, path by path: the first survey's file, read back and sorted.
//!
//! The records stay as they were written and are decoded when they are asked for: five bytes more than the file for each.

use std::collections::HashMap;
use std::path::Path;

use super::SurveyError;
use super::kept::{Kept, KeptContents};
use super::links::target;
use super::queue::Listing;
use super::tree::{self, Read, Record, Summary};
use crate::domain::{FileClass, FileKind};

/// What was there, by path.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) summary: Summary,
    bytes: Vec<u8>,
    /// Where the records begin, by their paths.
    index: Vec<u32>,
    /// Classes of files that links lead to which would run later.
    targets: HashMap<usize, FileClass>,
    /// What is known of the names in each directory, as it was.
    listings: Vec<Listing>,
    /// What was found at each path now.
    pub(super) now: Vec<Now>,
}

/// What is at a path now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Now {
    /// It was not found, yet.
    #[default]
    Unseen,
    /// Something that is no directory.
    Other,
    /// A directory, of whose names so many are known.
    Directory(Listing),
}

impl Before {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or is not whole.
    pub(super) fn load(path: &Path) -> Result<Self, SurveyError> {
        let (bytes, summary) = tree::load(path).map_err(SurveyError::Keeping)?.ok_or(SurveyError::Lost)?;
        let (mut at, mut places, mut listed) = (0, Vec::new(), Vec::new());
        while at < bytes.len() {
            let (record, next) = tree::read(&bytes, at).ok_or(SurveyError::Lost)?;
            match record {
                Read::Entry(_) => places.push(u32::try_from(at).map_err(|_| SurveyError::Lost)?),
                Read::Listing(number, listing) => listed.push((number, listing)),
            }
            at = next;
        }
        let mut order: Vec<u32> = (0..u32::try_from(places.len()).map_err(|_| SurveyError::Lost)?).collect();
        let path_of = |number: &u32| path_at(&bytes, places[*number as usize]);
        order.sort_unstable_by(|one, two| path_of(one).cmp(path_of(two)));
        let mut by_number = vec![Listing::Partial; places.len()];
        for (number, listing) in listed {
            if let Some(known) = by_number.get_mut(number as usize) {
                *known = listing;
            }
        }
        let index: Vec<_> = order.iter().map(|number| places[*number as usize]).collect();
        let listings = order.iter().map(|number| by_number[*number as usize]).collect();
        let now = vec![Now::Unseen; index.len()];
        Ok(Self { summary, bytes, index, targets: HashMap::new(), listings, now })
    }

    /// Gives the files that links of a class lead to, in the workspace and at once, the class of the link.
    pub(super) fn class_targets(&mut self, contents: &KeptContents) -> std::io::Result<()> {
        let mut targets = HashMap::new();
        for at in 0..self.index.len() {
            let record = self.record(at);
            if record.facts.kind == FileKind::Symlink
                && let (Some(class), Some(Kept::Whole { at, length })) = (record.class, record.kept)
                && let Some(target) = target(record.path, &contents.read(at, length)?)
                && let Some(found) = self.find(&target)
                && self.record(found).facts.kind == FileKind::File
            {
                targets.insert(found, class);
            }
        }
        self.targets = targets;
        Ok(())
    }

    /// How many paths are known.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// The place of `path` in the order.
    pub(super) fn find(&self, path: &[u8]) -> Option<usize> {
        self.index.binary_search_by(|at| path_at(&self.bytes, *at).cmp(path)).ok()
    }

    /// The paths below the directory `path`.
    pub(super) fn below(&self, path: &[u8]) -> impl Iterator<Item = usize> {
        let mut first = path.to_vec();
        first.push(b'/');
        let begin = self.index.partition_point(|at| path_at(&self.bytes, *at) < &*first);
        (begin..self.index.len()).take_while(move |at| path_at(&self.bytes, self.index[*at]).starts_with(&first))
    }

    /// What was there, by its place in the order.
    pub(super) fn record(&self, at: usize) -> Record<'_> {
        let Some((Read::Entry(mut record), _)) = tree::read(&self.bytes, self.index[at] as usize) else {
            unreachable!("it was read when the file was loaded")
        };
        record.class = record.class.or_else(|| self.targets.get(&at).copied());
        record
    }

    /// Whether a path that is not here was not there, as far as was looked. Of what would run later more is known.
    pub(super) fn lacked(&self, path: &[u8], watched: bool) -> bool {
        let needed = if watched { Listing::Watched } else { Listing::Full };
        let mut path = path;
        while let Some(parent) = parent(path) {
            if let Some(at) = self.find(parent) {
                return self.record(at).facts.kind != FileKind::Directory || self.listings[at] >= needed;
            }
            path = parent;
        }
        self.summary.listing >= needed
    }

    /// What was known of the names in the directory `path`; everything when it was not there.
    pub(super) fn knew(&self, path: &[u8]) -> bool {
        match self.find(path) {
            Some(at) => self.record(at).facts.kind != FileKind::Directory || self.listings[at] >= Listing::Watched,
            None => self.lacked(path, true),
        }
    }

    /// Whether a path that was not found is not there now, as far as was looked. `root` is what is known of the workspace's
    /// own names.
    pub(super) fn is_gone(&self, at: usize, root: Listing) -> bool {
        let record = self.record(at);
        let watched = record.class.is_some() || record.facts.kind == FileKind::Directory;
        let needed = if watched { Listing::Watched } else { Listing::Full };
        let mut path = record.path;
        while let Some(parent) = parent(path) {
            match self.find(parent).map(|at| self.now[at]) {
                Some(Now::Directory(listing)) => return listing >= needed,
                Some(Now::Other) => return true,
                Some(Now::Unseen) | None => path = parent,
            }
        }
        root >= needed
    }
}

/// The path of the directory that `path` lies in, unless that is the workspace.
pub(super) fn parent(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|byte| *byte == b'/').map(|at| &path[..at])
}

fn path_at(bytes: &[u8], at: u32) -> &[u8] {
    let at = at as usize;
    let length = usize::from(u16::from_le_bytes([bytes[at + 1], bytes[at + 2]]));
    &bytes[at + 3..at + 3 + length]
}
