//! How a turn ends: in the store first, then in the metrics.

use super::registry::Shared;
use crate::domain::TurnEnd;
use crate::metrics::catalogue::{TURN_COST, TURN_DURATION, TURN_ROUNDS, TURN_TOTAL_DURATION};
use crate::store::{EndedTurn, LiveTurn, StoreError};

/// Ends a turn, unless it has ended. Answers whether this ended it.
pub(super) async fn end(shared: &Shared, turn: &LiveTurn, end: &TurnEnd) -> Result<bool, StoreError> {
    let now = shared.clock.now();
    let ended = shared.store.turns().end(turn.tenant, turn.session, turn.turn, end, now).await?;
    let Some(ended) = ended else { return Ok(false) };
    let outcome = end.outcome.as_str();
    let LiveTurn { tenant, session, turn, accepted_at, .. } = *turn;
    shared.recent.add(EndedTurn { tenant, session, turn, accepted_at, ended_at: now, cost: ended.cost });
    TURN_TOTAL_DURATION.note([outcome], now.seconds_since(accepted_at));
    TURN_COST.note([outcome], ended.cost.to_approximate());
    if let Some(started_at) = ended.started_at {
        TURN_DURATION.note([outcome], now.seconds_since(started_at));
    }
    if let Some(report) = &end.report {
        #[expect(clippy::cast_precision_loss, reason = "nobody counts so many rounds")]
        TURN_ROUNDS.note([], report.num_turns as f64);
    }
    Ok(true)
}
