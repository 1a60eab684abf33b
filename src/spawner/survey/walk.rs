//! Walking through a workspace that somebody hostile filled, on open descriptors only.
//!
//! Each directory is opened from the workspace down, and only if it is one: the kernel follows no link and leaves the
//! filesystem nowhere (`openat2`). Nothing else is opened here. Directories wait in a queue: those that may hold what runs
//! later first, then the others, the upper before the lower, and last what tools fill and what remains of directories with
//! floods of names. So a flood is read when everything else has been, and what a bound cuts off is the flood.

use std::collections::{BinaryHeap, HashSet};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Dir, FileType};
use rustix::io::Errno;

use super::access::Owner;
use super::budget::{Budget, Missed};
use super::classes::{is_known, known_names};
use super::facts::{Facts, kind, look, open_directory};
use super::queue::{Item, Listing, Tier};
use crate::domain::{FileClass, FileKind};

/// Names of a directory that are read before others have their turn.
const NAMES_AT_ONCE: usize = 10_000;

/// The number of the workspace itself.
pub(super) const ROOT: u32 = u32::MAX;

/// The number of what a visitor does not want to hear of again.
pub(super) const UNKNOWN: u32 = u32::MAX - 1;

/// Something that was found, its parent held open.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) parent: BorrowedFd<'a>,
    pub(super) name: &'a CStr,
    pub(super) path: &'a [u8],
    pub(super) facts: Facts,
    /// By what it would run later.
    pub(super) class: Option<FileClass>,
    /// Whether its contents matter to nobody: tools made them.
    pub(super) internal: bool,
    /// Who may read it.
    pub(super) owner: Owner,
}

/// Who is told of what is found.
pub(super) trait Visitor {
    /// Why the walk has to end.
    type Error;

    /// Whether files beyond the bounds are to be looked at too, for [`Self::beyond`].
    const WANTS_ALL: bool;

    /// Something was found. Returns the number under which its names are reported, if it is a directory.
    fn visit(&mut self, found: &Found<'_>) -> Result<u32, Self::Error>;

    /// A file was found that is beyond the bounds.
    fn beyond(&mut self, _found: &Found<'_>) {}

    /// A directory is about to be read. Returns the path of another one, below it, whose files are all hooks.
    fn entered(&mut self, _directory: &OwnedFd, _path: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// The names in a directory were read, as far as they are.
    fn listed(&mut self, directory: u32, listing: Listing) -> Result<(), Self::Error>;
}

/// One walk through a workspace.
pub(super) struct Walk<'a, V> {
    workspace: BorrowedFd<'a>,
    owner: Owner,
    budget: Budget<'a>,
    visitor: &'a mut V,
    queue: BinaryHeap<Item>,
    /// Directories of hooks, beyond those that are known by name.
    hooks: HashSet<Vec<u8>>,
}

/// What is being read of one directory.
struct Reading<'a> {
    item: &'a Item,
    opened: &'a OwnedFd,
    /// The known names that were looked at.
    asked: HashSet<CString>,
    listing: Listing,
}

impl<'a, V: Visitor> Walk<'a, V> {
    pub(super) fn new(
        workspace: BorrowedFd<'a>,
        owner: Owner,
        budget: Budget<'a>,
        visitor: &'a mut V,
        hooks: HashSet<Vec<u8>>,
    ) -> Self {
        Self { workspace, owner, budget, visitor, queue: BinaryHeap::new(), hooks }
    }

    /// Reports everything in the workspace to the visitor. Returns what was missed.
    ///
    /// # Errors
    /// Those of the visitor, and `unreadable` of the kernel's reason when the workspace itself cannot be read.
    pub(super) fn run(mut self, unreadable: impl FnOnce(Errno) -> V::Error) -> Result<Missed, V::Error> {
        match open_directory(self.workspace, c".") {
            Ok(opened) => self.directory(&Item::root(), &opened)?,
            Err(errno) => return Err(unreadable(errno)),
        }
        while let Some(item) = self.queue.pop() {
            if self.budget.is_spent() {
                self.budget.missed.leave(&item);
                continue;
            }
            match self.open(&item) {
                Ok(Some(opened)) => self.directory(&item, &opened)?,
                // Gone meanwhile.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                // Another filesystem, or closed to the owner or to this process.
                Ok(None) | Err(Errno::XDEV) => self.budget.missed.unreadable = true,
                Err(_) => {
                    self.budget.missed.unreadable = true;
                    self.budget.missed.leave(&item);
                }
            }
        }
        Ok(self.budget.missed)
    }

    fn open(&self, item: &Item) -> Result<Option<OwnedFd>, Errno> {
        // The workspace itself waits too when it has a flood of names, and its path is empty.
        let path = if item.path.is_empty() { b"." } else { &*item.path };
        let path = CString::new(path).map_err(|_| Errno::INVAL)?;
        let opened = open_directory(self.workspace, &path)?;
        Ok(self.owner.may_enter(opened.as_fd())?.then_some(opened))
    }

    /// Learns what a directory is, before its names are read.
    fn enter(&mut self, item: &Item, opened: &OwnedFd) -> Item {
        let mut entered = item.clone();
        if item.number != ROOT {
            let hooks = self.hooks.contains(&*item.path);
            entered.around = item.around.enter(item.name(), is_repository(opened), hooks);
            if entered.place.is_none() && entered.around.inherited().is_some() {
                entered.place = Some(self.budget.new_place(&item.path));
            }
        }
        if !entered.around.bulk() {
            self.hooks.extend(self.visitor.entered(opened, &item.path));
        }
        entered
    }

    /// Reads the names in a directory, from where that was left off.
    fn directory(&mut self, item: &Item, opened: &OwnedFd) -> Result<(), V::Error> {
        let entered = item.offset.is_none().then(|| self.enter(item, opened));
        let item = entered.as_ref().unwrap_or(item);
        let mut reading = Reading { item, opened, asked: item.asked.clone(), listing: item.listing };
        if item.number == ROOT && item.offset.is_none() {
            self.ask(&mut reading)?;
        }
        let Ok(mut stream) = Dir::read_from(opened) else {
            self.budget.missed.unreadable = true;
            self.budget.missed.leave(item);
            return Ok(());
        };
        if let Some(offset) = item.offset
            && stream.seek(offset).is_err()
        {
            self.budget.missed.leave(item);
            return Ok(());
        }
        let mut read = 0;
        while let Some(entry) = stream.read() {
            let Ok(entry) = entry else {
                self.budget.missed.unreadable = true;
                reading.listing = Listing::Partial;
                break;
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || reading.asked.contains(name) {
                continue;
            }
            if is_known(name.to_bytes()) {
                reading.asked.insert(name.to_owned());
            }
            if !self.budget.take_name(item.place) {
                reading.listing = Listing::Partial;
                break;
            }
            self.name(&mut reading, name, entry.file_type())?;
            read += 1;
            if read == NAMES_AT_ONCE {
                if item.number != ROOT && item.offset.is_none() && item.place.is_none() && !item.around.bulk() {
                    self.ask(&mut reading)?;
                }
                let Reading { asked, listing, .. } = reading;
                let rest = Item { offset: Some(entry.offset()), asked, listing, ..item.clone() };
                self.queue.push(rest.last());
                return Ok(());
            }
        }
        if reading.listing == Listing::Partial {
            self.budget.missed.leave(item);
        }
        self.budget.missed.unseen |= reading.listing != Listing::Full;
        self.visitor.listed(item.number, reading.listing)
    }

    /// Asks for the names under which something would run later, one by one.
    fn ask(&mut self, reading: &mut Reading<'_>) -> Result<(), V::Error> {
        for name in known_names() {
            let Ok(name) = CString::new(*name) else { continue };
            if !reading.asked.contains(&name) && look(reading.opened.as_fd(), &name).is_ok() {
                self.name(reading, &name, FileType::Unknown)?;
                reading.asked.insert(name);
            }
        }
        Ok(())
    }

    /// Looks at one name in a directory.
    fn name(&mut self, reading: &mut Reading<'_>, name: &CStr, file_type: FileType) -> Result<(), V::Error> {
        let Reading { item, opened, listing, .. } = reading;
        let mut known = None;
        if file_type == FileType::Unknown {
            match look(opened.as_fd(), name) {
                Ok(facts) => known = Some(facts),
                Err(Errno::NOENT) => return Ok(()),
                Err(_) => {
                    *listing = Listing::Partial;
                    return Ok(());
                }
            }
        }
        let found_kind = known.map_or_else(|| kind(file_type), |facts| facts.kind);
        let class = item.around.class(name.to_bytes(), found_kind);
        let is_directory = found_kind == FileKind::Directory;
        let mut path = item.path.to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.to_bytes());
        let fits = path.len() <= self.budget.bounds.path_bytes;
        let within = fits && self.budget.take_entry(item, class, is_directory);
        if !within {
            let matters = (is_directory || class.is_some() || !fits) && !item.around.bulk();
            *listing = (*listing).min(if matters { Listing::Partial } else { Listing::Watched });
            if !V::WANTS_ALL || is_directory {
                return Ok(());
            }
        }
        let facts = match known.map_or_else(|| look(opened.as_fd(), name), Ok) {
            Ok(facts) => facts,
            Err(Errno::NOENT) => return Ok(()),
            Err(_) => {
                *listing = Listing::Partial;
                return Ok(());
            }
        };
        let internal = item.around.bulk() || item.around.in_repository();
        let owner = self.owner;
        let found = Found { parent: opened.as_fd(), name, path: &path, facts, class, internal, owner };
        if !within {
            self.visitor.beyond(&found);
            return Ok(());
        }
        let number = self.visitor.visit(&found)?;
        if facts.kind == FileKind::Directory {
            self.enqueue(item, name, path, number);
        }
        Ok(())
    }

    fn enqueue(&mut self, item: &Item, name: &CStr, path: Vec<u8>, number: u32) {
        let tier = if item.around.leads_to_bulk(name.to_bytes()) {
            Tier::Bulk
        } else if item.around.leads_to_classes(name.to_bytes()) || self.hooks.contains(&path) {
            Tier::Watched
        } else {
            Tier::Other
        };
        let below = item.below(path, tier, number, self.budget.next());
        if below.depth >= self.budget.bounds.depth {
            self.budget.missed.leave(&below);
        } else {
            self.queue.push(below);
        }
    }
}

/// Whether a directory is what Git takes for a repository: it runs the hooks of one that lies in a workspace, whatever
/// its name.
fn is_repository(directory: &OwnedFd) -> bool {
    [c"HEAD", c"objects", c"refs"].into_iter().all(|name| look(directory.as_fd(), name).is_ok())
}
