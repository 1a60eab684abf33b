//! Changes that are undone, and what is kept of them.

use std::os::unix::fs::{MetadataExt, symlink};

use super::{Workspace, at};
use crate::domain::{Changes, FileClass, Undone};

fn undone<'a>(changes: &'a Changes, path: &str) -> (&'a Undone, Option<&'a [u8]>) {
    let found = changes.quarantined.iter().find(|quarantined| quarantined.path == path);
    let found = found.unwrap_or_else(|| panic!("no {path} in {changes:#?}"));
    (&found.undone, found.contents.as_deref())
}

#[test]
fn what_would_run_later_is_as_before_and_its_new_contents_are_kept() {
    let workspace = Workspace::new();
    workspace.write("Makefile", "good:\n");
    workspace.chmod("Makefile", 0o640);
    workspace.write(".envrc", "good\n");
    workspace.write("README.md", "old\n");
    symlink("AGENTS.txt", workspace.path.join("AGENTS.md")).unwrap();
    workspace.give(&["Makefile", ".envrc", "README.md", "AGENTS.md"]);
    let owner = std::fs::metadata(&workspace.path).unwrap().uid();
    let changes = workspace.quarantined(|workspace| {
        workspace.write("Makefile", "evil:\n");
        workspace.chmod("Makefile", 0o777);
        workspace.remove(".envrc");
        workspace.remove("AGENTS.md");
        workspace.write("README.md", "new\n");
        workspace.write("new.sh", "work\n");
        workspace.chmod("new.sh", 0o755);
        workspace.write(".git/hooks/post-commit", "evil\n");
    });
    assert_eq!((workspace.read("Makefile").as_str(), workspace.mode("Makefile")), ("good:\n", 0o640));
    assert_eq!(std::fs::metadata(workspace.path.join("Makefile")).unwrap().uid(), owner);
    assert_eq!(workspace.read(".envrc"), "good\n");
    assert_eq!(std::fs::read_link(workspace.path.join("AGENTS.md")).unwrap().to_str(), Some("AGENTS.txt"));
    assert!(!workspace.path.join(".git/hooks/post-commit").exists());
    assert_eq!(undone(&changes, "Makefile"), (&Undone::Yes, Some(&b"evil:\n"[..])));
    assert_eq!(undone(&changes, ".envrc"), (&Undone::Yes, None));
    assert_eq!(undone(&changes, ".git/hooks/post-commit"), (&Undone::Yes, Some(&b"evil\n"[..])));
    assert_eq!((workspace.read("README.md").as_str(), workspace.mode("new.sh")), ("new\n", 0o755), "work stays");
    assert_eq!(at(&changes, "new.sh").class, Some(FileClass::Executable));
    assert_eq!(changes.quarantined.len(), 4);
    let left: Vec<_> = std::fs::read_dir(&workspace.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".innkeeper")), "{left:?}");
}

#[test]
fn directories_that_are_gone_are_made_again_for_what_lay_in_them() {
    let workspace = Workspace::new();
    workspace.write(".github/workflows/build.yml", "good\n");
    workspace.chmod(".github/workflows", 0o750);
    let changes = workspace.quarantined(|workspace| workspace.remove(".github"));
    assert_eq!(undone(&changes, ".github/workflows/build.yml"), (&Undone::Yes, None));
    assert_eq!(workspace.read(".github/workflows/build.yml"), "good\n");
    assert_eq!(workspace.mode(".github/workflows"), 0o750);
}

#[test]
fn what_cannot_be_undone_is_told_with_the_reason() {
    let mut workspace = Workspace::new();
    workspace.bounds.executable_bytes = 10;
    workspace.write("Makefile", "longer than ten bytes\n");
    workspace.write("build.rs", "short\n");
    let changes = workspace.quarantined(|workspace| {
        workspace.write("Makefile", "changed, and also longer than ten\n");
        workspace.remove("build.rs");
        workspace.write("build.rs/x", "a directory stands there");
        workspace.write("Justfile", "a new file that is longer than ten bytes\n");
    });
    let reason = |path| match undone(&changes, path).0 {
        Undone::No(reason) => reason.clone(),
        Undone::Yes => "undone".to_owned(),
    };
    assert!(reason("Makefile").contains("too large"), "{changes:#?}");
    assert!(reason("build.rs").contains("directory"), "{changes:#?}");
    // It need not fit to be removed, but not all of it is kept, and that is told.
    assert_eq!(undone(&changes, "Justfile"), (&Undone::Yes, Some(&b"a new file"[..])));
    assert!(!changes.quarantined.iter().find(|kept| kept.path == "Justfile").unwrap().whole);
}
