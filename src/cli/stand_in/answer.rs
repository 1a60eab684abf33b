//! One answer of the model: what it thinks, says or calls, and the tokens it took.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::natural::MARK;
use super::request::MessagesRequest;
use super::script::{Move, Script, ToolCall};
use super::text::Text;
use super::usage::{Sizes, Usage};

/// What a script without a text says.
const NOTHING_ELSE: &str = "The script is done.";

/// A message of the model, before it is known whether it streams.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The message's id.
    pub(super) id: String,
    /// The model that claims to have answered.
    pub(super) model: String,
    /// What it consists of.
    pub(super) blocks: Vec<Block>,
    /// Why the model stopped.
    pub(super) stop_reason: String,
    /// The tokens it took.
    pub(super) usage: Usage,
    /// How long to wait before each delta.
    pub(super) pace: Duration,
}

/// A part of an answer.
#[derive(Clone, Debug)]
pub(super) enum Block {
    /// What the model thinks.
    Thinking(String),
    /// What it says.
    Text(Text),
    /// A tool it calls.
    ToolUse {
        /// The id that the result will name.
        id: String,
        /// Which tool, with what.
        call: ToolCall,
    },
}

impl Answer {
    /// The answer of `script` to `request`, which is `request_bytes` long, after `tool_calls` tools of its turn.
    pub(super) fn new(script: &Script, request: &MessagesRequest, request_bytes: usize, tool_calls: usize) -> Self {
        let (step, call) = script.next(tool_calls);
        let (blocks, mut stop_reason) = content(script, request, step);
        let mut usage = script.usage_of(call).map_or_else(
            || {
                Usage::estimated(Sizes {
                    request_bytes,
                    answer_bytes: blocks.iter().map(Block::estimated_bytes).sum(),
                    max_tokens: request.max_tokens,
                    is_continued: request.is_continued(),
                })
            },
            Usage::scripted,
        );
        if usage.cap(request.max_tokens) {
            "max_tokens".clone_into(&mut stop_reason);
        }
        Self {
            id: format!("msg_{}", Uuid::new_v4().simple()),
            model: script.model.clone().unwrap_or_else(|| request.model.clone()),
            blocks,
            stop_reason,
            usage,
            pace: Duration::from_millis(script.chunk_delay_ms),
        }
    }

    /// How long it takes to stream, at its pace.
    pub(super) fn duration(&self) -> Duration {
        if self.pace.is_zero() {
            return Duration::ZERO;
        }
        let deltas: usize = self.blocks.iter().cloned().map(Block::deltas).sum();
        self.pace.saturating_mul(u32::try_from(deltas).unwrap_or(u32::MAX))
    }

    /// The message as it is while nothing of it has been said.
    pub(super) fn opening(&self) -> Value {
        self.message(&json!([]), &Value::Null, &self.usage.at_start())
    }

    /// The whole message.
    pub(super) fn whole(self) -> Value {
        let content: Vec<Value> = self.blocks.iter().cloned().map(Block::whole).collect();
        self.message(&json!(content), &json!(self.stop_reason), &self.usage.whole())
    }

    fn message(&self, content: &Value, stop_reason: &Value, usage: &Value) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": null,
            "usage": usage,
        })
    }
}

impl Script {
    /// What is said at the end of the turn.
    fn answer(&self) -> Text {
        let text = self.text.clone();
        let said = || text.clone().unwrap_or_else(|| format!("{MARK} {NOTHING_ELSE}"));
        match (self.count, self.repeat_bytes, self.chunks) {
            (Some((from, to)), _, _) => Text::Numbers { introduction: text.unwrap_or_default(), from, to },
            (_, Some(bytes), _) => Text::Repeated {
                text: text.filter(|text| !text.is_empty()).unwrap_or_else(|| format!("{MARK} ")),
                bytes,
            },
            (_, _, Some(pieces)) => match text {
                Some(text) => Text::Given { text, pieces },
                None => Text::Numbers {
                    introduction: String::new(),
                    from: 1,
                    to: u64::try_from(pieces).unwrap_or(u64::MAX),
                },
            },
            (None, None, None) => Text::plain(said()),
        }
    }
}

impl Block {
    fn tool_use(call: ToolCall) -> Self {
        let id = format!("toolu_{}", Uuid::new_v4().simple());
        Self::ToolUse { id, call }
    }

    /// The signature that comes with thinking: the agent hands it back unread.
    pub(super) fn signature(thinking: &str) -> String {
        format!("stand-in-{}", thinking.len())
    }

    fn estimated_bytes(&self) -> usize {
        match self {
            Self::Thinking(thinking) => thinking.len(),
            Self::Text(text) => text.estimated_bytes(),
            Self::ToolUse { call, .. } => call.arguments().to_string().len(),
        }
    }

    fn deltas(self) -> usize {
        match self {
            Self::Text(text) => text.pieces().count(),
            Self::Thinking(_) | Self::ToolUse { .. } => 1,
        }
    }

    fn whole(self) -> Value {
        match self {
            Self::Thinking(thinking) => {
                let signature = Self::signature(&thinking);
                json!({"type": "thinking", "thinking": thinking, "signature": signature})
            }
            Self::Text(text) => json!({"type": "text", "text": text.pieces().collect::<String>()}),
            Self::ToolUse { id, call } => {
                json!({"type": "tool_use", "id": id, "name": call.name, "input": call.arguments()})
            }
        }
    }
}

/// What the answer consists of, and why it stops.
fn content(script: &Script, request: &MessagesRequest, step: Move) -> (Vec<Block>, String) {
    let mut blocks: Vec<Block> = script.thinking.clone().map(Block::Thinking).into_iter().collect();
    let stop_reason = match step {
        Move::Tools(calls) if calls.iter().all(|call| request.offers(&call.name)) => {
            blocks.extend(calls.into_iter().map(Block::tool_use));
            "tool_use"
        }
        Move::Tools(calls) => {
            let missing = calls.iter().find(|call| !request.offers(&call.name));
            blocks.extend(missing.map(not_offered));
            "end_turn"
        }
        Move::Answer => {
            blocks.push(Block::Text(script.answer()));
            script.stop_reason.as_deref().unwrap_or("end_turn")
        }
    };
    (blocks, stop_reason.to_owned())
}

fn not_offered(call: &ToolCall) -> Block {
    let said = format!("{MARK} The script calls the tool {}, which this request does not offer.", call.name);
    Block::Text(Text::plain(said))
}
