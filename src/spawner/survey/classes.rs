//! Which files would run later on somebody's host: one table, and how a path is looked up in it.
//!
//! Capitals do not count, because they do not on every machine a workspace is carried to. A pattern holds in any directory:
//! a tool may be started in any. Changes below [`BULK`] are listed, but nothing there is looked up, kept or diffed: what lies
//! there was made by tools and is made again by them.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::domain::FileClass::{Agent, Build, Ci, Editor, GitConfig, GitHook, Package, Shell};
use crate::domain::{FileClass, FileKind};

/// Patterns and what runs the files. `x/**` is `x` itself unless it is a directory, and everything below it; `*.x` is
/// every name that ends so.
const TABLE: &[(&str, FileClass)] = &[
    // Git runs hooks by itself; its configuration names programs (`core.fsmonitor`, `core.sshCommand`, filters, aliases)
    // and other places for hooks. `.git` as a file or link says where the repository is.
    (".git", GitConfig),
    (".git/hooks/**", GitHook),
    (".husky/**", GitHook),
    (".githooks/**", GitHook),
    (".pre-commit-config.yaml", GitHook),
    (".pre-commit-hooks.yaml", GitHook),
    ("lefthook.yml", GitHook),
    (".git/config", GitConfig),
    (".git/config.worktree", GitConfig),
    (".git/info/attributes", GitConfig),
    (".gitattributes", GitConfig),
    (".gitmodules", GitConfig),
    (".gitconfig", GitConfig),
    // What coding agents read as instructions, commands, hooks and servers to start.
    (".claude/**", Agent),
    (".mcp.json", Agent),
    ("claude.md", Agent),
    ("claude.local.md", Agent),
    ("agents.md", Agent),
    ("gemini.md", Agent),
    (".cursor/**", Agent),
    (".cursorrules", Agent),
    (".github/copilot-instructions.md", Agent),
    // Tasks and settings of editors, some of which run when a directory is opened.
    (".vscode/**", Editor),
    (".idea/**", Editor),
    (".devcontainer/**", Editor),
    (".devcontainer.json", Editor),
    ("*.code-workspace", Editor),
    (".vimrc", Editor),
    (".nvimrc", Editor),
    (".exrc", Editor),
    (".dir-locals.el", Editor),
    // Shells and what hooks into them; a workspace may be somebody's home.
    (".envrc", Shell),
    (".mise.toml", Shell),
    ("mise.toml", Shell),
    (".bashrc", Shell),
    (".bash_profile", Shell),
    (".bash_login", Shell),
    (".bash_logout", Shell),
    (".profile", Shell),
    (".zshrc", Shell),
    (".zshenv", Shell),
    (".zprofile", Shell),
    (".zlogin", Shell),
    (".inputrc", Shell),
    (".ssh/**", Shell),
    (".config/fish/**", Shell),
    (".config/autostart/**", Shell),
    (".config/systemd/**", Shell),
    // Build servers.
    (".github/workflows/**", Ci),
    (".github/actions/**", Ci),
    ("action.yml", Ci),
    ("action.yaml", Ci),
    (".gitlab-ci.yml", Ci),
    (".circleci/**", Ci),
    (".buildkite/**", Ci),
    (".travis.yml", Ci),
    ("azure-pipelines.yml", Ci),
    ("bitbucket-pipelines.yml", Ci),
    ("jenkinsfile", Ci),
    // Package managers: scripts of packages, and settings that name programs or registries. Of `package.json` and
    // `composer.json` the `scripts` count alone: see `scripts.rs`.
    ("package.json", Package),
    ("composer.json", Package),
    (".npmrc", Package),
    (".yarnrc", Package),
    (".yarnrc.yml", Package),
    (".yarn/releases/**", Package),
    (".yarn/plugins/**", Package),
    (".pnpmfile.cjs", Package),
    ("pyproject.toml", Package),
    ("setup.py", Package),
    ("setup.cfg", Package),
    ("tox.ini", Package),
    ("noxfile.py", Package),
    ("pip.conf", Package),
    ("gemfile", Package),
    ("*.gemspec", Package),
    // Build tools.
    ("makefile", Build),
    ("gnumakefile", Build),
    ("*.mk", Build),
    ("cmakelists.txt", Build),
    ("justfile", Build),
    (".justfile", Build),
    ("rakefile", Build),
    ("taskfile.yml", Build),
    ("taskfile.yaml", Build),
    ("build.rs", Build),
    (".cargo/config.toml", Build),
    (".cargo/config", Build),
    ("rust-toolchain.toml", Build),
    ("build.gradle", Build),
    ("build.gradle.kts", Build),
    ("settings.gradle", Build),
    ("settings.gradle.kts", Build),
    ("gradlew", Build),
    (".mvn/**", Build),
    ("mvnw", Build),
    ("gulpfile.js", Build),
    ("gruntfile.js", Build),
];

/// Directories whose contents tools make: listed, and no more.
const BULK: &[&str] = &[".git/objects", ".git/lfs", "node_modules", "target", ".venv"];

/// Git puts these beside the hooks, and runs none of them.
const NO_HOOK: &str = ".sample";

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

#[derive(Debug)]
struct Rule {
    parents: Option<&'static str>,
    below: bool,
    class: FileClass,
}

/// What is known of a directory for the sake of what lies in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Surroundings {
    /// Its names from the workspace down, in small letters; a repository's own directory is `.git` whatever its name.
    names: Vec<String>,
    /// What everything below it is.
    inherited: Option<FileClass>,
    /// Whether it is, or lies below, a directory whose contents tools make.
    pub(super) bulk: bool,
    /// Whether it is, or lies below, a repository's own directory.
    pub(super) in_repository: bool,
}

impl Surroundings {
    /// The surroundings of what lies in the directory `name` of this one.
    pub(super) fn enter(&self, name: &[u8], is_repository: bool) -> Self {
        let name = if is_repository { ".git".to_owned() } else { small(name) };
        let inherited = self.inherited.or_else(|| self.rule(&name).filter(|rule| rule.below).map(|rule| rule.class));
        let mut names = self.names.clone();
        names.push(name);
        let is_bulk = BULK.iter().any(|bulk| ends_with(&names, bulk));
        Self {
            bulk: self.bulk || is_bulk,
            in_repository: self.in_repository || names.last().is_some_and(|name| name == ".git"),
            inherited,
            names,
        }
    }

    /// What runs the thing `name` in this directory. A directory is run by nothing; a link in the place of one that may hold
    /// what runs leads to other things that do.
    pub(super) fn class(&self, name: &[u8], kind: FileKind) -> Option<FileClass> {
        let name = small(name);
        if kind == FileKind::Directory || self.bulk || (self.inherited == Some(GitHook) && name.ends_with(NO_HOOK)) {
            return None;
        }
        let by_name = || self.rule(&name).map(|rule| rule.class);
        let by_ending = || {
            let ends = |pattern: &str| pattern.strip_prefix('*').is_some_and(|end| name.ends_with(end));
            TABLE.iter().find(|(pattern, _)| ends(pattern)).map(|&(_, class)| class)
        };
        let by_link = || TABLE.iter().find(|(pattern, _)| has_parent(pattern, &name)).map(|&(_, class)| class);
        let found = self.inherited.or_else(by_name).or_else(by_ending);
        if kind == FileKind::Symlink { found.or_else(by_link) } else { found }
    }

    /// Whether the directory `name` of this one may hold what would run later, and so is looked at before others.
    pub(super) fn leads_to_classes(&self, name: &[u8]) -> bool {
        let name = small(name);
        self.inherited.is_some() || TABLE.iter().any(|(pattern, _)| has_parent(pattern, &name))
    }

    /// Whether the directory `name` of this one is filled by tools.
    pub(super) fn leads_to_bulk(&self, name: &[u8]) -> bool {
        self.bulk || self.enter(name, false).bulk
    }

    fn rule(&self, name: &str) -> Option<&'static Rule> {
        let rules = BY_LAST_NAME.get(name)?;
        rules.iter().find(|rule| rule.parents.is_none_or(|parents| ends_with(&self.names, parents)))
    }
}

/// Whether `names` end with those of `path`.
fn ends_with(names: &[String], path: &str) -> bool {
    let mut names = names.iter().rev();
    path.rsplit('/').all(|wanted| names.next().is_some_and(|name| name == wanted))
}

/// Whether a pattern has a directory of this name.
fn has_parent(pattern: &str, name: &str) -> bool {
    pattern.split('/').rev().skip(1).any(|parent| parent == name)
}

fn small(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(path: &str) -> Option<FileClass> {
        class_of(path, FileKind::File)
    }

    fn class_of(path: &str, kind: FileKind) -> Option<FileClass> {
        let mut names: Vec<_> = path.split('/').collect();
        let last = names.pop().unwrap();
        let start = Surroundings::default();
        names.iter().fold(start, |around, name| around.enter(name.as_bytes(), false)).class(last.as_bytes(), kind)
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
