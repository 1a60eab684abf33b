//! What a walk may still look at, and what it missed.

use std::collections::HashMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::SurveyBounds;
use super::queue::Item;
use crate::domain::FileClass;

/// Places that are named of all that were not looked at.
const NAMED: usize = 20;

/// Names between two looks at the clock.
const NAMES_PER_LOOK: usize = 256;

/// What was not seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Missed {
    /// Files were not told of, or places not looked at.
    pub(super) unseen: bool,
    /// Directories could not be read.
    pub(super) unreadable: bool,
    /// Directories not all of whose names were read, or not all that would run later among them looked at: the first ones.
    pub(super) places: Vec<Vec<u8>>,
    /// How many there are of these.
    pub(super) count: u64,
    /// Directories of files that would run later with more names than are looked at.
    pub(super) flooded: Vec<Vec<u8>>,
}

/// What may still be looked at.
pub(super) struct Budget<'a> {
    pub(super) bounds: &'a SurveyBounds,
    pub(super) missed: Missed,
    names: usize,
    directories: usize,
    files: usize,
    bulk: usize,
    /// Of each class.
    watched: usize,
    classes: HashMap<FileClass, usize>,
    places: Vec<Place>,
    sequence: u64,
    ends: Instant,
    late: bool,
}

/// A directory all of whose files would run later.
struct Place {
    path: Box<[u8]>,
    names: usize,
}

impl Missed {
    /// Notes a directory that was not looked at completely.
    pub(super) fn leave(&mut self, item: &Item) {
        self.unseen = true;
        // What tools fill holds nothing that is watched for.
        if !item.around.bulk() {
            self.leave_at(&item.path);
        }
    }

    /// Forgets the floods that were moved away: nothing in them would run later any more.
    pub(super) fn settle(&mut self, moved: &[Vec<u8>]) {
        let is_in = |place: &Vec<u8>, flood: &Vec<u8>| {
            place.strip_prefix(&**flood).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        let left = self.places.len();
        self.places.retain(|place| !moved.iter().any(|flood| is_in(place, flood)));
        self.count -= (left - self.places.len()) as u64;
    }

    /// Notes the directory at `path`.
    pub(super) fn leave_at(&mut self, path: &[u8]) {
        self.unseen = true;
        if self.places.iter().any(|place| place == path) {
            return;
        }
        self.count += 1;
        if self.places.len() < NAMED {
            self.places.push(path.to_vec());
        }
    }
}

impl<'a> Budget<'a> {
    /// The budget of a walk that gives each class `watched` files.
    pub(super) fn new(bounds: &'a SurveyBounds, watched: usize) -> Self {
        Self {
            missed: Missed::default(),
            names: bounds.names,
            directories: bounds.entries,
            files: bounds.entries,
            bulk: bounds.entries / 2,
            watched,
            classes: HashMap::new(),
            places: Vec::new(),
            sequence: 0,
            ends: Instant::now() + bounds.deadline,
            late: false,
            bounds,
        }
    }

    /// Whether nothing more may be read.
    pub(super) fn is_spent(&mut self) -> bool {
        self.late |= Instant::now() >= self.ends;
        self.late || self.names == 0
    }

    /// Makes `path` a place, and returns its number.
    pub(super) fn new_place(&mut self, path: &[u8]) -> usize {
        self.places.push(Place { path: path.into(), names: self.bounds.place_entries });
        self.places.len() - 1
    }

    /// Takes a name off the budget, and off that of its place. Returns whether it may be looked at.
    pub(super) fn take_name(&mut self, place: Option<usize>) -> bool {
        if self.names == 0 || self.late || (self.names.is_multiple_of(NAMES_PER_LOOK) && self.is_spent()) {
            return false;
        }
        if let Some(place) = place.and_then(|place| self.places.get_mut(place)) {
            if place.names == 0 {
                if !self.missed.flooded.iter().any(|flooded| **flooded == *place.path) {
                    self.missed.flooded.push(place.path.to_vec());
                }
                return false;
            }
            place.names -= 1;
        }
        self.names -= 1;
        true
    }

    /// Takes what was found in the directory `item` off the budget. Returns whether it may be told of.
    pub(super) fn take_entry(&mut self, item: &Item, class: Option<FileClass>, is_directory: bool) -> bool {
        let left = if item.around.bulk() {
            &mut self.bulk
        } else if is_directory {
            &mut self.directories
        } else if let Some(class) = class {
            self.classes.entry(class).or_insert(self.watched)
        } else {
            &mut self.files
        };
        let within = *left > 0;
        *left = left.saturating_sub(1);
        within
    }

    /// The next number in the order in which directories are found.
    pub(super) fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}
