//! Turns that ended a short while ago, for whoever looks only now and then, and how long sessions have had places.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::{TenantId, Timestamp};
use crate::store::EndedTurn;

/// How long a turn is remembered after its end.
pub const REMEMBERED_S: i64 = 5 * 60;

/// Turns that are remembered at most. Beyond, the least expensive are forgotten.
const MAX_REMEMBERED: usize = 1_000;

/// The turns that ended in the last minutes, whether or not their sessions are still stored.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Vec<EndedTurn>>);

/// How long sessions of each tenant have had places since the start of the process.
#[derive(Debug, Default)]
pub(super) struct Occupancy(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    /// Microseconds of places that were given back.
    over: HashMap<TenantId, i64>,
    /// The places that are taken, and since when.
    taken: HashMap<u64, (TenantId, Timestamp)>,
    next: u64,
}

/// A place that is taken.
#[derive(Clone, Copy, Debug)]
#[must_use = "it is to be given back"]
pub(super) struct Taken(u64);

impl Recent {
    /// Remembers a turn that has just ended.
    pub(super) fn add(&self, turn: EndedTurn) {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forget_before(&mut turns, turn.ended_at);
        turns.push(turn);
        if turns.len() > MAX_REMEMBERED
            && let Some(least) = (0..turns.len()).min_by_key(|at| (turns[*at].cost, turns[*at].ended_at))
        {
            turns.swap_remove(least);
        }
    }

    /// The turns that ended in the minutes before `now`.
    pub(super) fn list(&self, now: Timestamp) -> Vec<EndedTurn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forget_before(&mut turns, now);
        turns.clone()
    }
}

fn forget_before(turns: &mut Vec<EndedTurn>, now: Timestamp) {
    turns.retain(|turn| turn.ended_at >= now.minus_seconds(REMEMBERED_S));
}

impl Occupancy {
    /// A session of a tenant has a place from now on.
    pub(super) fn take(&self, tenant: TenantId, now: Timestamp) -> Taken {
        let mut places = self.places();
        places.next += 1;
        let number = places.next;
        places.taken.insert(number, (tenant, now));
        Taken(number)
    }

    /// It has given its place back.
    pub(super) fn give_back(&self, place: Taken, now: Timestamp) {
        let mut places = self.places();
        if let Some((tenant, since)) = places.taken.remove(&place.0) {
            *places.over.entry(tenant).or_default() += now.micros_since(since);
        }
    }

    /// How many microseconds sessions of each tenant have had places, up to `now`.
    pub(super) fn total(&self, now: Timestamp) -> HashMap<TenantId, i64> {
        let places = self.places();
        let mut total = places.over.clone();
        for (tenant, since) in places.taken.values() {
            *total.entry(*tenant).or_default() += now.micros_since(*since);
        }
        total
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{SessionId, TurnId, Usd};

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn turn(ended_at: Timestamp, nanos: i64) -> EndedTurn {
        let (tenant, session, turn) = (TenantId::generate(), SessionId::generate(), TurnId::generate());
        EndedTurn { tenant, session, turn, accepted_at: ended_at, ended_at, cost: Usd::from_nanos(nanos) }
    }

    #[test]
    fn turns_are_remembered_for_minutes_and_bounded_in_number() {
        let recent = Recent::default();
        recent.add(turn(NOW.minus_seconds(REMEMBERED_S + 1), 5));
        let kept = turn(NOW.minus_seconds(REMEMBERED_S), 7);
        recent.add(kept);
        assert_eq!(recent.list(NOW), [kept]);
        for _ in 0..MAX_REMEMBERED {
            recent.add(turn(NOW, 6));
        }
        let listed = recent.list(NOW);
        assert!(listed.len() == MAX_REMEMBERED && listed.contains(&kept), "the most expensive is kept");
        assert_eq!(recent.list(NOW.plus_millis(REMEMBERED_S * 1_000 + 1)), []);
    }

    #[test]
    fn a_place_counts_while_it_is_taken_and_after() {
        let (occupancy, tenant) = (Occupancy::default(), TenantId::generate());
        let (first, second) = (occupancy.take(tenant, NOW), occupancy.take(tenant, NOW.plus_millis(500)));
        assert_eq!(occupancy.total(NOW.plus_millis(1_000))[&tenant], 1_500_000);
        occupancy.give_back(first, NOW.plus_millis(1_000));
        occupancy.give_back(second, NOW.plus_millis(2_000));
        assert_eq!(occupancy.total(NOW.plus_millis(9_000))[&tenant], 2_500_000);
    }
}
