//! The agent's lines as the messages the API shows: the shapes their types have in the agent's Python SDK.
//!
//! A line is taken apart no further than its shape differs; the rest is copied as the agent wrote it. A line may lack
//! any field, which is then `null`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::{Event, Timestamp};

/// A message as the API shows it.
#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    content: Content<'a>,
    timestamp: Timestamp,
}

/// The sorts of messages.
#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    System { subtype: Raw<'a>, data: Raw<'a> },
    Assistant { content: Blocks<'a>, model: Raw<'a>, parent_tool_use_id: Raw<'a>, error: () },
    User { content: Blocks<'a>, uuid: Raw<'a>, parent_tool_use_id: Raw<'a> },
    Result(Box<ResultLine<'a>>),
}

/// What is said: blocks, or plain text.
#[derive(Serialize)]
#[serde(untagged)]
enum Blocks<'a> {
    List(Vec<Block<'a>>),
    Other(Raw<'a>),
}

/// A block, without its type: its fields tell it.
#[derive(Serialize)]
#[serde(untagged)]
enum Block<'a> {
    Text {
        text: Raw<'a>,
    },
    Thinking {
        thinking: Raw<'a>,
        signature: Raw<'a>,
    },
    ToolUse {
        id: Raw<'a>,
        name: Raw<'a>,
        input: Raw<'a>,
    },
    ToolResult {
        tool_use_id: Raw<'a>,
        content: Raw<'a>,
        is_error: Raw<'a>,
    },
    /// A sort this API has no shape for, as it is.
    Other(&'a RawValue),
}

/// A JSON value as the agent wrote it.
type Raw<'a> = Option<&'a RawValue>;

/// What is read of a line that is not a result.
#[derive(Deserialize, Default)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct Line<'a> {
    r#type: Raw<'a>,
    subtype: Raw<'a>,
    message: Raw<'a>,
    uuid: Raw<'a>,
    parent_tool_use_id: Raw<'a>,
}

/// What is read of a line's message.
#[derive(Deserialize, Default)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct Inner<'a> {
    content: Raw<'a>,
    model: Raw<'a>,
}

/// A result, of which the same is read and shown.
#[derive(Deserialize, Default, Serialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct ResultLine<'a> {
    subtype: Raw<'a>,
    duration_ms: Raw<'a>,
    duration_api_ms: Raw<'a>,
    is_error: Raw<'a>,
    num_turns: Raw<'a>,
    session_id: Raw<'a>,
    total_cost_usd: Raw<'a>,
    usage: Raw<'a>,
    result: Raw<'a>,
    structured_output: Raw<'a>,
}

/// All fields of all sorts of blocks.
#[derive(Deserialize, Default)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct AnyBlock<'a> {
    r#type: Raw<'a>,
    text: Raw<'a>,
    thinking: Raw<'a>,
    signature: Raw<'a>,
    id: Raw<'a>,
    name: Raw<'a>,
    input: Raw<'a>,
    tool_use_id: Raw<'a>,
    content: Raw<'a>,
    is_error: Raw<'a>,
}

/// Renders events that are messages as one JSON array, after those that an earlier array, or nothing, holds.
pub(super) fn render(earlier: &[u8], events: &[Event]) -> Bytes {
    let more: usize = events.iter().map(|event| event.payload.len() + 128).sum();
    let mut array = Vec::with_capacity(2 + earlier.len() + more);
    array.extend_from_slice(earlier.strip_suffix(b"]").unwrap_or(b"["));
    for event in events {
        if array.len() > 1 {
            array.push(b',');
        }
        serde_json::to_writer(&mut array, &message(event))
            .expect("our own views have text keys and no failing serializer");
    }
    array.push(b']');
    array.into()
}

/// The answer in a line that is a result, as JSON; `None` for any other line.
pub(super) fn answer(line: &str) -> Option<&RawValue> {
    let whole: Line<'_> = parse(line);
    let is_result = whole.r#type.map(RawValue::get) == Some(r#""result""#);
    let result: ResultLine<'_> = is_result.then(|| parse(line))?;
    result.result.filter(|answer| answer.get().starts_with('"'))
}

fn message(event: &Event) -> Message<'_> {
    let line: Line<'_> = parse(&event.payload);
    let (kind, content) = match line.r#type.map(RawValue::get) {
        Some(r#""assistant""#) => ("AssistantMessage", assistant(&line)),
        Some(r#""user""#) => ("UserMessage", user(&line)),
        Some(r#""result""#) => ("ResultMessage", Content::Result(Box::new(parse(&event.payload)))),
        _ => {
            let data = serde_json::from_str(&event.payload).ok();
            ("SystemMessage", Content::System { subtype: line.subtype, data })
        }
    };
    Message { kind, content, timestamp: event.at }
}

fn assistant<'a>(line: &Line<'a>) -> Content<'a> {
    let inner = inner(line);
    Content::Assistant {
        content: blocks(inner.content),
        model: inner.model,
        parent_tool_use_id: line.parent_tool_use_id,
        error: (),
    }
}

fn user<'a>(line: &Line<'a>) -> Content<'a> {
    Content::User { content: blocks(inner(line).content), uuid: line.uuid, parent_tool_use_id: line.parent_tool_use_id }
}

fn inner<'a>(line: &Line<'a>) -> Inner<'a> {
    line.message.map(|message| parse(message.get())).unwrap_or_default()
}

fn blocks(content: Raw<'_>) -> Blocks<'_> {
    match content.map(|content| serde_json::from_str::<Vec<&RawValue>>(content.get())) {
        Some(Ok(list)) => Blocks::List(list.into_iter().map(block).collect()),
        _ => Blocks::Other(content),
    }
}

fn block(raw: &RawValue) -> Block<'_> {
    let block: AnyBlock<'_> = parse(raw.get());
    match block.r#type.map(RawValue::get) {
        Some(r#""text""#) => Block::Text { text: block.text },
        Some(r#""thinking""#) => Block::Thinking { thinking: block.thinking, signature: block.signature },
        Some(r#""tool_use""#) => Block::ToolUse { id: block.id, name: block.name, input: block.input },
        Some(r#""tool_result""#) => {
            Block::ToolResult { tool_use_id: block.tool_use_id, content: block.content, is_error: block.is_error }
        }
        _ => Block::Other(raw),
    }
}

/// Reads an object; what is none has no fields.
fn parse<'a, T: Deserialize<'a> + Default>(text: &'a str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}
