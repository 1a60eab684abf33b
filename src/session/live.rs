//! What is known of live sessions without asking anybody: for whoever looks often, such as the metrics.

use std::collections::HashMap;

use super::registry::{Registry, Shared};
use crate::domain::{SessionId, TenantId, Timestamp, TurnId};
use crate::sandbox::{LatestResources, Resources};
use crate::store::EndedTurn;

/// How far a live session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// It waits for a place.
    Queued,
    /// Its sandbox is being made, its agent made ready.
    Starting,
    /// Its agent works.
    Running,
    /// Its turn is over, and its sandbox not gone yet.
    Stopping,
}

/// A session that a supervisor has, as it is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub session: SessionId,
    /// The turn it is taken through.
    pub turn: TurnId,
    /// How far it has come.
    pub stage: Stage,
    /// When the turn was accepted.
    pub since: Timestamp,
    /// When its agent was given the prompt, if it was.
    pub running_since: Option<Timestamp>,
    /// What its sandbox uses, as far as that is known.
    pub resources: Option<Resources>,
    /// The memory its sandbox may use, while it has one.
    pub memory_limit_bytes: Option<u64>,
}

/// The queue and the places, as they are at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueStatus {
    /// Sessions that wait.
    pub waiting: usize,
    /// When the turn was accepted that waits longest.
    pub oldest: Option<Timestamp>,
    /// Places that are taken.
    pub taken: usize,
    /// Places there are.
    pub capacity: usize,
}

/// What the registry keeps of a live session for others to see.
#[derive(Debug)]
pub(super) struct Whereabouts {
    tenant: TenantId,
    since: Timestamp,
    stage: Stage,
    running_since: Option<Timestamp>,
    sandbox: Option<LatestResources>,
}

impl Stage {
    /// All stages, in their order.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Starting, Self::Running, Self::Stopping];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
        }
    }
}

impl Whereabouts {
    /// A session of `tenant` that waits, its turn accepted at `since`.
    pub(super) const fn queued(tenant: TenantId, since: Timestamp) -> Self {
        Self { tenant, since, stage: Stage::Queued, running_since: None, sandbox: None }
    }

    /// Its sandbox is being made. A turn that is over by then stays so.
    pub(super) fn start(&mut self) {
        self.stage = self.stage.max(Stage::Starting);
    }

    /// Its sandbox stands.
    pub(super) fn open(&mut self, resources: LatestResources) {
        self.sandbox = Some(resources);
    }

    /// Its agent was given the prompt.
    pub(super) fn run(&mut self, now: Timestamp) {
        self.stage = self.stage.max(Stage::Running);
        self.running_since = Some(now);
    }

    /// Its turn is over.
    pub(super) fn stop(&mut self) {
        self.stage = Stage::Stopping;
    }

    /// Whether its turn is over.
    pub(super) fn is_stopping(&self) -> bool {
        self.stage == Stage::Stopping
    }

    fn show(&self, session: SessionId, turn: TurnId) -> LiveSession {
        LiveSession {
            tenant: self.tenant,
            session,
            turn,
            stage: self.stage,
            since: self.since,
            running_since: self.running_since,
            resources: self.sandbox.as_ref().and_then(LatestResources::get),
            memory_limit_bytes: self.sandbox.as_ref().map(LatestResources::memory_limit_bytes),
        }
    }
}

impl Shared {
    /// Notes what has become of a turn, unless a further turn of its session has taken its place.
    pub(super) fn note(&self, session: SessionId, turn: TurnId, change: impl FnOnce(&mut Whereabouts)) {
        if let Some(live) = self.live().get_mut(&session).filter(|live| live.turn == turn) {
            change(&mut live.whereabouts);
        }
    }
}

impl Registry {
    /// Every live session, those that wait too, in no order.
    pub fn live(&self) -> Vec<LiveSession> {
        let live = self.shared().live();
        live.iter().map(|(session, live)| live.whereabouts.show(*session, live.turn)).collect()
    }

    /// A session, if a supervisor has it.
    pub fn live_session(&self, id: SessionId) -> Option<LiveSession> {
        self.shared().live().get(&id).map(|live| live.whereabouts.show(id, live.turn))
    }

    /// The turns that ended in the [`REMEMBERED_S`](super::REMEMBERED_S) seconds before `now`, as they ended: what a call cost
    /// that was read to its end after is not in their cost.
    pub fn ended(&self, now: Timestamp) -> Vec<EndedTurn> {
        self.shared().recent.list(now)
    }

    /// How many microseconds sessions of each tenant have had places since the start of the process, up to `now`.
    pub fn place_micros(&self, now: Timestamp) -> HashMap<TenantId, i64> {
        self.shared().occupancy.total(now)
    }

    /// The queue and the places.
    pub fn queue(&self) -> QueueStatus {
        let capacity = self.shared().config.session.max_running;
        let taken = capacity.saturating_sub(self.shared().queue.free());
        let live = self.shared().live();
        let waiting =
            live.values().map(|live| &live.whereabouts).filter(|whereabouts| whereabouts.stage == Stage::Queued);
        let (mut count, mut oldest) = (0, None);
        for whereabouts in waiting {
            count += 1;
            oldest = Some(oldest.map_or(whereabouts.since, |oldest: Timestamp| oldest.min(whereabouts.since)));
        }
        QueueStatus { waiting: count, oldest, taken, capacity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_is_over_does_not_run_again_whatever_comes_late() {
        let mut whereabouts = Whereabouts::queued(TenantId::generate(), Timestamp::from_micros(1));
        assert_eq!(whereabouts.stage, Stage::Queued);
        whereabouts.start();
        assert_eq!(whereabouts.stage, Stage::Starting);
        // A cancelled turn's sandbox is made to the end all the same.
        whereabouts.stop();
        whereabouts.run(Timestamp::from_micros(2));
        assert_eq!(whereabouts.stage, Stage::Stopping);
        whereabouts.start();
        assert_eq!(whereabouts.stage, Stage::Stopping);
    }
}
