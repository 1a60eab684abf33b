//! What a session's last turn came to, as status and list show it.

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::{Outcome, SessionOverview, Timestamp, Turn, Usd};

/// What a completed turn came to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunResult<'a> {
    /// The agent's own name for the conversation.
    #[schema(value_type = Option<String>)]
    session_id: Option<&'a str>,
    /// Rounds of model and tools.
    num_turns: Option<i64>,
    /// Milliseconds from the prompt to the answer, by the agent's clock.
    duration_ms: Option<i64>,
    /// What the turn's model calls cost, as the gateway counted.
    #[schema(value_type = f64)]
    total_cost_usd: Dollars,
    /// Tokens, as the agent saw them.
    #[schema(value_type = Option<Value>)]
    usage: Option<&'a Value>,
}

/// An amount as a JSON number that has all its digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dollars(Usd);

/// The session's result: `None` until its last turn is completed.
pub(super) fn of(overview: &SessionOverview) -> Option<RunResult<'_>> {
    let SessionOverview { session, turn } = overview;
    let report = turn.report.as_ref();
    (turn.outcome == Some(Outcome::Completed)).then(|| RunResult {
        session_id: session.agent_session.as_deref(),
        num_turns: report.map(|report| report.num_turns),
        duration_ms: report.map(|report| report.duration_ms),
        total_cost_usd: Dollars(turn.cost),
        usage: report.map(|report| &report.usage),
    })
}

/// What the turn cost, once it has ended, however it ended.
pub(super) fn total_cost(turn: &Turn) -> Option<Dollars> {
    turn.outcome.map(|_| Dollars(turn.cost))
}

/// How long the turn took, or takes so far; `None` until its sandbox began to be made.
pub(super) fn duration_ms(turn: &Turn, now: Timestamp) -> Option<i64> {
    turn.started_at.map(|started_at| turn.ended_at.unwrap_or(now).millis_since(started_at))
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = RawValue::from_string(self.0.to_string()).map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_a_number_with_all_its_digits() {
        for (nanos, text) in [(0, "0"), (20_250_000, "0.02025"), (1, "0.000000001"), (12_345_678_901, "12.345678901")] {
            assert_eq!(serde_json::to_string(&Dollars(Usd::from_nanos(nanos))).unwrap(), text);
        }
        assert_eq!(serde_json::to_string(&Dollars(Usd::from_nanos(i64::MAX))).unwrap(), "9223372036.854775807");
    }
}
