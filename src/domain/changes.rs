//! What a session changed in its workspace: paths, kinds, sizes and differences, all of it bounded.

use std::collections::HashSet;
use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Timestamp, TurnId};

/// What a session changed in its workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Changes {
    /// What changed, by path. Files that would run later are listed before the list is full of others.
    pub files: Vec<Change>,
    /// How much changed, whether it is listed or not.
    pub totals: Totals,
    /// What is left out.
    pub shortened: Shortened,
    /// What was undone and kept, or should have been.
    pub quarantined: Vec<Quarantined>,
    /// What was not looked at, although something there might run later.
    #[serde(default)]
    pub incomplete: Incomplete,
}

/// Places that were not looked at completely. They are not clean: nobody knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Incomplete {
    /// How many there are; 0 when everything that might run later was looked at.
    pub count: u64,
    /// The first of them, as [`show_path`] shows them; empty for the workspace itself.
    pub places: Vec<String>,
    /// Whether another attempt may come further.
    pub again: bool,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Change {
    /// Where, below the workspace, as [`show_path`] shows it.
    pub path: String,
    /// What happened.
    pub kind: ChangeKind,
    /// What it is, or was when it is gone.
    pub file: FileKind,
    /// How large it was before; absent when it was not there.
    pub size_before: Option<u64>,
    /// How large it is; absent when it is gone.
    pub size: Option<u64>,
    /// Its permission bits before.
    pub mode_before: Option<u32>,
    /// Its permission bits as the session left them.
    pub mode: Option<u32>,
    /// When it would run later on somebody's host: by what.
    pub class: Option<FileClass>,
    /// Whether it had bits that make it run as its owner or group, and what became of them: they are always taken off.
    pub privilege: Option<Undone>,
    /// The difference, as a unified diff, of a text that was and is small enough.
    pub diff: Option<String>,
    /// Whether its contents are not looked at because the workspace's owner may not read them.
    #[serde(default)]
    pub withheld: bool,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It holds something else, or is something else.
    Changed,
    /// Its permissions alone differ.
    Mode,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A socket, a pipe or a device.
    Other,
}

/// By what a file would run later on somebody's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileClass {
    /// Git, by itself.
    GitHook,
    /// Git, told by its configuration.
    GitConfig,
    /// A coding agent that heeds it.
    Agent,
    /// An editor that opens the directory.
    Editor,
    /// A shell that enters the directory, or starts.
    Shell,
    /// A build server.
    Ci,
    /// A package manager.
    Package,
    /// A build tool.
    Build,
    /// Whoever calls it: it may be executed, and could not before.
    Executable,
}

/// Whether something was undone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Undone {
    /// It was.
    Yes,
    /// It could not be, for this reason.
    No(String),
}

/// A change that was to be undone, and what the session had left there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Quarantined {
    /// Where, as [`show_path`] shows it.
    pub path: String,
    /// Whether the workspace is as before there.
    pub undone: Undone,
    /// What the session had left there: a file's contents, or where a link led; absent when it had removed it.
    #[serde(default, serialize_with = "encode", deserialize_with = "decode")]
    pub contents: Option<Vec<u8>>,
    /// Whether that is all of it.
    pub whole: bool,
    /// Where it is now, when it was not to be removed: it is not the workspace owner's, or one of a flood.
    #[serde(default)]
    pub moved_to: Option<String>,
}

/// What a turn changed, as it is kept.
#[derive(Clone, Debug)]
pub struct TurnChanges {
    /// The turn.
    pub turn: TurnId,
    /// What it changed, or why that is not known.
    pub changes: Result<Changes, String>,
    /// When the workspace was looked over.
    pub at: Timestamp,
}

/// A file of a session: what it had left where its change was to be undone.
#[derive(Clone, Debug)]
pub struct SessionFile {
    /// Its number in the session, from 1.
    pub number: i64,
    /// The turn that changed it.
    pub turn: TurnId,
    /// Where it was, as [`show_path`] shows it.
    pub path: String,
    /// Whether the workspace is as before there.
    pub undone: Undone,
    /// What its contents are stored as; absent when the session had removed it, or they could not be stored.
    pub stored: Option<String>,
    /// How many bytes are stored.
    pub size_bytes: Option<u64>,
    /// Whether that is all of it.
    pub whole: bool,
    /// Where it is now in the workspace, when it was moved rather than removed.
    pub moved_to: Option<String>,
    /// When it was undone.
    pub at: Timestamp,
}

/// How much changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Totals {
    /// Paths that are new.
    pub added: u64,
    /// Paths that are gone.
    pub removed: u64,
    /// Paths that hold something else.
    pub changed: u64,
    /// Paths whose permissions alone differ.
    pub mode: u64,
    /// Of all these, the files that would run later.
    pub executables: u64,
}

/// What is left out of [`Changes`], and for which bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each tells of another bound")]
pub struct Shortened {
    /// The workspace holds more than is looked at: too many files, too deep, names too long.
    pub unseen: bool,
    /// Some directories could not be read.
    pub unreadable: bool,
    /// More changed than is listed.
    pub files: bool,
    /// Some differences are left out or cut short.
    pub diffs: bool,
    /// More was kept of texts than there is room for, so some changes have no difference or could not be undone.
    pub contents: bool,
}

impl Totals {
    /// Counts a change, of a file that would run later or not.
    pub const fn count(&mut self, kind: ChangeKind, runs_later: bool) {
        self.executables += runs_later as u64;
        *match kind {
            ChangeKind::Added => &mut self.added,
            ChangeKind::Removed => &mut self.removed,
            ChangeKind::Changed => &mut self.changed,
            ChangeKind::Mode => &mut self.mode,
        } += 1;
    }
}

impl Quarantined {
    /// A change of which nothing is kept.
    pub const fn new(path: String, undone: Undone) -> Self {
        Self { path, undone, contents: None, whole: false, moved_to: None }
    }
}

impl Changes {
    /// Adds what an earlier look at the same turn found and this one does not: what was undone by then.
    #[must_use]
    pub fn after(mut self, earlier: Self) -> Self {
        let known: HashSet<_> = self.files.iter().map(|change| change.path.clone()).collect();
        for change in earlier.files.into_iter().filter(|change| change.class.is_some() && !known.contains(&change.path))
        {
            self.totals.count(change.kind, true);
            self.files.push(change);
        }
        self.files.sort_by(|one, two| one.path.cmp(&two.path));
        self
    }

    /// The changes of files that would run later on somebody's host.
    pub fn executables(&self) -> impl Iterator<Item = &Change> {
        self.files.iter().filter(|change| change.class.is_some())
    }

    /// Whether the workspace is as before, as far as was looked.
    pub fn is_empty(&self) -> bool {
        self.totals == Totals::default()
    }
}

/// Shows a path's bytes as a text that tells every one of them: UTF-8 as it is, a backslash doubled, and control
/// characters and bytes that are no UTF-8 as `\xHH`.
pub fn show_path(path: &[u8]) -> String {
    let mut shown = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\\' => shown.push_str("\\\\"),
                letter if letter.is_control() => {
                    escape(&mut shown, letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                letter => shown.push(letter),
            }
        }
        escape(&mut shown, chunk.invalid());
    }
    shown
}

fn escape(shown: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(shown, "\\x{byte:02x}");
    }
}

/// Reads what [`show_path`] shows.
pub fn read_path(shown: &str) -> Option<Vec<u8>> {
    let mut path = Vec::with_capacity(shown.len());
    let mut rest = shown.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'\\', [b'\\', after @ ..]) => {
                path.push(b'\\');
                after
            }
            (b'\\', [b'x', high, low, after @ ..]) => {
                let digits = [*high, *low];
                path.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                after
            }
            (b'\\', _) => return None,
            _ => {
                path.push(first);
                after
            }
        };
    }
    Some(path)
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn encode<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(serializer)
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| STANDARD.decode(text).map_err(serde::de::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn odd_names_are_shown_on_one_line_and_told_apart() {
        assert_eq!(show_path("schön/ok.rs".as_bytes()), "schön/ok.rs");
        assert_eq!(show_path(b"a\nb\xff\\"), r"a\x0ab\xff\\");
        assert_eq!(read_path(r"a\q"), None);
    }

    proptest! {
        #[test]
        fn a_path_that_is_shown_can_be_read_back(path in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(read_path(&show_path(&path)), Some(path));
        }

        #[test]
        fn kept_contents_cross_a_socket_unharmed(contents in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40))) {
            let kept = Quarantined { contents, whole: true, ..Quarantined::new("x".to_owned(), Undone::Yes) };
            let sent = serde_json::to_string(&kept).unwrap();
            prop_assert_eq!(serde_json::from_str::<Quarantined>(&sent).unwrap(), kept);
        }
    }
}
