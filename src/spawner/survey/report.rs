//! The report of a comparison as it grows: changes, counts, differences, and what is to be undone, all of it bounded.

use serde::{Deserialize, Serialize};

use super::SurveyBounds;
use super::access::Owner;
use super::difference::{Difference, difference};
use super::facts::Facts;
use super::kept::Contents;
use super::quarantine::Undo;
use super::scripts::same_scripts;
use crate::domain::{Change, ChangeKind, Changes, FileClass, FileKind, Undone, show_path};

const EXECUTE: u32 = 0o111;

/// What a comparison is to do about what it finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Whether changes of files that would run later are undone.
    pub quarantine: bool,
    /// When the sandbox was gone, where that is a while ago: what changed after it was somebody else's doing and stays.
    /// In microseconds since the Unix epoch.
    pub until: Option<i64>,
}

/// A change as it comes to light.
pub(super) struct Light<'a> {
    pub(super) path: &'a [u8],
    pub(super) before: Option<(Facts, Option<Vec<u8>>)>,
    pub(super) after: Option<(Facts, Option<Contents>)>,
    pub(super) class: Option<FileClass>,
    pub(super) kind: ChangeKind,
    pub(super) privilege: Option<Undone>,
}

/// The report of a comparison as it grows.
pub(super) struct Report<'a> {
    bounds: &'a SurveyBounds,
    comparison: Comparison,
    owner: Owner,
    pub(super) changes: Changes,
    pub(super) undos: Vec<Undo>,
    /// Whether there is more to undo than is undone at a time.
    pub(super) more_undos: bool,
    ordinary: Vec<Change>,
    diff_left: usize,
    quarantine_left: usize,
}

impl<'a> Report<'a> {
    pub(super) fn new(bounds: &'a SurveyBounds, comparison: Comparison, owner: Owner) -> Self {
        Self {
            diff_left: bounds.diff_bytes,
            quarantine_left: bounds.quarantine_bytes,
            changes: Changes::default(),
            undos: Vec::new(),
            more_undos: false,
            ordinary: Vec::new(),
            bounds,
            comparison,
            owner,
        }
    }

    /// The changes in order of their paths, and what is to be undone.
    pub(super) fn finish(self) -> (Changes, Vec<Undo>) {
        let (mut changes, mut ordinary) = (self.changes, self.ordinary);
        changes.files.append(&mut ordinary);
        changes.files.sort_by(|one, two| one.path.cmp(&two.path));
        (changes, self.undos)
    }

    /// Writes a change down, if there is room, and notes what is to be undone.
    pub(super) fn add(&mut self, light: Light<'_>) {
        let Light { path, before, after, mut class, kind, privilege } = light;
        let (old, new) = (before.as_ref().map(|(facts, _)| *facts), after.as_ref().map(|(facts, _)| *facts));
        let regular = |facts: Option<Facts>| facts.is_none_or(|facts| facts.kind == FileKind::File);
        let comparable = regular(old) && regular(new);
        let old_contents = before.and_then(|(_, contents)| contents);
        let whole = matches!(after, None | Some((_, Some(Contents::Whole(_)))));
        let withheld = matches!(after, Some((_, Some(Contents::Withheld))))
            || new.is_some_and(|facts| facts.kind == FileKind::File && !self.owner.may_read(&facts));
        let new_contents = after.and_then(|(_, contents)| contents).and_then(|contents| match contents {
            Contents::Whole(contents) | Contents::Beginning(contents) => Some(contents),
            Contents::Withheld => None,
        });
        let known = comparable && whole && (old.is_none() || old_contents.is_some());
        if class == Some(FileClass::Package)
            && known
            && same_scripts(path, old_contents.as_deref(), new_contents.as_deref())
        {
            class = None;
        }
        if class.is_none() && gained_execution(old, new) {
            class = Some(FileClass::Executable);
        }
        self.count(kind, class);
        if self.comparison.quarantine && class.is_some_and(|class| class != FileClass::Executable) {
            self.put_away(path, old.is_some(), new, new_contents.as_deref(), whole);
        }
        if self.listed_of(class).len() >= self.bounds.changes {
            self.changes.shortened.files = true;
            return;
        }
        let shown = show_path(path);
        let fits = |facts: Option<Facts>| facts.is_none_or(|facts| facts.size <= self.bounds.text_bytes);
        let comparable = known && kind != ChangeKind::Mode && fits(old) && fits(new);
        let change = Change {
            diff: comparable.then(|| self.diff(&shown, old_contents.as_deref(), new_contents.as_deref())).flatten(),
            path: shown,
            kind,
            file: new.or(old).map_or(FileKind::Other, |facts| facts.kind),
            size_before: old.map(|facts| facts.size),
            size: new.map(|facts| facts.size),
            mode_before: old.map(|facts| facts.mode),
            mode: new.map(|facts| facts.mode),
            class,
            privilege,
            withheld,
        };
        self.listed_of(class).push(change);
    }

    fn listed_of(&mut self, class: Option<FileClass>) -> &mut Vec<Change> {
        if class.is_some() { &mut self.changes.files } else { &mut self.ordinary }
    }

    fn diff(&mut self, path: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> Option<String> {
        match difference(path, before, after, self.diff_left) {
            Difference::Text(text) => {
                self.diff_left -= text.len();
                Some(text)
            }
            Difference::TooLong => {
                self.changes.shortened.diffs = true;
                None
            }
            Difference::MadeInVain => {
                // Each may take its time, so few may be made for nothing.
                self.diff_left /= 2;
                self.changes.shortened.diffs = true;
                None
            }
            Difference::NoText => None,
        }
    }

    fn count(&mut self, kind: ChangeKind, class: Option<FileClass>) {
        self.changes.totals.count(kind, class.is_some());
    }

    fn put_away(&mut self, path: &[u8], was_there: bool, new: Option<Facts>, contents: Option<&[u8]>, whole: bool) {
        if self.undos.len() >= self.bounds.undos {
            self.more_undos = true;
            return;
        }
        let kept = contents.map(|contents| &contents[..contents.len().min(self.quarantine_left)]);
        self.quarantine_left -= kept.map_or(0, <[u8]>::len);
        let whole = whole && kept.map(<[u8]>::len) == contents.map(<[u8]>::len);
        let later = self.comparison.until.is_some_and(|until| new.is_none_or(|new| is_after(new.changed, until)));
        self.undos.push(Undo { path: path.into(), was_there, contents: kept.map(Into::into), whole, later });
    }
}

/// Whether a time of the kernel's is after a moment.
fn is_after((seconds, nanos): (i64, u64), moment: i64) -> bool {
    let micros = i64::try_from(nanos / 1000).unwrap_or_default();
    seconds.saturating_mul(1_000_000).saturating_add(micros) > moment
}

/// Whether a file may be executed that could not be, or was not there.
fn gained_execution(was: Option<Facts>, now: Option<Facts>) -> bool {
    let may =
        |facts: Option<Facts>| facts.is_some_and(|facts| facts.kind == FileKind::File && facts.mode & EXECUTE != 0);
    may(now) && !may(was)
}
