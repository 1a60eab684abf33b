//! The line of calls that wait for money that others hold: who may try before whom.
//!
//! A call waits for one budget, and claims it: whoever stands behind it may hold nothing of that budget, so that a large call is
//! not overtaken for ever by small ones. Calls under other budgets do not stand behind it and are not held up.
//!
//! Within a tenant it is first come, first served. Between tenants that wait for a budget they share, it goes round: the first
//! call of each, then the second of each. A session that was told to come again has its place in the line kept for a while.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::domain::{BudgetId, SessionId, TenantId};

/// How long a place is kept for a session that left the line.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// Places that are kept for one session.
const MAX_KEPT: usize = 64;

/// The line.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Notified when money was given back, or somebody left the line.
    moved: Notify,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Places that were given out.
    last: u64,
    /// Those that wait, by their place.
    waiting: BTreeMap<u64, Waiter>,
    /// Places of sessions that left and may come again, and until when they are kept.
    kept: HashMap<SessionId, BTreeMap<u64, Instant>>,
}

/// A call that waits.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    tenant: TenantId,
    /// The budget it waits for.
    budget: BudgetId,
    /// Whether it waits for its tenant's share of the budget alone.
    is_share: bool,
}

/// A call's place in the line. It leaves the line when this is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    line: &'a Line,
    number: u64,
    tenant: TenantId,
    session: SessionId,
}

impl Line {
    /// A place for a call: the one that was kept for its session, or the last.
    pub(super) fn enter(&self, tenant: TenantId, session: SessionId) -> Place<'_> {
        let mut state = self.lock();
        let number = state.take_kept(session).unwrap_or_else(|| {
            state.last += 1;
            state.last
        });
        Place { line: self, number, tenant, session }
    }

    /// Is ready once somebody gave money back, or left the line, after this was called.
    pub(super) fn moved(&self) -> Notified<'_> {
        self.moved.notified()
    }

    /// Lets those that wait look again.
    pub(super) fn freed(&self) {
        self.moved.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// The budgets of which nothing may be held from this place, because others that stand before it wait for them.
    pub(super) fn claimed(&self) -> Vec<BudgetId> {
        self.line.lock().claimed(self.number, self.tenant)
    }

    /// Whether others stand before this place that wait for the same.
    pub(super) fn is_behind(&self) -> bool {
        let state = self.line.lock();
        let Some(mine) = state.waiting.get(&self.number) else { return false };
        state.claimed(self.number, self.tenant).contains(&mine.budget)
    }

    /// Waits for a budget, or for the tenant's share of it, from now on.
    pub(super) fn wait_for(&self, budget: BudgetId, is_share: bool) {
        self.line.lock().waiting.insert(self.number, Waiter { tenant: self.tenant, budget, is_share });
    }

    /// Keeps the place for the session's next call.
    pub(super) fn keep(&self) {
        let until = Instant::now() + KEPT_FOR;
        let mut state = self.line.lock();
        state.forget_old();
        let kept = state.kept.entry(self.session).or_default();
        if kept.len() < MAX_KEPT {
            kept.insert(self.number, until);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let was_waiting = self.line.lock().waiting.remove(&self.number).is_some();
        if was_waiting {
            self.line.freed();
        }
    }
}

impl State {
    fn claimed(&self, number: u64, tenant: TenantId) -> Vec<BudgetId> {
        // How many of the tenant's calls wait for each budget before this place.
        let mut mine: HashMap<BudgetId, usize> = HashMap::new();
        for waiter in self.waiting.range(..number).map(|(_, waiter)| waiter) {
            if waiter.tenant == tenant {
                *mine.entry(waiter.budget).or_default() += 1;
            }
        }
        let mut claimed: Vec<_> = mine.keys().copied().collect();
        let mut ranks: HashMap<(TenantId, BudgetId), usize> = HashMap::new();
        for (other, waiter) in &self.waiting {
            if waiter.tenant == tenant || waiter.is_share {
                continue;
            }
            let rank = ranks.entry((waiter.tenant, waiter.budget)).or_default();
            let my_rank = mine.get(&waiter.budget).copied().unwrap_or(0);
            if (*rank, *other) < (my_rank, number) && !claimed.contains(&waiter.budget) {
                claimed.push(waiter.budget);
            }
            *rank += 1;
        }
        claimed
    }

    fn take_kept(&mut self, session: SessionId) -> Option<u64> {
        self.forget_old();
        let places = self.kept.get_mut(&session)?;
        let (number, _) = places.pop_first()?;
        if places.is_empty() {
            self.kept.remove(&session);
        }
        Some(number)
    }

    fn forget_old(&mut self) {
        let now = Instant::now();
        self.kept.retain(|_, places| {
            places.retain(|_, until| *until > now);
            !places.is_empty()
        });
    }
}

#[cfg(test)]
impl Line {
    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionId {
        SessionId::generate()
    }

    #[test]
    fn a_budget_is_claimed_for_those_behind_and_no_other_budget_is() {
        let (line, tenant, own) = (Line::default(), TenantId::generate(), BudgetId::generate());
        let (first, second) = (line.enter(tenant, session()), line.enter(tenant, session()));
        assert!(first.claimed().is_empty() && second.claimed().is_empty());
        first.wait_for(own, false);
        assert_eq!(second.claimed(), [own]);
        assert!(first.claimed().is_empty() && !first.is_behind());
        second.wait_for(BudgetId::generate(), false);
        assert!(!second.is_behind(), "it waits for something else");
        second.wait_for(own, false);
        assert!(second.is_behind());
        drop(first);
        assert!(!second.is_behind() && second.claimed().is_empty());
    }

    #[test]
    fn a_shared_budget_goes_round_between_tenants() {
        let (line, shared) = (Line::default(), BudgetId::generate());
        let (many, few) = (TenantId::generate(), TenantId::generate());
        let flood: Vec<_> = (0..100).map(|_| line.enter(many, session())).collect();
        for place in &flood {
            place.wait_for(shared, false);
        }
        let single = line.enter(few, session());
        single.wait_for(shared, false);
        assert!(!flood[0].is_behind(), "the oldest call of all is first");
        assert!(single.is_behind());
        assert_eq!(flood[1..].iter().filter(|place| !place.is_behind()).count(), 0);
        flood[0].wait_for(BudgetId::generate(), false);
        // Now the second of the flood is the first of its tenant, and still older.
        assert!(!flood[1].is_behind() && single.is_behind());
        flood[1].wait_for(BudgetId::generate(), false);
        assert!(!flood[2].is_behind());
        drop(flood);
        assert!(!single.is_behind());
    }

    #[test]
    fn the_first_call_of_each_tenant_comes_before_the_second_of_any() {
        let (line, shared) = (Line::default(), BudgetId::generate());
        let (many, few) = (TenantId::generate(), TenantId::generate());
        let places: Vec<_> = [many, many, few].map(|tenant| line.enter(tenant, session())).into();
        for place in &places {
            place.wait_for(shared, false);
        }
        let order: Vec<_> = places.iter().map(Place::is_behind).collect();
        assert_eq!(order, [false, true, true]);
        let [first, second, other] = <[Place<'_>; 3]>::try_from(places).unwrap();
        drop(first);
        // Both are now the first of their tenants, and the older one is before the other.
        assert_eq!((second.is_behind(), other.is_behind()), (false, true));
        let third = line.enter(many, session());
        third.wait_for(shared, false);
        drop(second);
        assert_eq!((third.is_behind(), other.is_behind()), (true, false));
    }

    #[test]
    fn a_tenant_that_waits_for_its_share_is_in_no_other_tenants_way() {
        let (line, shared) = (Line::default(), BudgetId::generate());
        let (greedy, other) = (TenantId::generate(), TenantId::generate());
        let (waiting, own) = (line.enter(greedy, session()), line.enter(greedy, session()));
        waiting.wait_for(shared, true);
        assert_eq!(own.claimed(), [shared]);
        assert!(line.enter(other, session()).claimed().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_comes_again_has_its_place_for_a_while() {
        let (line, tenant, budget, early) = (Line::default(), TenantId::generate(), BudgetId::generate(), session());
        let first = line.enter(tenant, early);
        let second = line.enter(tenant, session());
        second.wait_for(budget, false);
        first.keep();
        drop(first);
        assert!(line.enter(tenant, early).claimed().is_empty(), "its place is before the second's");
        assert_eq!(line.enter(tenant, early).claimed(), [budget], "it had one place");
        let late = line.enter(tenant, early);
        late.keep();
        drop(late);
        tokio::time::advance(KEPT_FOR).await;
        assert_eq!(line.enter(tenant, early).claimed(), [budget]);
        assert!(line.lock().kept.is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_is_notified_when_the_one_before_leaves() {
        let (line, tenant, budget) = (Line::default(), TenantId::generate(), BudgetId::generate());
        let first = line.enter(tenant, session());
        first.wait_for(budget, false);
        let mut moved = std::pin::pin!(line.moved());
        moved.as_mut().enable();
        drop(first);
        moved.await;
    }
}
