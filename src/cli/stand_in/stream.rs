//! An answer as the frames of a response body: server-sent events, or one JSON document, at the script's pace and
//! with the script's failure.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use super::answer::{Answer, Block};
use super::record::Delivery;
use super::script::Ending;
use super::text::split_usually;

/// A part of a body that is sent at once.
pub(super) enum Frame {
    /// What comes before the content.
    Opening(Bytes),
    /// A piece of the content: what scripts count.
    Chunk(Bytes),
    /// What follows when all content is sent.
    Closing(Bytes),
}

/// The frames of one body, made as they are sent.
pub(super) type Frames = Box<dyn Iterator<Item = Frame> + Send>;

/// A body being sent.
pub(super) struct Playback {
    frames: Frames,
    /// How long to wait before each chunk.
    pace: Duration,
    /// How the body breaks off, and after how many chunks.
    breaks: Option<(u64, Ending)>,
    /// How many chunks were sent.
    chunks: u64,
    /// What the response is known by in errors.
    request_id: String,
    /// Where it is recorded what became of it.
    delivery: Delivery,
}

impl Playback {
    /// A playback of `frames`, waiting `pace` before each chunk. It `breaks` off after so many chunks, or after all.
    pub(super) fn new(
        frames: Frames,
        pace: Duration,
        breaks: Option<(u64, Ending)>,
        request_id: &str,
        delivery: Delivery,
    ) -> Self {
        Self { frames, pace, breaks, chunks: 0, request_id: request_id.to_owned(), delivery }
    }

    /// The body of the response.
    pub(super) fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(self, |playback| async move { playback.next().await }))
    }

    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        let Some(frame) = self.frames.next() else {
            self.delivery.finish();
            return None;
        };
        let is_content = matches!(frame, Frame::Chunk(_));
        if is_content && !self.pace.is_zero() {
            tokio::time::sleep(self.pace).await;
        }
        let is_due = |breaks: &mut (u64, Ending)| match frame {
            Frame::Opening(_) => false,
            Frame::Chunk(_) => breaks.0 <= self.chunks,
            Frame::Closing(_) => true,
        };
        if let Some((_, ending)) = self.breaks.take_if(is_due) {
            return self.end(ending).await;
        }
        if is_content {
            self.chunks += 1;
            self.delivery.send_chunk();
        }
        let (Frame::Opening(bytes) | Frame::Chunk(bytes) | Frame::Closing(bytes)) = frame;
        Some((Ok(bytes), self))
    }

    async fn end(mut self, ending: Ending) -> Option<(io::Result<Bytes>, Self)> {
        self.frames = Box::new(std::iter::empty());
        match ending {
            Ending::Error(error) => {
                let event = event(&error.envelope(&self.request_id));
                Some((Ok(event), self))
            }
            Ending::Cut => {
                // Lets the server send what it holds before it drops the connection.
                tokio::time::sleep(Duration::from_millis(1)).await;
                self.delivery.finish();
                Some((Err(io::ErrorKind::ConnectionAborted.into()), self))
            }
            Ending::Stall => std::future::pending().await,
        }
    }
}

/// The events of `answer`.
pub(super) fn events(answer: Answer) -> Frames {
    let opening = Frame::Opening(event(&json!({"type": "message_start", "message": answer.opening()})));
    let closing = [
        json!({
            "type": "message_delta",
            "delta": {"stop_reason": answer.stop_reason, "stop_sequence": null},
            "usage": answer.usage.at_end(),
        }),
        json!({"type": "message_stop"}),
    ];
    let blocks = answer.blocks.into_iter().enumerate().flat_map(|(index, block)| block_events(index, block));
    let closing = closing.into_iter().map(|said| Frame::Closing(event(&said)));
    Box::new(std::iter::once(opening).chain(blocks).chain(closing))
}

/// `answer` as one document, in two pieces so that it can break off between them.
pub(super) fn document(answer: Answer) -> Frames {
    let mut first = Bytes::from(answer.whole().to_string());
    let second = first.split_off(first.len() / 2);
    Box::new([Frame::Chunk(first), Frame::Closing(second)].into_iter())
}

fn block_events(index: usize, block: Block) -> impl Iterator<Item = Frame> + Send {
    let start = |block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let (start, deltas): (Value, Box<dyn Iterator<Item = Value> + Send>) = match block {
        Block::Thinking(thinking) => {
            let signature = json!({"type": "signature_delta", "signature": Block::signature(&thinking)});
            let thoughts = split_usually(&thinking).into_iter();
            let deltas = thoughts.map(|thinking| json!({"type": "thinking_delta", "thinking": thinking}));
            let block = json!({"type": "thinking", "thinking": "", "signature": ""});
            (start(block), Box::new(deltas.chain([signature])))
        }
        Block::Text(text) => {
            let deltas = text.pieces().map(|text| json!({"type": "text_delta", "text": text}));
            (start(json!({"type": "text", "text": ""})), Box::new(deltas))
        }
        Block::ToolUse { id, call } => {
            let input = split_usually(&call.arguments().to_string()).into_iter();
            let deltas = input.map(|input| json!({"type": "input_json_delta", "partial_json": input}));
            let block = json!({"type": "tool_use", "id": id, "name": call.name, "input": {}});
            (start(block), Box::new(deltas))
        }
    };
    let ping = (index == 0).then(|| Frame::Opening(event(&json!({"type": "ping"}))));
    let deltas = deltas
        .map(move |delta| Frame::Chunk(event(&json!({"type": "content_block_delta", "index": index, "delta": delta}))));
    let stop = Frame::Opening(event(&json!({"type": "content_block_stop", "index": index})));
    std::iter::once(Frame::Opening(event(&start))).chain(ping).chain(deltas).chain([stop])
}

/// A server-sent event that is called what its data says.
fn event(data: &Value) -> Bytes {
    let name = data["type"].as_str().unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}
