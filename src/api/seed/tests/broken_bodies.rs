//! Bodies that hold no JSON object.

use super::{read, read_json};
use crate::api::input::{UnreadBody, read_body};

const VALUE: &str = "Expecting value";
const NAME: &str = "Expecting property name enclosed in double quotes";
const COLON: &str = "Expecting ':' delimiter";
const COMMA: &str = "Expecting ',' delimiter";
const OPEN: &str = "Unterminated string starting at";
const CONTROL: &str = "Invalid control character at";
const UNICODE: &str = "Invalid \\uXXXX escape";

/// Texts that are no JSON: where each breaks, and why.
const BROKEN: [(&str, usize, &str); 60] = [
    ("{", 1, NAME),
    ("{,}", 1, NAME),
    ("{prompt:1}", 1, NAME),
    ("{'prompt':1}", 1, NAME),
    ("{\"prompt\":\"x\",}", 14, NAME),
    ("{\"a\":1,", 7, NAME),
    ("{\"a\":1,2}", 7, NAME),
    ("\n{\"prompt\":\"x\"\n,}", 16, NAME),
    ("{\"prompt\"", 9, COLON),
    ("{\"a\" 1}", 5, COLON),
    ("{\"a\":1,\"b\"}", 10, COLON),
    ("{\"prompt\":", 10, VALUE),
    ("{\"a\":}", 5, VALUE),
    ("{\"a\":-}", 5, VALUE),
    ("{\"a\":tRue}", 5, VALUE),
    ("{\"a\":NaN}", 5, VALUE),
    ("   ", 3, VALUE),
    ("x", 0, VALUE),
    ("nul", 0, VALUE),
    ("-", 0, VALUE),
    (".5", 0, VALUE),
    ("+1", 0, VALUE),
    ("-Infinity", 0, VALUE),
    ("\u{b}{}", 0, VALUE),
    ("[", 1, VALUE),
    ("[,1]", 1, VALUE),
    ("[1,]", 3, VALUE),
    ("[1,\n2,\n", 7, VALUE),
    ("{\"prompt\":\"x\"", 13, COMMA),
    ("{\"a\":1 \"b\":2}", 7, COMMA),
    ("{\"a\":\"b\"]", 8, COMMA),
    ("{\"a\":1.}", 6, COMMA),
    ("{\"a\":01}", 6, COMMA),
    ("{\"a\":1e5x}", 8, COMMA),
    ("{\"é\":\"é\" x", 9, COMMA),
    ("[1", 2, COMMA),
    ("[1 2]", 3, COMMA),
    ("[1.5.5]", 4, COMMA),
    ("[[1}", 3, COMMA),
    ("01", 1, "Extra data"),
    ("1.", 1, "Extra data"),
    ("1e", 1, "Extra data"),
    ("1 2", 2, "Extra data"),
    ("[]]", 2, "Extra data"),
    ("{\"a\":1}}", 7, "Extra data"),
    ("{\"prompt\":\"x\"} x", 15, "Extra data"),
    ("{\"prompt\":\"x\"}\0", 14, "Extra data"),
    ("\"abc", 0, OPEN),
    ("\"\\", 0, OPEN),
    ("\"\\ud83d\\\"", 0, OPEN),
    ("{\"prompt\":\"é", 10, OPEN),
    ("\"a\\x\"", 2, "Invalid \\escape"),
    ("\"a\\u12\"", 3, UNICODE),
    ("\"\\u", 2, UNICODE),
    ("\"\\u0041", 2, UNICODE),
    ("\"\\ud800\\u\"", 8, UNICODE),
    ("\"\\uD83D\\uDE0\"", 8, UNICODE),
    ("\"a\nb\"", 2, CONTROL),
    ("{\"a\":\"x\ty\"}", 7, CONTROL),
    ("\"\0\"", 1, CONTROL),
];

fn missing() -> (u16, String) {
    (422, r#"{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}"#.to_owned())
}

fn no_object(input: &str) -> (u16, String) {
    let msg = "Input should be a valid dictionary or object to extract fields from";
    let fault = format!(r#"{{"type":"model_attributes_type","loc":["body"],"msg":"{msg}","input":{input}}}"#);
    (422, format!(r#"{{"detail":[{fault}]}}"#))
}

fn broken(place: usize, error: &str) -> (u16, String) {
    let error = serde_json::to_string(error).unwrap();
    let fault = format!(
        r#"{{"type":"json_invalid","loc":["body",{place}],"msg":"JSON decode error","input":{{}},"ctx":{{"error":{error}}}}}"#
    );
    (422, format!(r#"{{"detail":[{fault}]}}"#))
}

#[tokio::test]
async fn nothing_is_a_missing_body() {
    for (content_type, bytes) in [
        (Some("application/json"), &b""[..]),
        (Some("application/json"), b"null"),
        (Some("application/json"), b" null\n"),
        (Some("text/plain"), b""),
        (None, b""),
    ] {
        assert_eq!(read(content_type, bytes).await, Err(missing()));
    }
}

#[tokio::test]
async fn other_json_is_no_object() {
    for text in ["[]", "\"x\"", "5", "true"] {
        assert_eq!(read_json(text.as_bytes()).await, Err(no_object(text)));
    }
}

#[tokio::test]
async fn what_is_not_labelled_as_json_is_a_text() {
    let body = br#"{"prompt":"x"}"#;
    for label in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;",
        "Application/JSON",
        "application/vnd.api+json",
        "application/ld+json; x=y",
        "",
    ] {
        assert!(read(Some(label), body).await.is_ok(), "{label}");
    }
    assert!(read(None, body).await.is_ok());
    for label in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonx",
        "json",
        "text/json",
        "application/json, text/plain",
        "application / json",
    ] {
        assert_eq!(read(Some(label), body).await, Err(no_object(r#""{\"prompt\":\"x\"}""#)), "{label}");
    }
    assert_eq!(read(Some("text/plain"), b"null").await, Err(no_object("\"null\"")));
    assert_eq!(read(Some("text/plain"), b"\xff").await, Err(no_object("\"\u{fffd}\"")));
}

#[tokio::test]
async fn broken_json_is_told_by_the_place_it_breaks_at() {
    for (text, place, error) in BROKEN {
        assert_eq!(read_json(text.as_bytes()).await, Err(broken(place, error)), "{text:?}");
    }
}

#[tokio::test]
async fn depth_alone_breaks_nothing() {
    let deep = format!(r#"{{"prompt":"x","other":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(read_json(deep.as_bytes()).await.is_ok());
    assert_eq!(read_json("[".repeat(100_000).as_bytes()).await, Err(broken(100_000, "Expecting value")));
}

#[tokio::test]
async fn a_body_that_is_no_text_cannot_be_parsed() {
    let unreadable = (400, r#"{"detail":"There was an error parsing the body"}"#.to_owned());
    for bytes in [&b"\xff"[..], b"{\"prompt\":\"\xff\"}", b"{\"prompt\":\"x\"}\xff"] {
        assert_eq!(read_json(bytes).await, Err(unreadable.clone()));
    }
    assert!(read_json("\u{feff}{\"prompt\":\"x\"}".as_bytes()).await.is_ok());
}

#[tokio::test]
async fn a_body_past_the_limit_is_not_read() {
    let within = read_body("12345".into(), 5).await.unwrap();
    assert_eq!(within, "12345");
    assert!(matches!(read_body("123456".into(), 5).await, Err(UnreadBody::TooLarge { limit: 5 })));
}
