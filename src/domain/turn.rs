//! A turn: one prompt and everything until the agent rests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EgressHost, SessionId, SessionLimits, TenantId, Timestamp, TurnId, Usd};

/// What a caller asks of a turn. Everything is optional: absent means the installation's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnSpec {
    /// The model's full id.
    pub model: Option<String>,
    /// Replaces the agent's own system prompt.
    pub system_prompt: Option<String>,
    /// What the agent may do without asking.
    pub permission_mode: Option<PermissionMode>,
    /// Tools the agent may use without asking.
    pub allowed_tools: Vec<String>,
    /// Tools the agent may not use.
    pub disallowed_tools: Vec<String>,
    /// How many rounds of model and tools the turn may take.
    pub max_turns: Option<u32>,
    /// Variables for the agent's environment.
    pub env: BTreeMap<String, String>,
    /// The only tools there are, when the tenant may not use all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// The sandbox image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What it may use; once it is admitted, what was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<SessionLimits>,
    /// The hosts its sandbox may reach; all that the tenant is granted when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress_hosts: Option<Vec<EgressHost>>,
}

impl TurnSpec {
    /// Bytes of its texts.
    pub fn text_bytes(&self) -> u64 {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let tools = self.allowed_tools.iter().chain(&self.disallowed_tools).map(String::len).sum::<usize>();
        let env = self.env.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        (length(&self.model) + length(&self.system_prompt) + length(&self.image) + tools + env) as u64
    }
}

/// How freely the agent acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum PermissionMode {
    /// Asks before it changes anything; nobody answers, so it is refused.
    Default,
    /// Edits files of the workspace without asking.
    AcceptEdits,
    /// Plans and changes nothing.
    Plan,
    /// Asks nothing: the sandbox alone confines it.
    BypassPermissions,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The agent answered.
    Completed,
    /// It did not, and the turn's error says why.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

/// Why a turn ended: a closed list, fit for a metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The agent answered.
    Answered,
    /// The agent reported that it failed: the model refused, the turns were used up.
    AgentError,
    /// Somebody cancelled it.
    Cancelled,
    /// The sandbox could not be made, or the agent did not come up in it.
    StartFailed,
    /// The agent's process ended before the turn did.
    AgentExited,
    /// The sandbox ran out of memory.
    OutOfMemory,
    /// It waited for its place for too long.
    WaitTimeout,
    /// Nothing was heard of the agent for too long.
    SilenceTimeout,
    /// The turn took too long.
    TurnTimeout,
    /// The sandbox lived too long.
    TotalTimeout,
    /// A budget is spent: the model is not asked any more.
    BudgetReached,
    /// The agent said more than it may.
    OutputLimit,
    /// The workspace holds more than it may.
    WorkspaceLimit,
    /// The server stopped while the turn was under way.
    Interrupted,
}

/// A turn's record.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Its id.
    pub id: TurnId,
    /// The session it belongs to.
    pub session: SessionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its place among the session's turns, from 1.
    pub ordinal: i64,
    /// What was asked.
    pub prompt: String,
    /// What was asked for beside the prompt.
    pub spec: TurnSpec,
    /// How it ended; `None` while it has not.
    pub outcome: Option<Outcome>,
    /// What went wrong, for people.
    pub error: Option<String>,
    /// What the agent reported at the end.
    pub report: Option<AgentReport>,
    /// What its model calls cost, as the gateway counted.
    pub cost: Usd,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its sandbox began to be made.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// The agent's own account of a turn. Nothing that money or limits depend on is read from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentReport {
    /// Rounds of model and tools.
    pub num_turns: i64,
    /// Milliseconds from the prompt to the answer, by the agent's clock.
    pub duration_ms: i64,
    /// Tokens, as the agent saw them.
    pub usage: serde_json::Value,
    /// What it claims that the turn cost, where its prices are more than a guess. Only ever compared; the store keeps it in a
    /// column of its own.
    #[serde(skip)]
    pub claimed: Option<Usd>,
}

/// A turn's end: what is written when it ends.
#[derive(Clone, Debug)]
pub struct TurnEnd {
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub reason: EndReason,
    /// What went wrong, for people.
    pub error: Option<String>,
    /// What the agent reported. Boxed, because an end is also an error on its way up.
    pub report: Option<Box<AgentReport>>,
}

impl PermissionMode {
    /// All modes, in the order the API names them.
    pub const ALL: [Self; 4] = [Self::Default, Self::AcceptEdits, Self::Plan, Self::BypassPermissions];

    /// The mode's name, the same for callers and for the agent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::AcceptEdits => "acceptEdits",
            Self::Plan => "plan",
            Self::BypassPermissions => "bypassPermissions",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

impl Outcome {
    /// The outcome's name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Completed, Self::Failed, Self::Cancelled].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

impl EndReason {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Answered,
        Self::AgentError,
        Self::Cancelled,
        Self::StartFailed,
        Self::AgentExited,
        Self::OutOfMemory,
        Self::WaitTimeout,
        Self::SilenceTimeout,
        Self::TurnTimeout,
        Self::TotalTimeout,
        Self::BudgetReached,
        Self::OutputLimit,
        Self::WorkspaceLimit,
        Self::Interrupted,
    ];

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// The reason's name in the store, in events and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::AgentError => "agent_error",
            Self::Cancelled => "cancelled",
            Self::StartFailed => "start_failed",
            Self::AgentExited => "agent_exited",
            Self::OutOfMemory => "out_of_memory",
            Self::WaitTimeout => "wait_timeout",
            Self::SilenceTimeout => "silence_timeout",
            Self::TurnTimeout => "turn_timeout",
            Self::TotalTimeout => "total_timeout",
            Self::BudgetReached => "budget_reached",
            Self::OutputLimit => "output_limit",
            Self::WorkspaceLimit => "workspace_limit",
            Self::Interrupted => "interrupted",
        }
    }
}

impl TurnEnd {
    /// A turn that failed for `reason`, said to people as `error`.
    pub fn failed(reason: EndReason, error: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, reason, error: Some(error.into()), report: None }
    }

    /// A turn that somebody cancelled.
    pub fn cancelled() -> Self {
        Self {
            outcome: Outcome::Cancelled,
            reason: EndReason::Cancelled,
            error: Some("Session was cancelled".to_owned()),
            report: None,
        }
    }
}
