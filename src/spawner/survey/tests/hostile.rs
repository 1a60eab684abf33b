//! Trees that are made to lead a survey astray.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{Workspace, at, kinds};
use crate::domain::{ChangeKind, FileClass, FileKind, read_path};

#[test]
fn links_are_told_of_and_never_followed() {
    let workspace = Workspace::new();
    fs::write(workspace.outside.join("secret"), "secret\n").unwrap();
    let changes = workspace.changes(|workspace| {
        symlink("/etc", workspace.path.join("etc")).unwrap();
        symlink(&workspace.outside, workspace.path.join(".claude")).unwrap();
        symlink(workspace.outside.join("secret"), workspace.path.join("Makefile")).unwrap();
    });
    assert_eq!(kinds(&changes), [".claude", "Makefile", "etc"].map(|path| (path, ChangeKind::Added)));
    assert!(changes.files.iter().all(|change| change.file == FileKind::Symlink && change.diff.is_none()));
    assert_eq!(at(&changes, ".claude").class, Some(FileClass::Agent));
    assert!(!serde_json::to_string(&changes).unwrap().contains("secret\\n"));
}

#[test]
fn pipes_and_sockets_are_opened_by_nobody() {
    let workspace = Workspace::new();
    let pipe = |name: &str| {
        mknodat(CWD, workspace.path.join(name), FileType::Fifo, Mode::RWXU, 0).unwrap();
    };
    pipe("CLAUDE.md");
    let _socket = std::os::unix::net::UnixListener::bind(workspace.path.join("socket")).unwrap();
    // Whoever opened one of them to read would wait here for ever.
    let changes = workspace.quarantined(|_| pipe("Makefile"));
    assert_eq!(kinds(&changes), [("Makefile", ChangeKind::Added)]);
    assert_eq!(changes.files[0].file, FileKind::Other);
    assert!(!workspace.path.join("Makefile").exists(), "it was to be undone");
}

#[test]
fn odd_names_are_told_to_the_byte() {
    let workspace = Workspace::new();
    let names: [&[u8]; 4] = [b"new\nline", b"not\xffutf", b"back\\slash", b"--- a"];
    let changes = workspace.changes(|workspace| {
        for name in names {
            fs::write(workspace.path.join(OsStr::from_bytes(name)), "x\n").unwrap();
        }
    });
    let told: Vec<_> = changes.files.iter().map(|change| read_path(&change.path).unwrap()).collect();
    assert!(names.iter().all(|name| told.iter().any(|path| path == name)), "{changes:?}");
    let patch = at(&changes, r"new\x0aline").diff.as_deref().unwrap();
    assert_eq!(patch.lines().nth(1), Some(r"+++ b/new\x0aline"), "a name cannot forge a line of the patch");
}

#[test]
fn another_filesystem_is_not_entered() {
    // `/proc` is one on every machine; a walk that entered it would not come back with a single entry.
    let mut workspace = Workspace::new();
    workspace.path = "/".into();
    workspace.bounds.depth = 2;
    workspace.take().unwrap();
    let survey = super::super::Survey::load(&workspace.files).unwrap();
    assert!(survey.before.find(b"proc").is_some());
    assert_eq!(survey.before.below(b"proc").count(), 0);
}

#[test]
fn a_link_in_the_place_of_a_directory_is_replaced_and_not_written_through() {
    let workspace = Workspace::new();
    workspace.write(".git/hooks/pre-commit", "good\n");
    workspace.write(".cargo/config.toml", "good\n");
    let changes = workspace.quarantined(|workspace| {
        for (directory, file) in [(".git/hooks", "pre-commit"), (".cargo", "config.toml")] {
            workspace.remove(directory);
            symlink(&workspace.outside, workspace.path.join(directory)).unwrap();
            fs::write(workspace.outside.join(file), "outside\n").unwrap();
        }
    });
    assert_eq!(fs::read_to_string(workspace.outside.join("pre-commit")).unwrap(), "outside\n");
    assert_eq!(fs::read_to_string(workspace.outside.join("config.toml")).unwrap(), "outside\n");
    assert_eq!(fs::read_dir(&workspace.outside).unwrap().count(), 2);
    assert_eq!(workspace.read(".git/hooks/pre-commit"), "good\n", "{changes:#?}");
    assert_eq!(workspace.read(".cargo/config.toml"), "good\n");
    assert!(!workspace.path.join(".git/hooks").is_symlink() && !workspace.path.join(".cargo").is_symlink());
}

#[test]
fn a_link_in_the_place_of_a_file_is_replaced_and_not_written_through() {
    let workspace = Workspace::new();
    workspace.write("Makefile", "good:\n");
    let victim = workspace.outside.join("victim");
    fs::write(&victim, "outside\n").unwrap();
    let changes = workspace.quarantined(|workspace| {
        workspace.remove("Makefile");
        symlink(&victim, workspace.path.join("Makefile")).unwrap();
    });
    assert_eq!(fs::read_to_string(&victim).unwrap(), "outside\n");
    assert_eq!(workspace.read("Makefile"), "good:\n");
    assert!(!workspace.path.join("Makefile").is_symlink());
    assert_eq!(changes.quarantined[0].contents.as_deref(), Some(victim.as_os_str().as_bytes()));
}

#[test]
fn a_link_in_the_place_of_a_directory_that_is_not_undone_stops_the_undoing() {
    let workspace = Workspace::new();
    workspace.write("sub/Makefile", "good:\n");
    fs::write(workspace.outside.join("Makefile"), "outside\n").unwrap();
    let changes = workspace.quarantined(|workspace| {
        workspace.remove("sub");
        symlink(&workspace.outside, workspace.path.join("sub")).unwrap();
    });
    assert_eq!(fs::read_to_string(workspace.outside.join("Makefile")).unwrap(), "outside\n");
    let [told] = &*changes.quarantined else { panic!("{changes:#?}") };
    assert!(matches!(told.undone, crate::domain::Undone::No(_)), "{told:?}");
}
