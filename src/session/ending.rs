//! How a turn ends: in the store first, then in the metrics.

use super::registry::Shared;
use crate::domain::{SessionOverview, TurnEnd};
use crate::metrics;
use crate::metrics::catalogue::{TURN_COST, TURN_DURATION, TURN_ROUNDS, TURNS_ENDED};
use crate::store::StoreError;

/// Ends the turn of `overview`, unless it has ended. Answers whether this ended it.
pub(super) async fn end(shared: &Shared, overview: &SessionOverview, end: &TurnEnd) -> Result<bool, StoreError> {
    let (session, now) = (&overview.session, shared.clock.now());
    let ended = shared.store.turns().end(session.tenant, session.id, overview.turn.id, end, now).await?;
    let Some(ended) = ended else { return Ok(false) };
    let outcome = end.outcome.as_str();
    TURNS_ENDED.one([&metrics::tenant(session.tenant), end.reason.as_str()]);
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
