//! The labels: every name means the same wherever it stands.

use crate::metrics::Label;

const fn label(name: &'static str, meaning: &'static str) -> Label {
    Label { name, meaning }
}

pub(super) const ATTEMPT: Label = label(
    "result",
    "`known` (verified before), `ok`, `refused` (wrong, ended, malformed or missing), `blocked` (too many wrong ones from its \
     address), `busy`, `unavailable`",
);
pub(super) const BUDGET: Label = label("budget", "the budget's id");
pub(super) const CALL: Label = label("call", "what the spawner was asked for: `open`, `start`, `remove`, …");
pub(super) const COLLECTOR: Label = label("collector", "`ledger`, `budgets`, `tenants`, `turns`, `sessions`, `disk`");
pub(super) const CREDENTIAL: Label =
    label("credential", "`key`, `token` (an innkeeper's own or an identity provider's), `none`");
pub(super) const DECISION: Label = label("decision", "`allowed`, or why not");
pub(super) const DIRECTION: Label = label("direction", "`sent` or `received`, as the sandbox sees it");
pub(super) const ENFORCEMENT: Label = label("enforcement", "`hard` (calls are refused) or `soft` (only told)");
pub(super) const ERROR: Label = label(
    "kind",
    "`rate_limited` (429), `overloaded` (529), `server_error` (5xx), `client_error` (4xx), `connect`, `timeout`, `cut`",
);
pub(super) const FINDING: Label = label(
    "finding",
    "`upstream_key` (missing or refused), `upstream` (not reached), `budget` (bounds nobody), `model` (has no price), `tool`, \
     `image` (not there)",
);
pub(super) const LEVEL: Label = label("level", "`warn` or `error`");
pub(super) const LISTENER: Label = label("listener", "`public` (tenants) or `operator`");
pub(super) const METHOD: Label = label("method", "the HTTP method");
pub(super) const MODEL: Label =
    label("model", "the model that answered, if it has a price, else the one asked for; `other` when neither has");
pub(super) const OPERATION: Label = label("operation", "`open`, `shrink` or `settle`");
pub(super) const OUTCOME: Label = label("outcome", "`completed`, `failed` or `cancelled`");
pub(super) const PERIOD: Label = label("period", "`day`, `week`, `month` or `total`, by the calendar in UTC");
pub(super) const PHASE: Label = label(
    "phase",
    "`create` (the container is made), `boot` (its shim shows what confines it), `agent` (the agent listens), `total`",
);
pub(super) const PROBE: Label = label("probe", "the probe's name, as `innkeeper drill` shows it");
pub(super) const REASON: Label = label(
    "reason",
    "`answered`, `agent_error`, `cancelled`, `start_failed`, `agent_exited`, `out_of_memory`, `wait_timeout`, \
     `silence_timeout`, `turn_timeout`, `total_timeout`, `budget_reached`, `output_limit`, `workspace_limit`, \
     `interrupted` (the server ended)",
);
/// The values of [`REFUSAL`].
pub(super) const REFUSAL_REASONS: [&str; 7] = ["budget", "held", "rate", "model", "unpriceable", "ledger", "request"];
pub(super) const REFUSAL: Label = label(
    "reason",
    "`budget` (spent), `held` (calls under way hold the rest), `rate`, `model` (no price), `unpriceable` (asks for what has \
     no price), `ledger` (cannot be written), `request` (malformed or too large)",
);
/// The values of [`REJECTION`].
pub(super) const REJECTION_REASONS: [&str; 12] = [
    "rate",
    "scope",
    "queue",
    "suspended",
    "limits",
    "workspace",
    "environment",
    "storage",
    "draining",
    "lingering",
    "engine",
    "store",
];
pub(super) const REJECTION: Label = label(
    "reason",
    "`rate`, `scope`, `queue` (too many wait), `suspended`, `limits` (asks for what the tenant may not have), `workspace`, \
     `environment`, `storage` (holds too much), `draining`, `lingering` (the sandbox before is not gone), `engine`, `store`",
);
pub(super) const RELOAD: Label = label("result", "`ok` or `failed`");
pub(super) const ROUTE: Label = label("route", "the call's path as documented; `other` for paths that lead nowhere");
pub(super) const SCOPE: Label = label("scope", "whom a budget bounds: `installation`, `tenant` or `key`");
pub(super) const SESSION: Label = label("session", "the session's id");
pub(super) const STAGE: Label = label("state", "`queued`, `starting`, `running`, `stopping`");
pub(super) const START_FAILURE: Label = label(
    "reason",
    "`image`, `runtime`, `engine`, `weak` (weaker than ordered), `fault` (refused from within), `ended`, `timeout`, \
     `workspace`, `other`",
);
pub(super) const STATUS: Label =
    label("status", "the first digit of the answer's status and `xx`, as `2xx`; `none` when no answer came");
pub(super) const TENANT: Label = label("tenant", "the tenant's id; empty for what bounds all tenants together");
pub(super) const TENANT_NAME: Label = label("tenant_name", "the tenant's name");
pub(super) const TENANT_STATE: Label = label("state", "`active`, `suspended` or `archived`");
pub(super) const TOKENS: Label = label(
    "type",
    "`input`, `output`, `cache_read`, `cache_write_5m`, `cache_write_1h`: they do not overlap, so they add up",
);
pub(super) const TURN: Label = label("turn", "the turn's id");
pub(super) const USAGE: Label =
    label("usage", "`exact` (told by the provider), `estimated` (in part), `none` (nothing to pay)");
pub(super) const VERSION: Label = label("version", "the version");
pub(super) const VIOLATION: Label = label(
    "kind",
    "`workspace` (a directory that may not be worked in), `posture` (a sandbox weaker than ordered), `egress` (a host that is \
     not granted), `foreign_token` (a program in a sandbox spoke for its shim)",
);
