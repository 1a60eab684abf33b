//! Lines of the agent as they come, and as they must never come.

use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{AgentLine, Loss, Meaning, read_beginning, read_line};
use crate::domain::EventKind;

/// A value that is nested so deep, in arrays and objects by turns.
fn nested(depth: usize) -> String {
    let open: String = (0..depth).map(|at| if at % 2 == 0 { "[" } else { r#"{"a":"# }).collect();
    let close: String = (0..depth).rev().map(|at| if at % 2 == 0 { "]" } else { "}" }).collect();
    format!("{open}1{close}")
}

#[test]
fn half_an_emoji_is_replaced_and_reported() {
    let line = read_line(br#"{"type":"user","a":"\ud83d","b":"\ud83d\ude00","c":"\\ud83d","d":"x\ude00\\"}"#);
    assert_eq!((line.kind, line.loss.lone_surrogates), (EventKind::Message, 2));
    let value: Value = serde_json::from_str(&line.payload).unwrap();
    assert_eq!((&value["a"], &value["b"]), (&"\u{fffd}".into(), &"😀".into()));
    assert_eq!((&value["c"], &value["d"]), (&"\\ud83d".into(), &"x\u{fffd}\\".into()));
}

#[test]
fn what_is_no_json_is_kept_as_text() {
    let line = read_line(b"oops \xff \\ud83d \0");
    assert_eq!((line.kind, line.loss.not_utf8), (EventKind::AgentError, 1));
    assert_eq!(line.payload, r#"{"text":"oops � \\ud83d \u0000"}"#);
}

#[test]
fn a_type_of_a_later_version_is_kept() {
    for text in [r#"{"type":"from_the_future","x":1}"#, "[1]", "7", "null", r#"{"type":7}"#, "{}"] {
        let line = read_line(text.as_bytes());
        assert_eq!((line.kind, line.meaning, &*line.payload), (EventKind::AgentLine, Meaning::Other, text));
    }
}

#[test]
fn a_result_of_any_depth_ends_the_turn() {
    for depth in [127, 150, 9_000, 100_000] {
        let denied = format!(
            r#"{{"permission_denials":[{{"tool_input":{}}}],"is_error":false,"num_turns":3,"type":"result"}}"#,
            nested(depth)
        );
        let line = read_line(denied.as_bytes());
        let Meaning::Result(result) = line.meaning else { panic!("no result at depth {depth}") };
        assert_eq!((result.report.num_turns, result.error), (3, None));
        assert_eq!(line.loss.is_empty(), depth < 10_000, "{depth}");
        assert_eq!(line.payload == denied, depth < 10_000, "{depth}");
    }
}

#[test]
fn messages_and_transcript_keep_what_is_nested() {
    let input = nested(5_000);
    let line = read_line(
        format!(r#"{{"type":"assistant","message":{{"content":[{{"type":"tool_use","input":{input}}}]}}}}"#).as_bytes(),
    );
    assert!(line.kind == EventKind::Message && line.payload.contains(&input) && line.loss.is_empty());
    let entry = format!(r#"{{"type":"assistant", "x":{}}}"#, nested(50_000));
    let line = read_line(format!(r#"{{"type":"transcript_mirror","entries":[{entry},{{}}]}}"#).as_bytes());
    assert_eq!((line.meaning, line.loss), (Meaning::Transcript(vec![entry, "{}".to_owned()]), Loss::default()));
}

#[test]
fn every_request_with_an_id_is_a_question() {
    for request in ["{}", "null", r#"{"subtype":"of_the_future"}"#, &format!(r#"{{"input":{}}}"#, nested(20_000))] {
        let line = format!(r#"{{"type":"control_request","request_id":"r","request":{request}}}"#);
        assert!(matches!(read_line(line.as_bytes()).meaning, Meaning::Asked(_)));
    }
}

#[test]
fn states_are_told_apart() {
    let working = |state: &str| {
        let line = format!(r#"{{"type":"system","subtype":"session_state_changed","state":"{state}"}}"#);
        read_line(line.as_bytes()).meaning
    };
    assert_eq!(working("idle"), Meaning::Working(false));
    assert_eq!([working("running"), working("requires_action")], [Meaning::Working(true), Meaning::Working(true)]);
}

#[test]
fn whole_entries_before_a_cut_are_kept() {
    let entries = |text: &str| {
        let AgentLine { meaning, loss, .. } = read_beginning(text.as_bytes());
        assert_eq!(loss.cut_after_bytes, text.len() as u64);
        meaning
    };
    let mirror = r#"{"type":"transcript_mirror","filePath":"x","entries":[{"a":1},{"b":"],"},{"c":"#;
    assert_eq!(entries(mirror), Meaning::Transcript(vec![r#"{"a":1}"#.to_owned(), r#"{"b":"],"}"#.to_owned()]));
    assert_eq!(entries(r#"{"type":"transcript_mirror","entries":[{"a":1}"#), Meaning::Transcript(vec![]));
    assert_eq!(entries(r#"{"type":"user","message":"#), Meaning::Other);
}

#[test]
fn numbers_beyond_a_double_are_kept_as_written() {
    for line in ["1e999", "-1e400", r#"{"type":"user","a":1e999,"b":123456789012345678901234567890}"#] {
        let read = read_line(line.as_bytes());
        assert_eq!((&*read.payload, read.loss), (line, Loss::default()));
    }
    let result = br#"{"type":"result","result":"x","num_turns":1e999,"usage":{"input_tokens":1e999}}"#;
    let Meaning::Result(result) = read_line(result).meaning else { panic!("no result") };
    assert_eq!((result.error, result.report.num_turns, result.report.usage), (None, 0, Value::Null));
}

/// A line that is made to be misread: words of the protocol, brackets, escapes and bytes that are no text.
fn hostile_line() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        &b"{"[..],
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b":",
        b",",
        b"\\ud83d",
        b"\\u0000",
        b"\0",
        b"\xff",
        b"\xf0\x9f",
        b"1e999",
        b"\"type\":",
        b"\"result\"",
        b"\"system\"",
        b"\"transcript_mirror\"",
        b"\"entries\":[",
        b"\"control_request\"",
        b"\"request_id\":",
        b"\"request\":{",
        b"\"is_error\":true",
        b"null",
        b"\"usage\":",
        b"\"\":",
    ]);
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn whatever_comes_is_kept_as_valid_json(bytes in prop_oneof![hostile_line(), prop::collection::vec(any::<u8>(), 0..64)]) {
        for line in [read_line(&bytes), read_beginning(&bytes)] {
            prop_assert!(serde_json::from_str::<&RawValue>(&line.payload).is_ok(), "{}", line.payload);
            prop_assert!(!line.payload.contains('\0'));
        }
    }

    #[test]
    fn valid_json_is_kept_to_the_byte(text in ".*", number in any::<i64>(), depth in 0_usize..300) {
        let line = format!(r#"{{"type":"user","a":{},"b":{number},"c":{}}}"#, Value::from(text), nested(depth));
        let read = read_line(line.as_bytes());
        prop_assert_eq!((read.payload, read.loss), (line, Loss::default()));
    }
}
