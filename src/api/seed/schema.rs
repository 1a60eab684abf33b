//! The shapes that are read or written by hand, as the API document describes them.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::run_result::RunResult;
use crate::domain::{PermissionMode, SeedStatus, SessionLimits};

/// A request to execute. A field that the API does not know is ignored, and the answer's `warnings` name it; `null` is the same as absent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read so that every fault of it can be told")]
pub(super) struct ExecuteBody {
    /// What the agent shall do.
    #[schema(min_length = 1)]
    prompt: String,
    /// Tools the agent may use without asking.
    #[schema(max_items = 1000)]
    allowed_tools: Option<Vec<String>>,
    /// Replaces the agent's own system prompt.
    system_prompt: Option<String>,
    /// What the agent may do without asking.
    permission_mode: Option<PermissionMode>,
    /// The model.
    model: Option<String>,
    /// The directory to work in: below one of the tenant's roots. The first root when absent.
    cwd: Option<String>,
    /// How many rounds of model and tools the turn may take.
    #[schema(minimum = 1, maximum = 100)]
    max_turns: Option<u32>,
    /// Variables for the agent's environment.
    env: Option<BTreeMap<String, String>>,
    /// Tools the agent may not use.
    #[schema(max_items = 1000)]
    disallowed_tools: Option<Vec<String>>,
    /// The session to go on with, in place of a new one.
    resume_session_id: Option<String>,
    /// The sandbox image, one of those the tenant may use. The first of them when absent.
    image: Option<String>,
    /// What the session may use, at most what the tenant may. The answer says what was applied.
    #[schema(example = json!({"max_cost_usd": "0.50", "turn_timeout_ms": 600_000}))]
    limits: Option<SessionLimits>,
    /// The hosts its sandbox may reach, each covered by what the tenant is granted. All of that when absent, none when empty.
    #[schema(max_items = 1000, example = json!(["packages.example.com:443"]))]
    egress_hosts: Option<Vec<String>>,
}

/// How a session stands.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the answer, which is put together from bytes")]
pub(super) struct StatusBody {
    /// Its id.
    session_id: String,
    /// How it stands.
    status: SeedStatus,
    /// The conversation so far, over all turns.
    messages: Vec<Message>,
    /// What the last turn came to; `null` until it is completed.
    result: Option<RunResult<'static>>,
    /// The agent's answer: the text it ended the last turn with; `null` until the turn is completed.
    #[schema(example = "The tests pass.")]
    answer: Option<String>,
    /// What went wrong in the last turn.
    error: Option<String>,
    /// How long the last turn took, or takes so far.
    duration_ms: Option<i64>,
    /// What the last turn's model calls cost, as the gateway counted; `null` until it has ended.
    total_cost_usd: Option<f64>,
    /// Where the session stands in the queue, while it waits.
    queue: Option<QueuePlace>,
    /// The limits that were applied to the last turn, if any were asked for.
    limits: Option<SessionLimits>,
    /// How many processes of the sandbox were killed for want of memory in the last turn; absent when none was.
    #[schema(example = 1)]
    out_of_memory_kills: Option<u64>,
    /// The first of the files that would run later on somebody's host and were changed in any of the session's turns, if any
    /// were: `GET /v1/sessions/{session_id}/changes` tells all.
    #[schema(example = json!([".git/hooks/post-commit"]))]
    changed_executables: Option<Vec<String>>,
}

/// Where a session stands in the queue.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of the answer")]
pub(super) struct QueuePlace {
    /// Its place: 1 is the next.
    #[schema(minimum = 1, example = 3)]
    position: u64,
    /// For how many milliseconds it has waited.
    #[schema(example = 5_000)]
    waited_ms: i64,
}

/// A whole number that is not negative, of any length.
pub(super) struct WholeNumber;

impl PartialSchema for WholeNumber {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).into()
    }
}

impl ToSchema for WholeNumber {}

/// A message of the conversation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of the answer, which is written straight from the agent's line")]
pub(super) struct Message {
    /// `SystemMessage`, `AssistantMessage`, `UserMessage` or `ResultMessage`.
    r#type: String,
    /// The message, in the shape its type has in the agent's Python SDK.
    content: Value,
    /// When it was said.
    #[schema(format = DateTime, example = "2026-11-24T09:30:00.000001+00:00")]
    timestamp: String,
}
