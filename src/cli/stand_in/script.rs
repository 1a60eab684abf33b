//! Scripts: what a prompt can ask the stand-in to do, and which part of it a request is due.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::errors::{ApiError, status_of};

/// What a prompt says right before its script.
const MARKER: &str = "@stand-in ";

/// The most rounds of a tool that does nothing: above it a script is a mistake.
const MOST_TURNS: usize = 10_000;

/// Token counts by the API's names; names unknown here go out as they came.
pub(super) type Counts = Map<String, Value>;

/// One script, as it is written in a prompt. The module's documentation says what each field does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Script {
    /// What the answer says.
    pub(super) text: Option<String>,
    /// Numbers to say after `text`, one a delta: the first and the last.
    pub(super) count: Option<(u64, u64)>,
    /// How long the answer is: `text` is said until then.
    pub(super) repeat_bytes: Option<usize>,
    /// In how many deltas `text` streams.
    pub(super) chunks: Option<usize>,
    /// How long to wait before each delta.
    pub(super) chunk_delay_ms: u64,
    /// How long to wait before the response begins.
    pub(super) delay_ms: u64,
    /// What the model thinks before it speaks.
    pub(super) thinking: Option<String>,
    /// The model that claims to have answered.
    pub(super) model: Option<String>,
    /// The usage of every model call.
    pub(super) usage: Option<Counts>,
    /// The usage of each model call of the turn; the last one goes on.
    pub(super) usages: Vec<Counts>,
    /// Tools to call before the answer.
    pub(super) tools: Vec<Step>,
    /// How many rounds of a tool that does nothing to add.
    pub(super) turns: usize,
    /// Why the model stopped, once it has answered.
    pub(super) stop_reason: Option<String>,
    /// Headers to add to the response.
    pub(super) headers: BTreeMap<String, String>,
    /// Answer with this error status.
    pub(super) status: Option<u16>,
    /// The kind of the error.
    pub(super) error_type: Option<String>,
    /// What the error says.
    pub(super) error_message: Option<String>,
    /// How many seconds the client is asked to wait.
    pub(super) retry_after: Option<u64>,
    /// Send an `error` event after so many deltas.
    pub(super) error_after_chunks: Option<u64>,
    /// Break the connection after so many deltas.
    pub(super) cut_after_chunks: Option<u64>,
    /// Fall silent after so many deltas.
    pub(super) stall_after_chunks: Option<u64>,
    /// How many requests fail; all, when it is not said.
    pub(super) times: Option<u32>,
    /// Which model call of the turn fails, from 0; every one, when it is not said.
    pub(super) at_call: Option<usize>,
}

/// What the model does in one call before it answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a step of `tools` is {\"name\", \"input\"} or an array of them")]
pub(super) enum Step {
    /// Calls one tool.
    One(ToolCall),
    /// Calls several tools at once.
    Parallel(Vec<ToolCall>),
}

/// A tool, and what it is called with.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolCall {
    /// The tool's name.
    pub(super) name: String,
    /// Its arguments.
    #[serde(default = "no_input")]
    pub(super) input: Value,
    /// How many arrays around nothing are added to them, each in the one before. A script cannot be nested so deep itself.
    #[serde(default)]
    pub(super) nested: u8,
}

/// What a model call comes to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Move {
    /// These tools are called.
    Tools(Vec<ToolCall>),
    /// The turn ends with the script's answer.
    Answer,
}

/// What goes wrong with a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It is an error from the start.
    Refused(ApiError),
    /// It breaks off, after so many deltas.
    Broken {
        /// How many deltas are sent first.
        after_chunks: u64,
        /// How it ends.
        ending: Ending,
    },
}

/// How a response ends before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With an `error` event.
    Error(ApiError),
    /// With the connection.
    Cut,
    /// Not at all: nothing more is sent for as long as the client waits.
    Stall,
}

impl Script {
    /// The script in `prompt`, if there is one.
    pub(super) fn find(prompt: &str) -> Result<Option<Self>, ApiError> {
        let Some((_, written)) = prompt.split_once(MARKER) else {
            return Ok(None);
        };
        let script = serde_json::Deserializer::from_str(written).into_iter::<Self>().next();
        match script {
            Some(Ok(script)) => script.check().map(Some),
            Some(Err(error)) => Err(wrong(error)),
            None => Err(wrong("it is missing")),
        }
    }

    fn check(self) -> Result<Self, ApiError> {
        let broken = [self.error_after_chunks, self.cut_after_chunks, self.stall_after_chunks];
        let failures = broken.iter().flatten().count() + usize::from(self.status.is_some());
        let tells_error = self.status.is_some() || self.error_after_chunks.is_some();
        let lengths = [self.count.is_some(), self.repeat_bytes.is_some(), self.chunks.is_some()];
        let named = |(name, value): (&String, &String)| {
            HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok()
        };
        let problem = if failures > 1 {
            "only one of status, error_after_chunks, cut_after_chunks and stall_after_chunks can happen"
        } else if failures == 0 && (self.times.is_some() || self.at_call.is_some()) {
            "times and at_call need a failure: status, error_after_chunks, cut_after_chunks or stall_after_chunks"
        } else if !tells_error && (self.error_type.is_some() || self.error_message.is_some()) {
            "error_type and error_message need status or error_after_chunks"
        } else if self.status.is_none() && self.retry_after.is_some() {
            "retry_after needs status"
        } else if self.status.is_some_and(|status| !(400..600).contains(&status)) {
            "status is not an error"
        } else if self.usage.is_some() && !self.usages.is_empty() {
            "usage and usages exclude each other"
        } else if lengths.into_iter().filter(|given| *given).count() > 1 {
            "count, repeat_bytes and chunks exclude each other"
        } else if self.tools.iter().any(|step| step.calls().is_empty()) {
            "a step of tools calls no tool"
        } else if self.turns > MOST_TURNS {
            "turns is too large"
        } else if !self.headers.iter().all(named) {
            "headers has one that HTTP cannot carry"
        } else {
            return Ok(self);
        };
        Err(wrong(problem))
    }

    /// What a request is due after `tool_calls` tools have been called in its turn, and which model call of the
    /// turn it is, from 0.
    pub(super) fn next(&self, tool_calls: usize) -> (Move, usize) {
        let mut left = tool_calls;
        for (call, step) in self.tools.iter().enumerate() {
            let calls = step.calls();
            if left < calls.len() {
                return (Move::Tools(calls.to_vec()), call);
            }
            left -= calls.len();
        }
        if left < self.turns {
            return (Move::Tools(vec![ToolCall::nothing()]), self.tools.len() + left);
        }
        (Move::Answer, self.tools.len() + self.turns)
    }

    /// The scripted usage of model call number `call` of the turn.
    pub(super) fn usage_of(&self, call: usize) -> Option<&Counts> {
        self.usages.get(call).or(self.usages.last()).or(self.usage.as_ref())
    }

    /// What goes wrong in model call number `call` of the turn.
    pub(super) fn failure_of(&self, call: usize) -> Option<Failure> {
        if self.at_call.is_some_and(|at_call| at_call != call) {
            return None;
        }
        if let Some(status) = self.status {
            return Some(Failure::Refused(self.error(StatusCode::from_u16(status).ok()?)));
        }
        let overloaded = || status_of(self.error_type.as_deref().unwrap_or("overloaded_error"));
        let error = self.error_after_chunks.map(|after| (after, Ending::Error(self.error(overloaded()))));
        let cut = self.cut_after_chunks.map(|after| (after, Ending::Cut));
        let stall = self.stall_after_chunks.map(|after| (after, Ending::Stall));
        let (after_chunks, ending) = error.or(cut).or(stall)?;
        Some(Failure::Broken { after_chunks, ending })
    }

    fn error(&self, status: StatusCode) -> ApiError {
        let message = self.error_message.clone().unwrap_or_else(|| format!("scripted error {}", status.as_u16()));
        let usual = ApiError::new(status, message);
        ApiError { kind: self.error_type.clone().unwrap_or(usual.kind), retry_after: self.retry_after, ..usual }
    }
}

impl Step {
    fn calls(&self) -> &[ToolCall] {
        match self {
            Self::One(call) => std::slice::from_ref(call),
            Self::Parallel(calls) => calls,
        }
    }
}

impl ToolCall {
    /// Its arguments, with what is nested.
    pub(super) fn arguments(&self) -> Value {
        let mut input = self.input.clone();
        if let (1.., Some(members)) = (self.nested, input.as_object_mut()) {
            let arrays = (1..self.nested).fold(json!([]), |inner, _| json!([inner]));
            members.insert("nested".to_owned(), arrays);
        }
        input
    }

    /// A call of the tool `name`.
    pub(super) fn new(name: &str, input: Value) -> Self {
        let name = name.to_owned();
        Self { name, input, nested: 0 }
    }

    fn nothing() -> Self {
        Self::new("Bash", json!({"command": "true", "description": "Do nothing"}))
    }
}

fn no_input() -> Value {
    json!({})
}

fn wrong(problem: impl std::fmt::Display) -> ApiError {
    ApiError::invalid(format!("the script after \"{}\" is wrong: {problem}", MARKER.trim_end()))
}
