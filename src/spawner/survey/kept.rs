//! What is kept of files as they were: in a file of its own, so that a session takes no memory for it.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::readlinkat;
use rustix::io::Errno;

use super::SurveyBounds;
use super::access::{Owner, Unreadable};
use super::walk::Found;
use crate::domain::FileKind;

/// How much of a file is looked at to tell a text from other things.
const SNIFFED: usize = 8 << 10;

/// How much is hashed of a file that is too large to be kept, at most.
const HASHED_BYTES: u64 = 64 << 20;

/// What writes down contents.
#[derive(Debug)]
pub(super) struct Keeper {
    file: BufWriter<File>,
    end: u64,
    text: u64,
    executables: u64,
    hashed: u64,
    /// Whether something was not kept for want of room.
    pub(super) full: bool,
}

/// The contents that were kept.
#[derive(Debug)]
pub(super) struct KeptContents(File);

/// What is kept of one file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    /// All of it, from here on.
    Whole {
        /// Where it begins.
        at: u64,
        /// How long it is.
        length: usize,
    },
    /// What tells whether it is the same.
    Hash([u8; 32]),
    /// Nothing: the workspace's owner may not read it.
    Withheld,
}

/// What is read of a file.
#[derive(Debug)]
pub(super) enum Contents {
    /// All of it.
    Whole(Vec<u8>),
    /// It is larger than is read: the beginning.
    Beginning(Vec<u8>),
    /// The workspace's owner may not read it.
    Withheld,
}

impl Keeper {
    /// Writes to the empty `file`.
    pub(super) fn new(file: File) -> Self {
        let file = BufWriter::with_capacity(1 << 20, file);
        Self { file, end: 0, text: 0, executables: 0, hashed: 0, full: false }
    }

    /// Keeps what was found, if it is of the kind that is kept, its owner may read it and there is room.
    pub(super) fn keep(&mut self, found: &Found<'_>, bounds: &SurveyBounds) -> io::Result<Option<Kept>> {
        let Some(most) = max_bytes(found, bounds) else { return Ok(None) };
        let classed = found.class.is_some();
        let used = if classed { self.executables } else { self.text };
        if found.facts.size.min(most) > bounds.kept_bytes.saturating_sub(used) {
            self.full = true;
            return Ok(None);
        }
        if found.facts.size > most {
            return Ok(self.hash(found));
        }
        let contents = match read(found.owner, found.parent, found.name, found.facts.kind, most) {
            Ok(Contents::Whole(contents)) => contents,
            Ok(Contents::Withheld) => return Ok(Some(Kept::Withheld)),
            Ok(Contents::Beginning(_)) | Err(_) => return Ok(None),
        };
        if !classed && !is_text(&contents) {
            return Ok(None);
        }
        let length = contents.len() as u64;
        let kept = Kept::Whole { at: self.end, length: contents.len() };
        self.file.write_all(&contents)?;
        self.end += length;
        *(if classed { &mut self.executables } else { &mut self.text }) += length;
        Ok(Some(kept))
    }

    /// Ends the writing.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn hash(&mut self, found: &Found<'_>) -> Option<Kept> {
        if found.class.is_none() || found.facts.size > HASHED_BYTES - self.hashed {
            self.full |= found.class.is_some();
            return None;
        }
        self.hashed += found.facts.size;
        match hash(found.owner, found.parent, found.name, found.facts.size) {
            Ok(hash) => Some(Kept::Hash(hash)),
            Err(Unreadable::Withheld) => Some(Kept::Withheld),
            Err(Unreadable::System(_)) => None,
        }
    }
}

impl KeptContents {
    /// What was kept in `file`.
    pub(super) fn new(file: File) -> Self {
        Self(file)
    }

    /// Reads back what was kept.
    pub(super) fn read(&self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut contents = vec![0; length];
        self.0.read_exact_at(&mut contents, at)?;
        Ok(contents)
    }
}

/// How much is read of what was found, at most; `None` when its contents are nobody's business.
pub(super) fn max_bytes(found: &Found<'_>, bounds: &SurveyBounds) -> Option<u64> {
    match (found.class, found.facts.kind) {
        (_, FileKind::Directory | FileKind::Other) => None,
        (Some(_), _) => Some(bounds.executable_bytes),
        (None, FileKind::File) if !found.internal && found.facts.size <= bounds.text_bytes => Some(bounds.text_bytes),
        (None, _) => None,
    }
}

/// Reads a file, or where a link leads, up to `most` bytes, as far as the workspace's `owner` may.
pub(super) fn read(
    owner: Owner,
    parent: BorrowedFd<'_>,
    name: &CStr,
    kind: FileKind,
    most: u64,
) -> Result<Contents, Errno> {
    if kind == FileKind::Symlink {
        return readlinkat(parent, name, Vec::new()).map(|target| Contents::Whole(target.into_bytes()));
    }
    let mut contents = Vec::new();
    let file = match owner.open(parent, name) {
        Ok(file) => file,
        Err(Unreadable::Withheld) => return Ok(Contents::Withheld),
        Err(Unreadable::System(errno)) => return Err(errno),
    };
    file.take(most + 1)
        .read_to_end(&mut contents)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    if contents.len() as u64 <= most {
        return Ok(Contents::Whole(contents));
    }
    contents.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(Contents::Beginning(contents))
}

/// The hash of a file of about `size` bytes.
pub(super) fn hash(owner: Owner, parent: BorrowedFd<'_>, name: &CStr, size: u64) -> Result<[u8; 32], Unreadable> {
    let mut hasher = blake3::Hasher::new();
    let read = hasher.update_reader(owner.open(parent, name)?.take(size));
    read.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    Ok(*hasher.finalize().as_bytes())
}

/// Whether bytes are a text, as far as a difference of lines goes.
pub(super) fn is_text(contents: &[u8]) -> bool {
    !contents[..contents.len().min(SNIFFED)].contains(&0) && std::str::from_utf8(contents).is_ok()
}
