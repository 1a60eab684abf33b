//! Floods that are to keep a survey from what runs later.

use std::fs;
use std::time::Duration;

use super::super::Comparison;
use super::{QUARANTINE, Workspace, at};
use crate::domain::{Changes, FileClass, Undone};

/// Bounds that a small flood passes.
fn workspace() -> Workspace {
    let mut workspace = Workspace::new();
    workspace.bounds.entries = 100;
    workspace.bounds.place_entries = 50;
    workspace
}

/// Files that would run later, in several places.
const BAIT: [&str; 6] =
    [".git/hooks/post-commit", ".vscode/tasks.json", ".envrc", "Makefile", "sub/repo/.git/hooks/pre-push", "CLAUDE.md"];

fn flood(workspace: &Workspace, directory: &str, count: usize, name: impl Fn(usize) -> String) {
    fs::create_dir_all(workspace.path.join(directory)).unwrap();
    for number in 0..count {
        fs::write(workspace.path.join(directory).join(name(number)), "x").unwrap();
    }
}

fn assert_bait_is_gone(workspace: &Workspace, changes: &Changes) {
    let left: Vec<_> = BAIT.iter().filter(|path| workspace.path.join(path).exists()).collect();
    assert!(left.is_empty(), "{left:?} of {:?}", changes.totals);
}

#[test]
fn flood_of_files_beside_the_bait_hides_nothing() {
    let workspace = workspace();
    let changes = workspace.quarantined(|workspace| {
        for directory in ["", ".git", "sub", "sub/repo", "a"] {
            flood(workspace, directory, 400, |number| format!("{number}.txt"));
        }
        for path in BAIT {
            workspace.write(path, "evil");
        }
    });
    assert_bait_is_gone(&workspace, &changes);
    assert!(changes.shortened.unseen);
    assert_eq!(changes.incomplete.count, 0, "everything that would run later was looked at: {:?}", changes.incomplete);
}

#[test]
fn flood_in_the_workspace_itself_is_read_to_its_end() {
    let mut workspace = workspace();
    workspace.bounds.entries = 1_000;
    // Some of these come after the names that are read at once, in whatever order the filesystem lists them.
    let bait: Vec<_> = (0..300).map(|number| format!("sub{number}/.envrc")).collect();
    let changes = workspace.quarantined(|workspace| {
        flood(workspace, "", 12_000, |number| format!("{number}.txt"));
        for path in &bait {
            workspace.write(path, "evil");
        }
    });
    let left = bait.iter().filter(|path| workspace.path.join(path).exists()).count();
    assert_eq!((left, changes.incomplete.count), (0, 0), "{:?}", changes.totals);
}

#[test]
fn flood_of_a_watched_kind_does_not_push_out_others_nor_itself() {
    let workspace = workspace();
    let changes = workspace.quarantined(|workspace| {
        for path in BAIT {
            workspace.write(path, "evil");
        }
        flood(workspace, "", 150, |number| format!("{number}.mk"));
        flood(workspace, "deep/down", 30, |number| format!("{number}.gemspec"));
    });
    assert_bait_is_gone(&workspace, &changes);
    assert!(!workspace.path.join("149.mk").exists() && !workspace.path.join("deep/down/29.gemspec").exists());
    assert_eq!(changes.incomplete.count, 0, "{:?}", changes.incomplete);
}

#[test]
fn flood_beyond_the_bounds_is_not_declared_clean_and_undone_by_further_attempts() {
    let workspace = workspace();
    let changes = workspace.quarantined(|workspace| {
        for path in BAIT {
            workspace.write(path, "evil");
        }
        flood(workspace, "mk", 450, |number| format!("{number}.mk"));
    });
    assert_bait_is_gone(&workspace, &changes);
    assert_eq!(changes.incomplete.places, ["mk"]);
    assert!(changes.incomplete.count == 1 && changes.incomplete.again, "{:?}", changes.incomplete);
    let further = [workspace.compare(QUARANTINE), workspace.compare(QUARANTINE), workspace.compare(QUARANTINE)];
    assert!(further[0].incomplete.again);
    assert_eq!(further[2].incomplete.count, 0);
    assert_eq!(fs::read_dir(workspace.path.join("mk")).unwrap().count(), 0);
}

#[test]
fn flood_of_hooks_is_moved_away_as_a_whole_and_what_was_there_is_put_back() {
    let workspace = workspace();
    workspace.write(".git/hooks/pre-commit", "good\n");
    workspace.write(".git/hooks/pre-push", "good\n");
    let changes = workspace.quarantined(|workspace| {
        flood(workspace, ".git/hooks", 300, |number| format!("hook{number}"));
        workspace.write(".git/hooks/pre-commit", "evil\n");
        workspace.remove(".git/hooks/pre-push");
        workspace.write(".git/hooks/post-commit", "evil\n");
        flood(workspace, ".vscode/deep", 300, |number| format!("{number}.json"));
    });
    let mut names: Vec<_> =
        fs::read_dir(workspace.path.join(".git/hooks")).unwrap().map(|entry| entry.unwrap()).collect();
    names.sort_by_key(std::fs::DirEntry::file_name);
    let names: Vec<_> = names.iter().map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["pre-commit", "pre-push"], "{:?}", changes.incomplete);
    assert_eq!(workspace.read(".git/hooks/pre-commit"), "good\n");
    assert!(!workspace.path.join(".vscode").exists());
    let moved = changes.quarantined.iter().find(|kept| kept.path == ".git/hooks").unwrap();
    assert_eq!(moved.undone, Undone::Yes);
    let moved_to = workspace.path.join(moved.moved_to.as_ref().unwrap());
    assert!(moved_to.join("hook299").exists() && moved_to.join("post-commit").exists());
    assert_eq!(changes.incomplete.count, 0, "{:?}", changes.incomplete);
}

#[test]
fn flood_without_undoing_is_reported_by_its_places() {
    let workspace = workspace();
    let changes = workspace.changes(|workspace| {
        flood(workspace, ".git/hooks", 300, |number| format!("hook{number}"));
        workspace.write(".vscode/tasks.json", "evil");
    });
    assert_eq!(at(&changes, ".vscode/tasks.json").class, Some(FileClass::Editor));
    assert_eq!(changes.incomplete.places, [".git/hooks"]);
    assert!(!changes.incomplete.again, "without undoing another look comes to the same");
}

#[test]
fn known_names_are_looked_at_when_no_name_may_be_read() {
    let mut workspace = workspace();
    workspace.write(".envrc", "good\n");
    workspace.take().unwrap();
    flood(&workspace, "", 100, |number| format!("{number}.txt"));
    workspace.write(".envrc", "evil\n");
    workspace.write(".mcp.json", "{}");
    workspace.bounds.names = 10;
    let changes = workspace.compare(QUARANTINE);
    assert_eq!(workspace.read(".envrc"), "good\n");
    assert!(!workspace.path.join(".mcp.json").exists());
    assert!(changes.incomplete.again && changes.incomplete.places.contains(&String::new()), "{:?}", changes.incomplete);
}

#[test]
fn survey_ends_at_its_deadline_and_is_not_clean() {
    let mut workspace = workspace();
    workspace.take().unwrap();
    workspace.write("sub/Makefile", "evil");
    workspace.bounds.deadline = Duration::ZERO;
    let changes = workspace.compare(QUARANTINE);
    assert!(changes.incomplete.again && workspace.path.join("sub/Makefile").exists());
    workspace.bounds.deadline = Duration::from_mins(1);
    assert_eq!(workspace.compare(QUARANTINE).incomplete.count, 0);
    assert!(!workspace.path.join("sub/Makefile").exists());
}

#[test]
fn what_was_flooded_before_is_undecided_and_not_clean() {
    let workspace = workspace();
    flood(&workspace, "mk", 60, |number| format!("{number}.mk"));
    let changes = workspace.quarantined(|workspace| workspace.write("mk/new.mk", "evil"));
    assert!(changes.incomplete.places.contains(&"mk".to_owned()), "{:?}", changes.incomplete);
    assert!(workspace.path.join("mk/new.mk").exists() && workspace.path.join("mk/1.mk").exists());
}

#[test]
fn hooks_of_a_configured_directory_are_hooks() {
    let workspace = Workspace::new();
    workspace.write(".git/config", "[core]\n\thooksPath = tools/hooks\n");
    workspace.write("tools/hooks/pre-commit", "good\n");
    let changes = workspace.quarantined(|workspace| {
        workspace.write("tools/hooks/pre-commit", "evil\n");
        workspace.write("tools/hooks/post-merge", "evil\n");
    });
    assert_eq!(at(&changes, "tools/hooks/post-merge").class, Some(FileClass::GitHook));
    assert_eq!(workspace.read("tools/hooks/pre-commit"), "good\n");
    assert!(!workspace.path.join("tools/hooks/post-merge").exists());
}

#[test]
fn hooks_that_nested_repositories_configure_are_hooks() {
    let workspace = Workspace::new();
    let configured = "[core]\n\thooksPath = tools/hooks\n";
    workspace.write("a/deep/.git/config", configured);
    workspace.write(".git/modules/sub/config", configured);
    workspace.write("b/sub/.git", "gitdir: ../../.git/modules/sub\n");
    for sub in ["a/deep", "b/sub"] {
        workspace.write(&format!("{sub}/tools/hooks/pre-commit"), "good\n");
    }
    let changes = workspace.quarantined(|workspace| {
        for sub in ["a/deep", "b/sub"] {
            workspace.write(&format!("{sub}/tools/hooks/pre-commit"), "evil\n");
            workspace.write(&format!("{sub}/tools/hooks/post-merge"), "evil\n");
        }
    });
    for sub in ["a/deep", "b/sub"] {
        assert_eq!(at(&changes, &format!("{sub}/tools/hooks/post-merge")).class, Some(FileClass::GitHook));
        assert_eq!(workspace.read(&format!("{sub}/tools/hooks/pre-commit")), "good\n");
        assert!(!workspace.path.join(sub).join("tools/hooks/post-merge").exists());
    }
}

#[test]
fn what_is_not_undone_in_time_is_left_to_the_next_attempt() {
    let mut workspace = Workspace::new();
    workspace.bounds.undo_deadline = Duration::ZERO;
    workspace.take().unwrap();
    let hooks: Vec<_> = (0..3).map(|number| format!("{number}.mk")).collect();
    for hook in &hooks {
        workspace.write(hook, "evil\n");
    }
    for left in [2, 1, 0] {
        let changes = workspace.compare(QUARANTINE);
        assert_eq!(changes.quarantined.len(), 1, "{changes:?}");
        assert!(changes.incomplete.again && changes.incomplete.count == 1);
        assert_eq!(hooks.iter().filter(|hook| workspace.path.join(hook).exists()).count(), left);
    }
    assert!(!workspace.compare(QUARANTINE).incomplete.again);
}

#[test]
fn what_was_changed_after_the_sandbox_ended_stays() {
    let workspace = Workspace::new();
    workspace.write("Makefile", "good\n");
    workspace.take().unwrap();
    workspace.write(".envrc", "evil\n");
    let until = std::os::unix::fs::MetadataExt::ctime(&fs::metadata(workspace.path.join(".envrc")).unwrap());
    let until = (until + 1) * 1_000_000;
    while fs::metadata(workspace.path.join("Makefile")).unwrap().modified().unwrap()
        < std::time::UNIX_EPOCH + Duration::from_micros(until.unsigned_abs())
    {
        workspace.write("Makefile", "a person's\n");
    }
    let changes = workspace.compare(Comparison { quarantine: true, until: Some(until) });
    assert!(!workspace.path.join(".envrc").exists());
    assert_eq!(workspace.read("Makefile"), "a person's\n");
    let kept = changes.quarantined.iter().find(|kept| kept.path == "Makefile").unwrap();
    assert!(matches!(&kept.undone, Undone::No(why) if why.contains("after the sandbox had ended")), "{kept:?}");
}
