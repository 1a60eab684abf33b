//! What is kept of files as they were: in a file without a name, so that neither a crash nor a full memory comes of it.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{Mode, OFlags, fstat, openat2, readlinkat};
use rustix::io::Errno;

use super::SurveyBounds;
use super::walk::{Found, beneath, facts};
use crate::domain::FileKind;

/// How much of a file is looked at to tell a text from other things.
const SNIFFED: usize = 8 << 10;

/// How much is hashed of a file that is too large to be kept, at most.
const HASHED_BYTES: u64 = 64 << 20;

/// The contents that were kept.
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
}

/// What is read of a file.
#[derive(Debug)]
pub(super) enum Contents {
    /// All of it.
    Whole(Vec<u8>),
    /// It is larger than is read: the beginning.
    Beginning(Vec<u8>),
}

impl Keeper {
    pub(super) fn new(bounds: &SurveyBounds) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, tempfile::tempfile_in(&bounds.directory)?);
        Ok(Self { file, end: 0, text: 0, executables: 0, hashed: 0, full: false })
    }

    /// Keeps what was found, if it is of the sort that is kept and there is room.
    pub(super) fn keep(&mut self, found: &Found<'_>, bounds: &SurveyBounds) -> io::Result<Option<Kept>> {
        let Some(most) = most(found, bounds) else { return Ok(None) };
        let classed = found.class.is_some();
        let used = if classed { self.executables } else { self.text };
        if found.facts.size.min(most) > bounds.kept_bytes.saturating_sub(used) {
            self.full = true;
            return Ok(None);
        }
        if found.facts.size > most {
            return Ok(self.hash(found));
        }
        let Ok(Contents::Whole(contents)) = read(found.parent, found.name, found.facts.kind, most) else {
            return Ok(None);
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

    /// Reads back what was kept.
    pub(super) fn read(&mut self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        self.file.flush()?;
        let mut contents = vec![0; length];
        self.file.get_ref().read_exact_at(&mut contents, at)?;
        Ok(contents)
    }

    fn hash(&mut self, found: &Found<'_>) -> Option<Kept> {
        if found.class.is_none() || found.facts.size > HASHED_BYTES - self.hashed {
            self.full |= found.class.is_some();
            return None;
        }
        self.hashed += found.facts.size;
        hash(found.parent, found.name, found.facts.size).map(Kept::Hash)
    }
}

/// The most that is read of what was found; `None` when its contents are nobody's business.
pub(super) fn most(found: &Found<'_>, bounds: &SurveyBounds) -> Option<u64> {
    match (found.class, found.facts.kind) {
        (_, FileKind::Directory | FileKind::Other) => None,
        (Some(_), _) => Some(bounds.executable_bytes),
        (None, FileKind::File) if !found.internal && found.facts.size <= bounds.text_bytes => Some(bounds.text_bytes),
        (None, _) => None,
    }
}

/// Reads a file, or where a link leads, up to `most` bytes.
pub(super) fn read(parent: BorrowedFd<'_>, name: &CStr, kind: FileKind, most: u64) -> Result<Contents, Errno> {
    if kind == FileKind::Symlink {
        return readlinkat(parent, name, Vec::new()).map(|target| Contents::Whole(target.into_bytes()));
    }
    let mut contents = Vec::new();
    let file = open(parent, name)?;
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
pub(super) fn hash(parent: BorrowedFd<'_>, name: &CStr, size: u64) -> Option<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(open(parent, name).ok()?.take(size)).ok()?;
    Some(*hasher.finalize().as_bytes())
}

/// Opens a regular file. Should it have become a pipe since it was looked at, opening it waits for nobody.
fn open(parent: BorrowedFd<'_>, name: &CStr) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = openat2(parent, name, flags, Mode::empty(), beneath())?;
    if facts(&fstat(&opened)?).kind == FileKind::File { Ok(File::from(opened)) } else { Err(Errno::INVAL) }
}

/// Whether bytes are a text, as far as a difference of lines goes.
pub(super) fn is_text(contents: &[u8]) -> bool {
    !contents[..contents.len().min(SNIFFED)].contains(&0) && std::str::from_utf8(contents).is_ok()
}
