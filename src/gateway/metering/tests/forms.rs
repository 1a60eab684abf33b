//! Answers in another form than was asked for: each is known for what it is.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::{Case, HELD, INPUT, MODEL, OUTPUT, WHOLE, last_50, start, stop, text};
use crate::domain::EstimateReason::{Cut, NoUsage, UnconfirmedError, Unreadable};

fn message() -> String {
    json!({"type": "message", "model": MODEL, "content": [{"type": "text", "text": "Hi"}], "usage":
        {"input_tokens": 1_000, "output_tokens": 50}})
    .to_string()
}

fn stream() -> String {
    [start(), text("Hi"), last_50(), stop()].concat()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn knows_a_stream_however_it_is_written() {
    let crlf = stream().replace('\n', "\r\n");
    let tight = stream().replace("data: ", "data:").replace("event: ", "event:");
    let nameless: String = stream().split_inclusive('\n').filter(|line| !line.starts_with("event")).collect();
    let commented = stream().replace("event: ", ": hello\nid: 4\nretry: 5\nevent: ");
    let untyped = stream().replace(",\"type\":\"message_stop\"", "").replace("\"type\":\"message_stop\"", "");
    let several = "data: {\"type\":\ndata: \"message_delta\",\"delta\":{\"stop_reason\":\"x\"},\"usage\":{\"output_tokens\":50}}\n\n";
    for case in [
        Case::stream("CR LF", &[crlf], WHOLE),
        Case::stream("no spaces", &[tight], WHOLE),
        Case::stream("no names", &[nameless], WHOLE),
        Case::stream("comments", &[commented], WHOLE),
        Case::stream("a name for a type", &[untyped], WHOLE),
        Case::stream("a byte order mark", &["\u{feff}".to_owned(), stream()], WHOLE),
        Case::stream("blank lines first", &["\n\r\n".to_owned(), stream()], WHOLE),
        Case::stream("data in lines", &[start(), several.to_owned(), stop()], WHOLE),
        Case::stream("another type", &[stream()], WHOLE).with_headers(&[("content-type", "application/json")]),
        Case::stream("no type", &[stream()], WHOLE).with_headers(&[]),
        Case::stream("capitals", &[stream()], WHOLE).with_headers(&[("content-type", "Text/Event-Stream")]),
        Case { status: 201, ..Case::stream("another status", &[stream()], WHOLE) },
        Case { status: 500, ..Case::stream("an error's status", &[stream()], WHOLE) },
        Case { body: gzip(&stream()), ..Case::stream("compressed", &[], WHOLE) }
            .with_headers(&[("content-type", "text/event-stream"), ("content-encoding", "gzip")]),
        Case { body: gzip(&stream()), ..Case::stream("compressed in secret", &[], WHOLE) },
        Case { body: gzip(&stream()), ..Case::stream("compressed unheard of", &[], INPUT + OUTPUT) }
            .with_headers(&[("content-type", "text/event-stream"), ("content-encoding", "br")])
            .because(Unreadable),
        Case::stream("text that calls itself compressed", &[stream()], INPUT + OUTPUT)
            .with_headers(&[("content-type", "text/event-stream"), ("content-encoding", "gzip")])
            .because(Unreadable),
    ] {
        case.check();
    }
}

#[test]
fn knows_a_document_whatever_it_is_called() {
    let error = json!({"type": "error", "error": {"type": "api_error", "message": "no"}}).to_string();
    let deep = format!("{}{}", "[".repeat(400), "]".repeat(400));
    let deep = message().replace("\"text\":\"Hi\"", &format!("\"input\":{{\"a\":{deep}}}"));
    let without_output = json!({"usage": {"input_tokens": 1_000}}).to_string();
    let twice = r#"{"usage":{"input_tokens":1,"output_tokens":1},"usage":{"input_tokens":9,"output_tokens":9}}"#;
    for case in [
        Case::document("a message", 200, message(), WHOLE),
        Case::document("a message and blanks", 200, format!("\r\n {}\n", message()), WHOLE),
        Case::document("a byte order mark", 200, format!("\u{feff}{}", message()), WHOLE),
        Case::stream("a message for a stream", &[message()], WHOLE),
        Case::document("created", 201, message(), WHOLE),
        Case::document("no type", 200, message(), WHOLE).with_headers(&[]),
        Case::document("called text", 200, message(), WHOLE).with_headers(&[("content-type", "text/plain")]),
        Case::document("compressed", 200, gzip(&message()), WHOLE)
            .with_headers(&[("content-type", "application/json"), ("content-encoding", "x-gzip")]),
        Case::document("a redirect that answers", 302, message(), WHOLE),
        Case::document("a refusal that answers", 400, message(), WHOLE),
        Case::document("a deep input", 200, deep, WHOLE),
        Case::document("an error that is called a success", 200, error.clone(), 0),
        Case::stream("an error for a stream", std::slice::from_ref(&error), 0),
        Case::document("no usage", 200, "{}", INPUT + OUTPUT).because(NoUsage),
        Case::document("half a usage", 200, without_output, HELD).because(NoUsage),
        Case::document("two usages", 200, twice, INPUT + OUTPUT).because(Unreadable),
        Case::document("nothing", 200, "", INPUT + OUTPUT).because(NoUsage),
        Case::document("no content", 204, "", INPUT + OUTPUT).because(NoUsage),
        Case::document("a list", 200, format!("[{}]", message()), INPUT + OUTPUT).because(Unreadable),
        Case::document("a page", 200, "<html>Hi</html>", INPUT + OUTPUT).because(Unreadable),
        Case::document("half a message", 200, &message().as_bytes()[..60], INPUT + OUTPUT).because(Unreadable),
        Case::document("a message that was cut", 200, &message().as_bytes()[..60], INPUT + OUTPUT)
            .because(Cut)
            .broken(Cut),
    ] {
        case.check();
    }
}

#[test]
fn an_error_costs_nothing_when_the_model_was_certainly_not_asked() {
    let error = json!({"type": "error", "error": {"type": "api_error", "message": "no"}}).to_string();
    for status in [400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504, 529] {
        Case::document("the API's error", status, error.clone(), 0).check();
    }
    for status in [301, 302, 307, 400, 403, 404, 413, 429, 501, 503, 529] {
        Case::document("a refusal", status, "<html>no</html>", 0).check();
        Case::document("a refusal that was cut", status, "{\"type\":\"err", 0).broken(Cut).check();
        Case::document("an empty refusal", status, "", 0).check();
    }
    for status in [408, 499, 500, 502, 504, 520, 524] {
        for body in ["<html>no</html>", "", "{}", "{\"type\":\"err"] {
            Case::document("it may have worked", status, body, INPUT + OUTPUT).because(UnconfirmedError).check();
        }
    }
}
