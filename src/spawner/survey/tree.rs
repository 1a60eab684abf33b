//! The file a workspace's first survey is written to: one record a path, in the order the paths were found, then what is known
//! of the whole. It outlives the process, and what is read back has to be whole: the file ends with its own hash.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::budget::Missed;
use super::facts::Facts;
use super::kept::Kept;
use super::queue::Listing;
use crate::domain::{FileClass, FileKind};
use crate::spawner::{FoundWorkspace, WorkspacePath};

/// Of the format: a file of another version cannot be used.
const VERSION: u32 = 1;

const KINDS: [FileKind; 4] = [FileKind::File, FileKind::Directory, FileKind::Symlink, FileKind::Other];
const CLASSES: [FileClass; 9] = [
    FileClass::GitHook,
    FileClass::GitConfig,
    FileClass::Agent,
    FileClass::Editor,
    FileClass::Shell,
    FileClass::Ci,
    FileClass::Package,
    FileClass::Build,
    FileClass::Executable,
];
const NO_CLASS: u8 = u8::MAX;

const ENTRY: u8 = 1;
const LISTING: u8 = 2;
const HASH_BYTES: usize = 32;
/// The length of what is known of the whole, and the hash.
const END_BYTES: usize = 4 + HASH_BYTES;

/// What is known of a survey as a whole.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Summary {
    pub(super) version: u32,
    pub(super) workspace: WorkspacePath,
    pub(super) found: FoundWorkspace,
    pub(super) missed: Missed,
    /// Whether something was not kept for want of room.
    pub(super) full: bool,
    /// Directories of hooks that configurations of repositories name.
    pub(super) hooks: Vec<Vec<u8>>,
    /// What is known of the workspace's own names.
    pub(super) listing: Listing,
}

/// One path as it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) path: &'a [u8],
    pub(super) facts: Facts,
    pub(super) class: Option<FileClass>,
    pub(super) kept: Option<Kept>,
}

/// What writes the file.
#[derive(Debug)]
pub(super) struct TreeWriter {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    records: u32,
    buffer: Vec<u8>,
}

impl Summary {
    pub(super) fn new(workspace: WorkspacePath, found: FoundWorkspace) -> Self {
        let (missed, listing) = (Missed::default(), Listing::Partial);
        Self { version: VERSION, workspace, found, missed, full: false, hooks: Vec::new(), listing }
    }
}

impl TreeWriter {
    pub(super) fn create(file: File) -> Self {
        let file = BufWriter::with_capacity(1 << 18, file);
        Self { file, hasher: blake3::Hasher::new(), records: 0, buffer: Vec::with_capacity(1 << 12) }
    }

    /// Writes a path down, and returns its number.
    pub(super) fn entry(&mut self, record: &Record<'_>) -> io::Result<u32> {
        let Record { path, facts, class, kept } = record;
        let length = u16::try_from(path.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.buffer.clear();
        self.buffer.push(ENTRY);
        self.buffer.extend(length.to_le_bytes());
        self.buffer.extend_from_slice(path);
        self.buffer.push(position(&KINDS, &facts.kind));
        self.buffer.push(class.map_or(NO_CLASS, |class| position(&CLASSES, &class)));
        for number in [facts.inode, facts.size] {
            self.buffer.extend(number.to_le_bytes());
        }
        for number in [facts.mode, facts.uid, facts.gid] {
            self.buffer.extend(number.to_le_bytes());
        }
        for (seconds, nanos) in [facts.written, facts.changed] {
            self.buffer.extend(seconds.to_le_bytes());
            self.buffer.extend(nanos.to_le_bytes());
        }
        match kept {
            None => self.buffer.push(0),
            Some(Kept::Whole { at, length }) => {
                self.buffer.push(1);
                self.buffer.extend(at.to_le_bytes());
                self.buffer.extend((*length as u64).to_le_bytes());
            }
            Some(Kept::Hash(hash)) => {
                self.buffer.push(2);
                self.buffer.extend(hash);
            }
            Some(Kept::Withheld) => self.buffer.push(3),
        }
        self.write()?;
        self.records += 1;
        Ok(self.records - 1)
    }

    /// Writes down what is known of the names in the directory with this number.
    pub(super) fn listing(&mut self, directory: u32, listing: Listing) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.push(LISTING);
        self.buffer.extend(directory.to_le_bytes());
        self.buffer.push(listing as u8);
        self.write()
    }

    /// Ends the file. Without this it cannot be read.
    pub(super) fn finish(mut self, summary: &Summary) -> io::Result<()> {
        self.buffer = serde_json::to_vec(summary)?;
        let length = u32::try_from(self.buffer.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.buffer.extend(length.to_le_bytes());
        self.write()?;
        let hash = self.hasher.finalize();
        self.file.write_all(hash.as_bytes())?;
        self.file.flush()
    }

    fn write(&mut self) -> io::Result<()> {
        self.hasher.update(&self.buffer);
        self.file.write_all(&self.buffer)
    }
}

/// Reads a file back: its bytes without the end, and what is known of the whole. `None` when it is not whole.
pub(super) fn load(path: &Path) -> io::Result<Option<(Vec<u8>, Summary)>> {
    let mut bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    Ok(summary(&bytes).map(|(length, summary)| {
        bytes.truncate(length);
        (bytes, summary)
    }))
}

fn summary(bytes: &[u8]) -> Option<(usize, Summary)> {
    let records = bytes.len().checked_sub(END_BYTES)?;
    let (hashed, hash) = bytes.split_at(records + 4);
    if blake3::hash(hashed).as_bytes() != hash {
        return None;
    }
    let length = u32::from_le_bytes(hashed[records..].try_into().ok()?);
    let begin = records.checked_sub(usize::try_from(length).ok()?)?;
    let summary: Summary = serde_json::from_slice(&hashed[begin..records]).ok()?;
    (summary.version == VERSION).then_some((begin, summary))
}

/// A record as it is read back.
#[derive(Debug)]
pub(super) enum Read<'a> {
    Entry(Record<'a>),
    Listing(u32, Listing),
}

/// Reads the record at `at`, and where the next one begins.
pub(super) fn read(bytes: &[u8], at: usize) -> Option<(Read<'_>, usize)> {
    let mut reader = Reader { bytes: bytes.get(at..)? };
    let read = match reader.byte()? {
        ENTRY => {
            let length = u16::from_le_bytes(reader.take()?);
            let path = reader.slice(usize::from(length))?;
            let kind = *KINDS.get(usize::from(reader.byte()?))?;
            let class = CLASSES.get(usize::from(reader.byte()?)).copied();
            let (inode, size) = (reader.long()?, reader.long()?);
            let [mode, uid, gid] = [reader.take()?, reader.take()?, reader.take()?].map(u32::from_le_bytes);
            let (written, changed) = (reader.time()?, reader.time()?);
            let kept = match reader.byte()? {
                1 => Some(Kept::Whole { at: reader.long()?, length: usize::try_from(reader.long()?).ok()? }),
                2 => Some(Kept::Hash(reader.take()?)),
                3 => Some(Kept::Withheld),
                _ => None,
            };
            Read::Entry(Record {
                path,
                facts: Facts { kind, inode, size, mode, uid, gid, written, changed },
                class,
                kept,
            })
        }
        LISTING => Read::Listing(u32::from_le_bytes(reader.take()?), Listing::read(reader.byte()?)),
        _ => return None,
    };
    Some((read, bytes.len() - reader.bytes.len()))
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(slice)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.slice(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn time(&mut self) -> Option<(i64, u64)> {
        Some((i64::from_le_bytes(self.take()?), self.long()?))
    }
}

fn position<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|other| *other == *one).and_then(|at| u8::try_from(at).ok()).unwrap_or(NO_CLASS)
}
