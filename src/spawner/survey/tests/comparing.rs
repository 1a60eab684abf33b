//! What is told of a session's changes.

use std::fs;
use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::{Workspace, at, kinds};
use crate::domain::{ChangeKind, FileClass, FileKind, Undone};

#[test]
fn what_is_new_gone_and_different_is_told_with_sizes_and_a_patch() {
    let workspace = Workspace::new();
    workspace.write("src/main.rs", "one\ntwo\n");
    workspace.write("old.txt", "bye\n");
    workspace.write("same.txt", "same\n");
    workspace.write("mode.txt", "same\n");
    workspace.chmod("mode.txt", 0o600);
    let changes = workspace.changes(|workspace| {
        workspace.write("src/main.rs", "one\n2\n");
        workspace.remove("old.txt");
        workspace.write("new/deep.txt", "hello\n");
        workspace.write("same.txt", "same\n");
        workspace.chmod("mode.txt", 0o644);
    });
    let expected = [
        ("mode.txt", ChangeKind::Mode),
        ("new", ChangeKind::Added),
        ("new/deep.txt", ChangeKind::Added),
        ("old.txt", ChangeKind::Removed),
        ("src/main.rs", ChangeKind::Changed),
    ];
    assert_eq!(kinds(&changes), expected);
    assert_eq!(at(&changes, "new").file, FileKind::Directory);
    let main = at(&changes, "src/main.rs");
    assert_eq!((main.size_before, main.size, main.class), (Some(8), Some(6), None));
    assert!(main.diff.as_ref().unwrap().ends_with("@@ -1,2 +1,2 @@\n one\n-two\n+2\n"), "{main:?}");
    assert!(at(&changes, "old.txt").diff.as_ref().unwrap().contains("-bye"));
    assert!(at(&changes, "new/deep.txt").diff.as_ref().unwrap().contains("+hello"));
    assert_eq!((at(&changes, "mode.txt").mode_before, at(&changes, "mode.txt").mode), (Some(0o600), Some(0o644)));
    let totals = changes.totals;
    assert_eq!((totals.added, totals.removed, totals.changed, totals.mode, totals.executables), (2, 1, 1, 1, 0));
    assert_eq!(changes.shortened, crate::domain::Shortened::default());
}

#[test]
fn files_that_run_later_are_told_apart() {
    let workspace = Workspace::new();
    workspace.write(".git/config", "[core]\n");
    workspace.write("package.json", r#"{"version": "1"}"#);
    workspace.write("sub/package.json", r#"{"version": "1"}"#);
    workspace.write("run.sh", "true\n");
    let changes = workspace.changes(|workspace| {
        workspace.write(".git/hooks/post-commit", "#!/bin/sh\n");
        workspace.write(".git/config", "[core]\n\tfsmonitor = evil\n");
        workspace.write("package.json", r#"{"scripts": {"postinstall": "evil"}}"#);
        workspace.write("sub/package.json", r#"{"version": "2"}"#);
        workspace.chmod("run.sh", 0o755);
    });
    let executables: Vec<_> = changes.executables().map(|change| (&*change.path, change.class.unwrap())).collect();
    let expected = [
        (".git/config", FileClass::GitConfig),
        (".git/hooks/post-commit", FileClass::GitHook),
        ("package.json", FileClass::Package),
        ("run.sh", FileClass::Executable),
    ];
    assert_eq!(executables, expected);
    assert_eq!(changes.totals.executables, 4);
    assert_eq!(at(&changes, "sub/package.json").kind, ChangeKind::Changed);
}

#[test]
fn what_a_hook_leads_to_is_a_hook() {
    let workspace = Workspace::new();
    workspace.write("scripts/check.sh", "true\n");
    fs::create_dir_all(workspace.path.join(".git/hooks")).unwrap();
    symlink("../../scripts/check.sh", workspace.path.join(".git/hooks/pre-commit")).unwrap();
    let changes = workspace.changes(|workspace| workspace.write("scripts/check.sh", "evil\n"));
    assert_eq!(at(&changes, "scripts/check.sh").class, Some(FileClass::GitHook));
}

#[test]
fn a_repository_without_its_usual_name_is_one() {
    let workspace = Workspace::new();
    let changes = workspace.changes(|workspace| {
        for path in ["docs/HEAD", "docs/config", "docs/objects/x", "docs/refs/x", "docs/hooks/post-checkout"] {
            workspace.write(path, "x");
        }
    });
    let executables: Vec<_> = changes.executables().map(|change| &*change.path).collect();
    assert_eq!(executables, ["docs/config", "docs/hooks/post-checkout"]);
}

#[test]
fn a_text_put_back_with_its_old_time_is_still_found_out() {
    let workspace = Workspace::new();
    workspace.write("a.txt", "good\n");
    workspace.write("large.bin", vec![0; 300_000]);
    let changes = workspace.changes(|workspace| {
        for (path, contents) in [("a.txt", b"evil\n".to_vec()), ("large.bin", vec![1; 300_000])] {
            let path = workspace.path.join(path);
            let written = fs::metadata(&path).unwrap().modified().unwrap();
            fs::write(&path, contents).unwrap();
            fs::File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
        }
    });
    assert_eq!(kinds(&changes), [("a.txt", ChangeKind::Changed), ("large.bin", ChangeKind::Changed)]);
}

#[test]
fn bits_that_lend_rights_are_taken_off_what_the_session_left() {
    let workspace = Workspace::new();
    workspace.write("old", "x");
    workspace.chmod("old", 0o4755);
    let changes = workspace.changes(|workspace| {
        workspace.write("tool", "x");
        workspace.chmod("tool", 0o6755);
        workspace.write("node_modules/tool", "x");
        workspace.chmod("node_modules/tool", 0o4555);
    });
    assert_eq!((workspace.mode("tool"), workspace.mode("node_modules/tool")), (0o755, 0o555));
    assert_eq!(workspace.mode("old"), 0o4755, "what the session did not touch is the tenant's own");
    let tool = at(&changes, "tool");
    assert_eq!(
        (tool.mode, &tool.privilege, tool.class),
        (Some(0o6755), &Some(Undone::Yes), Some(FileClass::Executable))
    );
}

/// A name, a content and a mode of a file in a random tree.
fn trees() -> impl Strategy<Value = Vec<(String, Vec<u8>, u32)>> {
    let name = prop_oneof![Just("a"), Just(".git"), Just("hooks"), Just("b\n"), Just("node_modules"), Just("Makefile")];
    let path = proptest::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
    let contents = proptest::collection::vec(any::<u8>(), 0..50);
    proptest::collection::vec((path, contents, 0o400_u32..0o777), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_tree_that_nobody_touched_has_no_changes(tree in trees(), quarantine in any::<bool>()) {
        let workspace = Workspace::new();
        for (path, contents, mode) in tree {
            let path = workspace.path.join(path);
            // A name may be a file's and a directory's: the first to come has it.
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && fs::write(&path, contents).is_ok() {
                fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            }
        }
        let changes = if quarantine { workspace.quarantined(|_| {}) } else { workspace.changes(|_| {}) };
        prop_assert_eq!(changes, crate::domain::Changes::default());
    }
}
