//! How the database finds the rows of each statement: none may go through a table that grows with history, unless it is listed
//! here with the reason.
//!
//! The statements are read from the sources, so that one that no other test runs is looked at too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sqlx::Row;

use super::books::Books;

/// Tables that do not grow with calls, sessions or time. `ledger_totals` has a row for each tenant and model,
/// `turn_totals` one for each tenant and reason, `pending_sandboxes` one for each sandbox that is there or not done with.
const SMALL: [&str; 8] = [
    "heartbeat",
    "tenants",
    "installation",
    "ledger_totals",
    "turn_totals",
    "repairs",
    "pending_sandboxes",
    "unsealed_turns",
];

/// Indexes that hold few rows: calls and turns under way, what operators corrected, and what is being deleted.
const SMALL_INDEXES: [&str; 5] =
    ["ledger_open", "ledger_corrections", "sessions_live", "sessions_deleted", "budgets_ended"];

/// Statements that go through a table, by a part of their text, and why they may.
const ALLOWED: [(&str, &str); 4] = [
    ("where spent_nanos not between 0 and", "the start alone looks for impossible amounts"),
    ("from budget_windows where held_nanos <> 0", "the start alone looks for what is held without a call"),
    ("select id from keys", "the start alone reads the ids of all keys"),
    (") compared", "a scan of what the statement itself has found"),
];

/// What all statements about sessions with their latest turns have in common.
const OVERVIEW: &str =
    "select s.*, t.id as t_id from sessions s join turns t on t.session_id = s.id and t.ordinal = s.turn_count";

/// What stands in braces in a statement that is put together, where it is no constant of the same name.
fn pieces(name: &str, constants: &BTreeMap<String, String>) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    match name {
        "rows" | "scope" => {
            constants.iter().filter(|(name, _)| name.starts_with("OF_")).map(|(_, rows)| rows.clone()).collect()
        }
        "column" => texts(&["cast(opened_at / 86400000000 as text)", "model", "coalesce(key_id, '')"]),
        "tenants" | "families" | "sessions" | "turns" | "calls" => texts(&["$1, $2"]),
        _ if name.starts_with("values_") => {
            let columns: usize = name["values_".len()..].parse().unwrap();
            let row: Vec<_> = (1..=columns).map(|column| format!("${column}")).collect();
            vec![format!("({0}), ({0})", row.join(", "))]
        }
        _ => match constants.get(name) {
            Some(text) => vec![text.clone()],
            None => panic!("a statement has {{{name}}} in it: tell this test what that may be"),
        },
    }
}

/// Every statement of the store, with everything put in.
fn statements() -> Vec<String> {
    let (mut literals, mut constants) = (Vec::new(), BTreeMap::new());
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store")) {
        let source = std::fs::read_to_string(&file).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        for (before, text) in strings(source) {
            if let Some(name) = constant_name(&before) {
                constants.insert(name, text.clone());
            }
            // The rest of what the macro for sessions begins.
            let text = if text.starts_with("where s.") { format!("{OVERVIEW} {text}") } else { text };
            literals.push(text);
        }
    }
    let is_statement = |text: &String| {
        let first = text.split_whitespace().next().unwrap_or_default();
        let is_verb = ["select", "insert", "update", "delete", "with"].contains(&first);
        // What every statement about sessions begins with is none by itself.
        is_verb && !text.starts_with("select s.id, s.tenant_id, s.root") && text.split_whitespace().count() > 3
    };
    let whole = literals.into_iter().filter(is_statement);
    whole.flat_map(|text| expand(&text, &constants)).collect()
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                files.extend(sources(&path));
            }
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The string literals of a source, each with what stands before it on its line and the one above.
fn strings(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let code: Vec<&str> =
        source.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line }).collect();
    let code = code.join("\n");
    let mut rest = code.as_str();
    let mut passed = String::new();
    while let Some(start) = rest.find('"') {
        passed.push_str(&rest[..start]);
        let (mut text, mut escaped, mut end) = (String::new(), false, rest.len());
        for (at, character) in rest[start + 1..].char_indices() {
            match character {
                '"' if !escaped => {
                    end = start + 1 + at + 1;
                    break;
                }
                '\\' if !escaped => escaped = true,
                other => {
                    text.push(other);
                    escaped = false;
                }
            }
        }
        // A character that is a quote opens no text.
        if !passed.ends_with('\'') {
            let before: String = passed.chars().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect();
            found.push((before, text));
        }
        passed.push_str(&rest[start..end]);
        rest = &rest[end..];
    }
    found
}

fn constant_name(before: &str) -> Option<String> {
    let declared = before.trim_end().strip_suffix('=')?.trim_end().strip_suffix(": &str")?;
    declared.rsplit_once("const ").map(|(_, name)| name.to_owned())
}

fn expand(text: &str, constants: &BTreeMap<String, String>) -> Vec<String> {
    let Some((before, rest)) = text.split_once('{') else { return vec![text.to_owned()] };
    let (name, after) = rest.split_once('}').unwrap();
    let pieces = pieces(name, constants).into_iter();
    pieces.flat_map(|piece| expand(&format!("{before}{piece}{after}"), constants)).collect()
}

/// The steps of a statement's plan that go through a whole table.
async fn scans(books: &Books, statement: &str) -> Vec<String> {
    let plan = sqlx::query(sqlx::AssertSqlSafe(format!("explain query plan {statement}")));
    let steps = plan.fetch_all(&books.store.read).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    let steps = steps.iter().map(|step| step.get::<String, _>("detail"));
    steps.filter(|step| is_scan(step)).collect()
}

/// Whether a statement is the one that is listed: all of it, or a part that no other has.
fn is_named(statement: &str, listed: &str) -> bool {
    statement == listed || (!listed.starts_with("select") && statement.contains(listed))
}

fn is_scan(step: &str) -> bool {
    let Some(scanned) = step.strip_prefix("SCAN ") else { return false };
    let table = scanned.split_whitespace().next().unwrap_or_default();
    let is_small_index = SMALL_INDEXES.iter().any(|index| scanned.contains(&format!("INDEX {index}")));
    // The rows that a statement brings along; it calls them `given`.
    let is_own = table == "given" || scanned.contains("CONSTANT ROW") || scanned.contains("VALUES");
    !(SMALL.contains(&table) || is_small_index || is_own)
}

#[tokio::test]
async fn no_statement_goes_through_a_table_that_grows() {
    let (books, mut slow, mut used) = (Books::open().await, Vec::new(), Vec::new());
    let statements = statements();
    assert!(statements.len() > 120, "only {} statements were found", statements.len());
    for statement in &statements {
        let scans = scans(&books, statement).await;
        if scans.is_empty() {
            continue;
        }
        match ALLOWED.iter().find(|(part, _)| is_named(statement, part)) {
            Some((part, _)) => used.push(*part),
            None => slow.push(format!("{statement}\n    {}", scans.join("\n    "))),
        }
    }
    assert!(slow.is_empty(), "these go through a table that grows:\n\n{}", slow.join("\n\n"));
    for (part, why) in ALLOWED {
        assert!(used.contains(&part), "no statement needs to be allowed any more because {why}");
    }
}

#[tokio::test]
async fn a_scan_is_noticed() {
    let books = Books::open().await;
    for (statement, is_slow) in [
        ("select * from ledger where cost_nanos = $1", true),
        ("select * from budgets where limit_nanos > $1 order by created_at", true),
        ("update budget_windows set held_nanos = 0 where exists (select 1 from holds h where h.call_id = $1)", true),
        ("select count(*) from sessions", true),
        ("select * from ledger where id = $1", false),
        ("select * from tenants", false),
    ] {
        assert_eq!(!scans(&books, statement).await.is_empty(), is_slow, "{statement}");
    }
}
