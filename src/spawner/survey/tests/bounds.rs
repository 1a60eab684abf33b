//! Trees that are larger than is looked at.

use super::super::{Survey, SurveyError, SurveyFiles};
use super::{Workspace, at, kinds};
use crate::domain::{ChangeKind, FileClass};

#[test]
fn a_flood_of_files_is_told_of_and_hides_no_hook() {
    let mut workspace = Workspace::new();
    workspace.bounds.entries = 50;
    workspace.write(".git/hooks/pre-push", "good\n");
    workspace.write("src/a", "x");
    let changes = workspace.changes(|workspace| {
        for number in 0..200 {
            workspace.write(&format!("flood/{number}"), "x");
        }
        workspace.write(".git/hooks/pre-push", "evil\n");
    });
    assert!(changes.shortened.unseen);
    assert_eq!(at(&changes, ".git/hooks/pre-push").class, Some(FileClass::GitHook));
    assert!(!kinds(&changes).contains(&("src/a", ChangeKind::Removed)), "what was not looked at is not gone");
}

#[test]
fn what_was_beyond_the_bounds_before_is_not_new_after() {
    let mut workspace = Workspace::new();
    workspace.bounds.entries = 20;
    for number in 0..40 {
        workspace.write(&format!("many/{number}"), "x");
    }
    let changes = workspace.changes(|workspace| {
        for number in 0..30 {
            workspace.remove(&format!("many/{number}"));
        }
    });
    assert!(changes.shortened.unseen);
    assert!(changes.files.iter().all(|change| change.kind == ChangeKind::Removed), "{changes:#?}");
}

#[test]
fn depth_and_length_of_paths_are_bounded() {
    let mut workspace = Workspace::new();
    workspace.bounds.path_bytes = 100;
    let deep = vec!["d"; 400].join("/");
    let long = "x".repeat(200);
    let changes = workspace.changes(|workspace| {
        workspace.write(&format!("{deep}/file"), "x");
        workspace.write(&long, "x");
    });
    assert!(changes.shortened.unseen);
    assert!(changes.totals.added > 10 && changes.totals.added <= 64, "{:?}", changes.totals);
    assert!(changes.files.iter().all(|change| change.path.len() <= 100));
}

#[test]
fn a_list_that_is_full_has_room_for_what_runs_later() {
    let mut workspace = Workspace::new();
    workspace.bounds.changes = 5;
    workspace.bounds.diff_bytes = 120;
    let changes = workspace.changes(|workspace| {
        for number in 0..30 {
            workspace.write(&format!("a{number}"), "some text to be shown\n");
        }
        workspace.write("zz/Makefile", "evil\n");
    });
    assert_eq!(changes.totals.added, 32);
    assert_eq!(changes.files.len(), 6);
    assert!(changes.shortened.files && changes.shortened.diffs);
    assert_eq!(at(&changes, "zz/Makefile").class, Some(FileClass::Build));
}

#[test]
fn a_huge_file_is_not_read() {
    let workspace = Workspace::new();
    let changes = workspace.changes(|workspace| {
        for name in ["huge", "Makefile"] {
            std::fs::File::create(workspace.path.join(name)).unwrap().set_len(1 << 40).unwrap();
        }
    });
    assert_eq!(at(&changes, "huge").size, Some(1 << 40));
    assert_eq!(at(&changes, "Makefile").diff, None);
}

#[test]
fn survey_outlives_process_and_is_refused_when_damaged() {
    let workspace = Workspace::new();
    workspace.write("a.txt", "x");
    workspace.take().unwrap();
    let tree = workspace.files.tree();
    let mut bytes = std::fs::read(&tree).unwrap();
    assert!(Survey::load(&workspace.files).is_ok());
    bytes[3] ^= 1;
    std::fs::write(&tree, &bytes).unwrap();
    assert!(matches!(Survey::load(&workspace.files), Err(SurveyError::Lost)));
    std::fs::write(&tree, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(Survey::load(&workspace.files), Err(SurveyError::Lost)));
    workspace.files.remove().unwrap();
    assert!(matches!(Survey::load(&workspace.files), Err(SurveyError::Lost)));
}

#[test]
fn files_of_surveys_nobody_asks_for_are_removed() {
    let workspace = Workspace::new();
    workspace.take().unwrap();
    let directory = workspace.files.tree().parent().unwrap().to_owned();
    SurveyFiles::retain(&directory, &["survey".to_owned()]).unwrap();
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 2);
    SurveyFiles::retain(&directory, &["surve".to_owned()]).unwrap();
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn contents_that_cannot_be_kept_are_an_error_that_says_what_to_do() {
    let mut workspace = Workspace::new();
    workspace.files = SurveyFiles::new("/proc/missing".into(), "x".to_owned());
    let error = workspace.take().unwrap_err();
    assert!(error.to_string().contains("data_dir"), "{error}");
}
