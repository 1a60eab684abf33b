//! What is known of a directory for the sake of what lies in it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use super::table::{BULK, TABLE};
use crate::domain::FileClass::GitHook;
use crate::domain::{FileClass, FileKind};

/// Git puts these beside the hooks, and runs none of them.
const NO_HOOK: &str = ".sample";

/// Directories of a repository's own that hold further repositories.
const OF_REPOSITORIES: &[&str] = &["modules", "worktrees"];

/// How tools spell names that the table has in small letters.
const SPELLINGS: &[&str] = &[
    "AGENTS.md",
    "CLAUDE.local.md",
    "CLAUDE.md",
    "CMakeLists.txt",
    "GEMINI.md",
    "GNUmakefile",
    "Gemfile",
    "Jenkinsfile",
    "Justfile",
    "Makefile",
    "Rakefile",
    "Taskfile.yaml",
    "Taskfile.yml",
];

/// The rules by the last name of their pattern, in small letters.
static BY_LAST_NAME: LazyLock<HashMap<&'static str, Vec<Rule>>> = LazyLock::new(|| {
    let mut rules: HashMap<_, Vec<_>> = HashMap::new();
    for &(pattern, class) in TABLE.iter().filter(|(pattern, _)| !pattern.starts_with('*')) {
        let (path, below) = pattern.strip_suffix("/**").map_or((pattern, false), |path| (path, true));
        let (parents, last) = path.rsplit_once('/').map_or((None, path), |(parents, last)| (Some(parents), last));
        rules.entry(last).or_default().push(Rule { parents, below, class });
    }
    rules
});

/// The names that patterns begin with, and how tools spell them.
static KNOWN_NAMES: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let patterns = TABLE.iter().map(|(pattern, _)| *pattern).filter(|pattern| !pattern.starts_with('*'));
    let first = patterns.filter_map(|pattern| pattern.split('/').next());
    first.chain(SPELLINGS.iter().copied()).collect()
});

/// Endings that patterns ask for, and what runs such files.
static BY_ENDING: LazyLock<Vec<(&'static str, FileClass)>> =
    LazyLock::new(|| TABLE.iter().filter_map(|&(pattern, class)| Some((pattern.strip_prefix('*')?, class))).collect());

/// Names of directories in patterns, with the first pattern's class.
static BY_DIRECTORY: LazyLock<HashMap<&'static str, FileClass>> = LazyLock::new(|| {
    let mut found = HashMap::new();
    for &(pattern, class) in TABLE {
        for parent in pattern.split('/').rev().skip(1) {
            found.entry(parent).or_insert(class);
        }
    }
    found
});

#[derive(Debug)]
struct Rule {
    parents: Option<&'static str>,
    below: bool,
    class: FileClass,
}

/// What is known of a directory for the sake of what lies in it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Surroundings(Option<Arc<Directory>>);

#[derive(Debug)]
struct Directory {
    above: Surroundings,
    /// In small letters; a repository's own directory is `.git` whatever its name.
    name: Box<str>,
    /// What everything below it is.
    inherited: Option<FileClass>,
    bulk: bool,
    in_repository: bool,
}

/// The names under which something in any directory would run later, in the letters tools use. No flood of other names can keep
/// anybody from asking for them.
pub(in super::super) fn known_names() -> impl Iterator<Item = &'static &'static str> {
    KNOWN_NAMES.iter()
}

/// Whether `name` is one of these.
pub(in super::super) fn is_known(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| KNOWN_NAMES.contains(name))
}

impl Surroundings {
    /// The surroundings of what lies in the directory `name` of this one. With `hooks` its files are hooks whatever its name.
    pub(in super::super) fn enter(&self, name: &[u8], is_repository: bool, hooks: bool) -> Self {
        let name = if is_repository { ".git".to_owned() } else { small(name) };
        let by_rule = || self.rule(&name).filter(|rule| rule.below).map(|rule| rule.class);
        let inherited = self.inherited().or_else(|| if hooks { Some(GitHook) } else { by_rule() });
        let mut entered = Directory {
            above: self.clone(),
            bulk: self.bulk(),
            in_repository: self.in_repository() || name == ".git",
            name: name.into_boxed_str(),
            inherited,
        };
        entered.bulk |= BULK.iter().any(|bulk| {
            let (parents, last) = bulk.rsplit_once('/').map_or((None, *bulk), |(parents, last)| (Some(parents), last));
            *entered.name == *last && parents.is_none_or(|parents| self.ends_with(parents))
        });
        Self(Some(Arc::new(entered)))
    }

    /// Whether it is, or lies below, a directory whose contents tools make.
    pub(in super::super) fn bulk(&self) -> bool {
        self.0.as_ref().is_some_and(|directory| directory.bulk)
    }

    /// Whether it is, or lies below, a repository's own directory.
    pub(in super::super) fn in_repository(&self) -> bool {
        self.0.as_ref().is_some_and(|directory| directory.in_repository)
    }

    /// What every file in it is, when all are of one class.
    pub(in super::super) fn inherited(&self) -> Option<FileClass> {
        self.0.as_ref().and_then(|directory| directory.inherited)
    }

    /// What runs the thing `name` in this directory. A directory is run by nothing; a link in the place of one that may hold
    /// what runs leads to other things that do.
    pub(in super::super) fn class(&self, name: &[u8], kind: FileKind) -> Option<FileClass> {
        let name = small(name);
        if kind == FileKind::Directory || self.bulk() || (self.inherited() == Some(GitHook) && name.ends_with(NO_HOOK))
        {
            return None;
        }
        let by_name = || self.rule(&name).map(|rule| rule.class);
        let by_ending = || BY_ENDING.iter().find(|(end, _)| name.ends_with(end)).map(|&(_, class)| class);
        let found = self.inherited().or_else(by_name).or_else(by_ending);
        let by_link = || BY_DIRECTORY.get(&*name).copied();
        if kind == FileKind::Symlink { found.or_else(by_link) } else { found }
    }

    /// Whether the directory `name` of this one may hold what would run later, and so is looked at before others.
    pub(in super::super) fn leads_to_classes(&self, name: &[u8]) -> bool {
        let name = small(name);
        self.inherited().is_some()
            || BY_DIRECTORY.contains_key(&*name)
            || (self.in_repository() && OF_REPOSITORIES.contains(&&*name))
    }

    /// Whether the directory `name` of this one is filled by tools.
    pub(in super::super) fn leads_to_bulk(&self, name: &[u8]) -> bool {
        self.bulk() || self.enter(name, false, false).bulk()
    }

    fn rule(&self, name: &str) -> Option<&'static Rule> {
        let rules = BY_LAST_NAME.get(name)?;
        rules.iter().find(|rule| rule.parents.is_none_or(|parents| self.ends_with(parents)))
    }

    /// Whether its path ends with `path`.
    fn ends_with(&self, path: &str) -> bool {
        let mut at = self;
        path.rsplit('/').all(|wanted| {
            let Some(directory) = &at.0 else { return false };
            at = &directory.above;
            *directory.name == *wanted
        })
    }
}

fn small(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FileClass::{Agent, Build, Ci, Editor, GitConfig, Package, Shell};

    fn class(path: &str) -> Option<FileClass> {
        class_of(path, FileKind::File)
    }

    fn class_of(path: &str, kind: FileKind) -> Option<FileClass> {
        let mut names: Vec<_> = path.split('/').collect();
        let last = names.pop().unwrap();
        let start = Surroundings::default();
        names
            .iter()
            .fold(start, |around, name| around.enter(name.as_bytes(), false, false))
            .class(last.as_bytes(), kind)
    }

    #[test]
    fn what_runs_later_is_known_wherever_it_lies() {
        for (path, expected) in [
            (".git/hooks/post-commit", Some(GitHook)),
            ("sub/.git/hooks/pre-push", Some(GitHook)),
            (".git/hooks", Some(GitHook)),
            (".git/hooks/pre-push.sample", None),
            (".git", Some(GitConfig)),
            (".git/config", Some(GitConfig)),
            (".git/info/attributes", Some(GitConfig)),
            (".git/HEAD", None),
            ("config", None),
            (".claude/commands/deep/x.md", Some(Agent)),
            (".claude", Some(Agent)),
            ("CLAUDE.md", Some(Agent)),
            (".mcp.json", Some(Agent)),
            (".vscode/tasks.json", Some(Editor)),
            (".envrc", Some(Shell)),
            (".github/workflows/build.yml", Some(Ci)),
            (".github/README.md", None),
            ("package.json", Some(Package)),
            ("Makefile", Some(Build)),
            ("MAKEFILE", Some(Build)),
            ("rules.mk", Some(Build)),
            ("src/main.rs", None),
            ("node_modules/x/package.json", None),
            ("target/debug/build.rs", None),
        ] {
            assert_eq!(class(path), expected, "{path}");
        }
    }

    #[test]
    fn a_link_in_the_place_of_a_directory_of_such_files_is_one_of_them() {
        assert_eq!(class_of(".cargo", FileKind::Symlink), Some(Build));
        assert_eq!(class_of(".github", FileKind::Symlink), Some(Agent));
        assert_eq!(class_of(".github", FileKind::Directory), None);
        assert_eq!(class_of("src", FileKind::Symlink), None);
    }

    #[test]
    fn every_pattern_is_in_small_letters_and_listed_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (pattern, _) in TABLE {
            assert_eq!(*pattern, pattern.to_ascii_lowercase());
            assert!(seen.insert(pattern), "{pattern} is listed twice");
        }
    }
}
