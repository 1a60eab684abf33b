//! The agent's real lines as messages.

use crate::api::seed::messages::render;
use crate::domain::{Event, EventKind, Timestamp, TurnId};

/// A turn with one tool call, as an agent wrote it.
pub(super) const TOOL_TURN: &str = include_str!("lines/bash-tool.jsonl");

/// A turn that was interrupted while the agent spoke.
const INTERRUPTED_TURN: &str = include_str!("lines/interrupt-stream.jsonl");

fn rendered(lines: &[&str]) -> String {
    let events: Vec<_> = (1..)
        .zip(lines)
        .map(|(seq, line)| Event {
            seq,
            turn: TurnId::generate(),
            kind: EventKind::Message,
            payload: (*line).to_owned(),
            at: Timestamp::from_micros(1_795_512_600_000_000 + seq),
        })
        .collect();
    String::from_utf8(render(&[], &events).to_vec()).unwrap()
}

/// Rendered, one field a line.
fn pretty(lines: &str) -> String {
    let lines: Vec<_> = lines.lines().collect();
    let messages: serde_json::Value = serde_json::from_str(&rendered(&lines)).unwrap();
    serde_json::to_string_pretty(&messages).unwrap()
}

/// The content of the one message a line is.
fn content(line: &str) -> String {
    let messages = rendered(&[line]);
    let (_, rest) = messages.split_once(r#""content":"#).unwrap();
    rest.rsplit_once(r#","timestamp":"#).unwrap().0.to_owned()
}

#[test]
fn a_turn_with_a_tool_call() {
    insta::assert_snapshot!(pretty(TOOL_TURN));
}

#[test]
fn an_interrupted_turn() {
    insta::assert_snapshot!(pretty(INTERRUPTED_TURN));
}

#[test]
fn no_lines_are_an_empty_list() {
    assert_eq!(rendered(&[]), "[]");
}

#[test]
fn blocks_are_told_by_their_fields() {
    for (block, shown) in [
        (r#"{"type":"text","text":"a","citations":[]}"#, r#"{"text":"a"}"#),
        (r#"{"type":"thinking","thinking":"hm","signature":"s"}"#, r#"{"thinking":"hm","signature":"s"}"#),
        (r#"{"type":"thinking","thinking":"hm"}"#, r#"{"thinking":"hm","signature":null}"#),
        (
            r#"{"type":"tool_use","id":"t","name":"Bash","input":{"a": 1e5}}"#,
            r#"{"id":"t","name":"Bash","input":{"a": 1e5}}"#,
        ),
        (
            r#"{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"x"}]}"#,
            r#"{"tool_use_id":"t","content":[{"type":"text","text":"x"}],"is_error":null}"#,
        ),
        (r#"{"type":"redacted_thinking","data":"z"}"#, r#"{"type":"redacted_thinking","data":"z"}"#),
        (r#""no object""#, r#""no object""#),
    ] {
        let line = format!(r#"{{"type":"assistant","message":{{"model":"m","content":[{block}]}}}}"#);
        let expected = format!(r#"{{"content":[{shown}],"model":"m","parent_tool_use_id":null,"error":null}}"#);
        assert_eq!(content(&line), expected);
    }
}

#[test]
fn a_user_may_say_plain_text() {
    let line = r#"{"type":"user","message":{"role":"user","content":"hi"},"uuid":"u","parent_tool_use_id":"t"}"#;
    assert_eq!(content(line), r#"{"content":"hi","uuid":"u","parent_tool_use_id":"t"}"#);
}

#[test]
fn missing_fields_are_null() {
    assert_eq!(
        content(r#"{"type":"assistant"}"#),
        r#"{"content":null,"model":null,"parent_tool_use_id":null,"error":null}"#
    );
    assert_eq!(content(r#"{"type":"user"}"#), r#"{"content":null,"uuid":null,"parent_tool_use_id":null}"#);
    assert_eq!(content(r#"{"type":"system"}"#), r#"{"subtype":null,"data":{"type":"system"}}"#);
    let result = content(r#"{"num_turns":3,"type":"result"}"#);
    assert!(result.starts_with(r#"{"subtype":null,"duration_ms":null"#) && result.contains(r#""num_turns":3"#));
}

#[test]
fn what_no_shape_fits_is_shown_whole() {
    assert_eq!(content(r#"{"type":"later","x":1}"#), r#"{"subtype":null,"data":{"type":"later","x":1}}"#);
    assert_eq!(content("[1]"), r#"{"subtype":null,"data":[1]}"#);
    assert_eq!(content("not json"), r#"{"subtype":null,"data":null}"#);
}

#[test]
fn half_a_character_harms_nothing() {
    let line = r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"\ud83d"}]}}"#;
    assert!(content(line).contains(r#""content":"\ud83d""#));
}
