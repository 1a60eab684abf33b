//! The registry: where a request about a session finds it, live or at rest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::live::Whereabouts;
use super::recent::{Occupancy, Recent};
use super::supervisor::{Request, Supervisor};
use super::traced::Traced;
use crate::admission::{Place, Queue, Ticket};
use crate::config::Config;
use crate::domain::{Clock, SessionId, SessionLimits, SessionOverview, TenantId, TenantLimits, TurnId};
use crate::fair::FairGate;
use crate::lifecycle::Tasks;
use crate::sandbox::Maker;
use crate::spawner::SpawnerError;
use crate::store::{LiveTurn, Store, StoreError};
use crate::telemetry::{self, TraceContext};

/// Turns that are begun at the same time.
const BEGINNINGS: usize = 16;

/// Long transcripts that are loaded at the same time.
const LOADS: usize = 2;

/// What sessions need of the rest of the server.
#[derive(Debug)]
pub(super) struct Shared {
    /// Every fact.
    pub(super) store: Store,
    /// The time.
    pub(super) clock: Arc<dyn Clock>,
    /// All settings.
    pub(super) config: Arc<Config>,
    /// Where tasks are spawned.
    pub(super) tasks: Tasks,
    /// What makes sandboxes.
    pub(super) maker: Maker,
    /// Who has a place for a live session, and who waits for one.
    pub(super) queue: Queue,
    /// Who begins a turn: what it asks is in memory until it is stored.
    pub(super) beginnings: FairGate,
    /// Who loads a long transcript: it is in memory until its agent has it.
    pub(super) loads: FairGate,
    /// The commands under way, whether or not their callers still wait for them.
    pub(super) commands: TaskTracker,
    /// The turns that ended in the last minutes.
    pub(super) recent: Recent,
    /// How long sessions have had places.
    pub(super) occupancy: Occupancy,
    /// The live sessions.
    live: Mutex<HashMap<SessionId, Live>>,
}

/// A live session, as others see it.
#[derive(Debug)]
pub(super) struct Live {
    /// The turn its supervisor takes it through.
    pub(super) turn: TurnId,
    /// How far it has come.
    pub(super) whereabouts: Whereabouts,
    /// Its number in the queue.
    ticket: u64,
    /// Where its supervisor is asked.
    pub(super) inbox: mpsc::Sender<Request>,
    /// Cancelled when its supervisor is done.
    pub(super) done: CancellationToken,
}

/// The sessions. Cheap to clone; all clones are one registry.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Shared>);

impl Shared {
    /// Strikes a session off whose supervisor is done with `turn`, unless a further turn has taken its place.
    pub(super) fn forget(&self, id: SessionId, turn: TurnId) {
        let mut live = self.live();
        if live.get(&id).is_some_and(|found| found.turn == turn) {
            live.remove(&id);
        }
    }

    /// Whether a supervisor has the session.
    pub(super) fn is_live(&self, id: SessionId) -> bool {
        self.live().contains_key(&id)
    }

    pub(super) fn live(&self) -> MutexGuard<'_, HashMap<SessionId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// No session is live yet.
    pub fn new(store: Store, clock: Arc<dyn Clock>, config: Arc<Config>, tasks: Tasks, maker: Maker) -> Self {
        let queue = Queue::new(config.session.max_running);
        let (beginnings, loads) = (FairGate::new(BEGINNINGS), FairGate::new(LOADS));
        let (commands, live) = (TaskTracker::new(), Mutex::default());
        let (recent, occupancy) = (Recent::default(), Occupancy::default());
        Self(Arc::new(Shared {
            store,
            clock,
            config,
            tasks,
            maker,
            queue,
            beginnings,
            loads,
            commands,
            recent,
            occupancy,
            live,
        }))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Where a tenant's session stands in the queue; `None` when it does not wait.
    pub fn place(&self, tenant: TenantId, id: SessionId) -> Option<Place> {
        let ticket = self.0.live().get(&id)?.ticket;
        self.0.queue.place(tenant, ticket)
    }

    /// Checks that sandboxes can be run with the runtime `name`.
    ///
    /// # Errors
    /// When the engine has no such runtime, or fails.
    pub async fn check_runtime(&self, name: &str) -> Result<(), SpawnerError> {
        self.0.maker.spawner().check_runtime(name).await
    }

    /// Checks that sandboxes can be made from the image `name`.
    ///
    /// # Errors
    /// When there is no such image, it may not be used, or the engine fails.
    pub async fn check_image(&self, name: &str) -> Result<(), SpawnerError> {
        self.0.maker.spawner().find_image(Some(name)).await.map(drop)
    }

    /// Returns when no session is live any more.
    pub async fn drained(&self) {
        let waiting: Vec<_> = self.0.live().values().map(|live| live.done.clone()).collect();
        for done in waiting {
            done.cancelled().await;
        }
    }

    /// Puts a stored turn under a supervisor. Nothing of the turn but its ids is kept in memory until it gets its place.
    pub(super) fn supervise(&self, turn: LiveTurn, ticket: Ticket) {
        let (sender, inbox) = mpsc::channel(8);
        let live = Live {
            turn: turn.turn,
            whereabouts: Whereabouts::queued(turn.tenant, turn.accepted_at),
            ticket: ticket.number(),
            inbox: sender,
            done: CancellationToken::new(),
        };
        let done = live.done.clone().drop_guard();
        let trace = Traced::begin(&TraceContext::current(), &turn);
        let (ids, place) = ((turn.tenant, turn.session, turn.turn), trace.turn());
        let predecessor = self.0.live().insert(turn.session, live).map(|before| before.done);
        let supervisor = Supervisor {
            shared: Arc::clone(&self.0),
            turn,
            inbox,
            ticket: Some(ticket),
            predecessor,
            limits: SessionLimits::default(),
            allowed: TenantLimits::default(),
            egress: Arc::default(),
            over: false,
            unstored: None,
            trace,
        };
        let supervise = async move {
            supervisor.run().await;
            drop(done);
        };
        self.0.tasks.spawn("supervisor", telemetry::in_turn(supervise, ids, place));
    }

    pub(super) async fn find(&self, tenant: TenantId, id: SessionId) -> Result<Option<SessionOverview>, StoreError> {
        self.0.store.sessions().find(tenant, id).await
    }
}
