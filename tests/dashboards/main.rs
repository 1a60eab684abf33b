//! Grafana's dashboards as they are declared, board by board, and what each of them must keep to.
//!
//! With `UPDATE_DOCS=1` the files in `dashboards` are written anew; without, the test fails when they are not what is
//! declared.

#![expect(clippy::unwrap_used, reason = "a board that cannot be read has failed")]

mod board;
mod budgets;
mod cost;
mod expressions;
mod gateway;
mod grafana;
mod history;
mod ledger;
mod lint;
mod overview;
mod panel;
mod sandboxes;
mod security;
mod sessions;
mod totals;

use std::path::{Path, PathBuf};

use board::Board;

fn boards() -> Vec<Board> {
    vec![overview::board(), cost::board(), sessions::board(), gateway::board(), sandboxes::board(), security::board()]
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards").join(name)
}

#[test]
fn the_files_are_what_is_declared() {
    let boards = boards();
    for board in &boards {
        let (path, json) = (file(&format!("{}.json", board.name)), board.json(&boards));
        let text = format!("{}\n", serde_json::to_string_pretty(&json).unwrap());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == text,
            "{} is not what is declared: run `UPDATE_DOCS=1 cargo test --test dashboards`",
            path.display()
        );
    }
    let files = std::fs::read_dir(file("")).unwrap().filter_map(Result::ok);
    let json = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "json")).count();
    assert_eq!(json, boards.len(), "a file in dashboards is declared nowhere");
}
