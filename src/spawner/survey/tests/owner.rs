//! What the workspace's owner may not read, and the survey can: it is root here.

use std::fs;
use std::os::unix::fs::{MetadataExt, lchown};

use super::{TENANT, Workspace, at};
use crate::domain::{Changes, Undone};

const SECRET: &str = "only root may know this\n";

/// A tenant's workspace with a file of root's in it.
fn workspace() -> Option<Workspace> {
    rustix::process::geteuid().is_root().then(|| {
        let workspace = Workspace::new();
        workspace.write("secret", SECRET);
        workspace.chmod("secret", 0o600);
        workspace.give(&[]);
        workspace
    })
}

fn move_file(workspace: &Workspace, from: &str, to: &str) {
    let to = workspace.path.join(to);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::rename(workspace.path.join(from), to).unwrap();
}

fn assert_tells_nothing(changes: &Changes) {
    let told = serde_json::to_string(changes).unwrap();
    assert!(!told.contains("only root") && !told.contains("b25seSByb290"), "{told}");
}

#[test]
fn file_the_owner_may_not_read_is_listed_without_contents() {
    let Some(workspace) = workspace() else { return };
    workspace.write("shown", "anybody may read this\n");
    workspace.write("group", SECRET);
    workspace.chmod("group", 0o640);
    let changes = workspace.changes(|workspace| {
        move_file(workspace, "secret", "notes.txt");
        move_file(workspace, "group", "also.txt");
        move_file(workspace, "shown", "other.txt");
    });
    assert_tells_nothing(&changes);
    for path in ["notes.txt", "also.txt"] {
        assert!(at(&changes, path).withheld && at(&changes, path).diff.is_none(), "{changes:?}");
    }
    assert!(!at(&changes, "other.txt").withheld && at(&changes, "other.txt").diff.is_some());
    // The difference of what is gone would show it, too.
    assert_eq!(at(&changes, "secret").diff, None);
}

#[test]
fn owners_own_files_are_looked_at_whatever_their_permissions() {
    let Some(workspace) = workspace() else { return };
    let changes = workspace.changes(|workspace| {
        workspace.write("mine", "text\n");
        workspace.give(&["mine"]);
        workspace.chmod("mine", 0o000);
    });
    assert!(at(&changes, "mine").diff.is_some());
}

#[test]
fn quarantine_neither_hands_out_nor_removes_what_is_not_the_owners() {
    let Some(workspace) = workspace() else { return };
    let changes = workspace.quarantined(|workspace| move_file(workspace, "secret", ".git/hooks/post-commit"));
    assert_tells_nothing(&changes);
    let kept = changes.quarantined.iter().find(|kept| kept.path == ".git/hooks/post-commit").unwrap();
    assert_eq!((&kept.undone, &kept.contents), (&Undone::Yes, &None));
    let moved = kept.moved_to.as_ref().unwrap();
    assert!(moved.starts_with(".git/hooks/post-commit.innkeeper-"), "{moved}");
    let facts = fs::metadata(workspace.path.join(moved)).unwrap();
    assert_eq!((facts.uid(), facts.mode() & 0o7777), (0, 0o600), "it is root's as before");
    assert_eq!(workspace.read(moved), SECRET);
    assert!(!workspace.path.join(".git/hooks/post-commit").exists());
}

#[test]
fn putting_back_a_file_spares_what_is_not_the_owners() {
    let Some(workspace) = workspace() else { return };
    workspace.write("Makefile", "good:\n");
    workspace.chmod("Makefile", 0o640);
    workspace.give(&["Makefile"]);
    let changes = workspace.quarantined(|workspace| {
        workspace.remove("Makefile");
        move_file(workspace, "secret", "Makefile");
    });
    assert_tells_nothing(&changes);
    assert_eq!(workspace.read("Makefile"), "good:\n");
    let kept = changes.quarantined.iter().find(|kept| kept.path == "Makefile").unwrap();
    assert_eq!(workspace.read(kept.moved_to.as_ref().unwrap()), SECRET);
}

#[test]
fn putting_back_a_file_gives_it_to_nobody_else() {
    let Some(workspace) = workspace() else { return };
    workspace.write("Makefile", "of root, for all to read\n");
    workspace.write("build.rs", SECRET);
    workspace.chmod("build.rs", 0o600);
    let changes = workspace.quarantined(|workspace| {
        for name in ["Makefile", "build.rs"] {
            workspace.remove(name);
            workspace.write(name, "evil\n");
            workspace.give(&[name]);
        }
    });
    assert_tells_nothing(&changes);
    let facts = fs::metadata(workspace.path.join("Makefile")).unwrap();
    assert_eq!((facts.uid(), facts.gid(), facts.mode() & 0o7777), (0, 0, 0o644));
    // What it was is not known to the survey, so it cannot be put back, and is reported.
    let kept = changes.quarantined.iter().find(|kept| kept.path == "build.rs").unwrap();
    assert!(matches!(&kept.undone, Undone::No(why) if why.contains("not readable")), "{kept:?}");
}

#[test]
fn directories_closed_to_the_owner_are_not_entered() {
    let Some(workspace) = workspace() else { return };
    workspace.write("closed/file", SECRET);
    workspace.chmod("closed", 0o700);
    let changes = workspace.changes(|workspace| move_file(workspace, "closed", "moved"));
    assert_tells_nothing(&changes);
    assert!(changes.files.iter().all(|change| !change.path.contains("file")), "{changes:?}");
    assert!(changes.shortened.unreadable);
}

#[test]
fn access_list_is_taken_to_deny() {
    let Some(workspace) = workspace() else { return };
    let changes = workspace.changes(|workspace| {
        workspace.write("listed", SECRET);
        // user::rw-, user:TENANT:---, group::r--, mask::r--, other::r--
        let entries: [(u16, u16, u32); 5] =
            [(1, 6, u32::MAX), (2, 0, TENANT), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 4, u32::MAX)];
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, id) in entries {
            list.extend(tag.to_le_bytes());
            list.extend(rights.to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        let path = workspace.path.join("listed");
        let flags = rustix::fs::XattrFlags::empty();
        if rustix::fs::setxattr(&path, c"system.posix_acl_access", &list, flags).is_err() {
            // This filesystem has none.
            fs::remove_file(path).unwrap();
        }
    });
    assert_tells_nothing(&changes);
}

#[test]
fn links_to_root_files_show_where_they_lead_alone() {
    let Some(workspace) = workspace() else { return };
    let changes = workspace.changes(|workspace| {
        std::os::unix::fs::symlink("secret", workspace.path.join("CLAUDE.md")).unwrap();
        fs::hard_link(workspace.path.join("secret"), workspace.path.join("again")).unwrap();
        lchown(workspace.path.join("CLAUDE.md"), Some(TENANT), Some(TENANT)).unwrap();
    });
    assert_tells_nothing(&changes);
    assert!(at(&changes, "again").withheld);
}
