//! The registry: where a request about a session finds it, live or at rest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::live::Whereabouts;
use super::supervisor::{Request, Supervisor};
use super::traced::Traced;
use super::{CancelError, DeleteError, ResumeError, StartError};
use crate::admission::{Place, Queue, Ticket};
use crate::config::Config;
use crate::domain::{
    Clock, KeyId, SeedStatus, SessionId, SessionLimits, SessionOverview, SessionState, Tenant, TenantId, TenantLimits,
    Timestamp, TurnId, TurnSpec,
};
use crate::lifecycle::Tasks;
use crate::metrics;
use crate::metrics::catalogue::SESSIONS_CREATED;
use crate::sandbox::Maker;
use crate::spawner::{SpawnerError, WorkspacePath};
use crate::store::{NewSession, NewTurn, Store, StoreError};
use crate::telemetry::{self, TraceContext};

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
    inbox: mpsc::Sender<Request>,
    /// Cancelled when its supervisor is done.
    done: CancellationToken,
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
        Self(Arc::new(Shared { store, clock, config, tasks, maker, queue, live: Mutex::default() }))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Starts a session in the directory `cwd` names, and answers its id once it is stored, and the limits that were applied,
    /// if any were asked for.
    ///
    /// # Errors
    /// When the directory or the environment is refused, the server is stopping, or the store fails.
    pub async fn start(
        &self,
        tenant: &Tenant,
        key: &KeyId,
        cwd: Option<&str>,
        prompt: String,
        mut spec: TurnSpec,
    ) -> Result<(SessionId, Option<SessionLimits>), StartError> {
        let tenant = &self.admit(tenant, &mut spec).await?;
        let (workspace, _) = self.find_workspace(tenant, cwd).await?;
        let ticket = self.enter(tenant, prompt.len() as u64 + spec.text_bytes())?;
        let (id, limits) = (SessionId::generate(), spec.limits);
        let turn = self.new_turn(key, prompt, spec);
        let new = NewSession { id, tenant: tenant.id, root: workspace.root, relative: workspace.relative, turn };
        self.0.store.sessions().create(&new).await?;
        SESSIONS_CREATED.one([&metrics::tenant(tenant.id)]);
        self.supervise(tenant.id, id, ticket).await?;
        Ok((id, limits))
    }

    /// Begins a further turn of a session whose agent has spoken, and answers the limits that were applied, if any were asked
    /// for.
    ///
    /// # Errors
    /// When there is no such session, it is at work, has no conversation, or the turn is refused as a start is.
    pub async fn resume(
        &self,
        tenant: &Tenant,
        key: &KeyId,
        id: SessionId,
        cwd: Option<&str>,
        prompt: String,
        mut spec: TurnSpec,
    ) -> Result<Option<SessionLimits>, ResumeError> {
        let overview = self.find(tenant.id, id).await.map_err(StartError::Store)?.ok_or(ResumeError::NotFound)?;
        if overview.session.state != SessionState::Idle {
            return Err(ResumeError::Running);
        }
        if overview.session.agent_session.is_none() {
            return Err(ResumeError::NoConversation);
        }
        let tenant = &self.admit(tenant, &mut spec).await?;
        if cwd.is_some_and(|cwd| !cwd.is_empty()) {
            let (_, asked) = self.find_workspace(tenant, cwd).await?;
            let (root, relative) = (overview.session.root.clone(), overview.session.relative.clone());
            let ours = self
                .0
                .maker
                .spawner()
                .find_workspace(&WorkspacePath { root, relative })
                .await
                .map_err(StartError::from)?;
            if (asked.device, asked.inode) != (ours.device, ours.inode) {
                return Err(ResumeError::OtherWorkspace);
            }
        }
        if !tenant.roots.iter().any(|root| root.path() == overview.session.root) {
            return Err(ResumeError::RootGone);
        }
        let ticket = self.enter(tenant, prompt.len() as u64 + spec.text_bytes())?;
        let limits = spec.limits;
        let turn = self.new_turn(key, prompt, spec);
        let begun = self.0.store.sessions().begin_turn(tenant.id, id, &turn).await.map_err(StartError::Store)?;
        if !begun {
            return Err(ResumeError::Running);
        }
        self.supervise(tenant.id, id, ticket).await.map_err(StartError::Store)?;
        Ok(limits)
    }

    /// Cancels the turn under way. Returns once that is stored; the agent is stopped after.
    ///
    /// # Errors
    /// When there is no such session, no turn is under way, or the store fails.
    pub async fn cancel(&self, tenant: TenantId, id: SessionId) -> Result<(), CancelError> {
        let overview = self.find(tenant, id).await?.ok_or(CancelError::NotFound)?;
        let inbox = self.0.live().get(&id).map(|live| live.inbox.clone());
        if overview.session.state != SessionState::Idle
            && let Some(inbox) = inbox
        {
            let (answer, answered) = oneshot::channel();
            if inbox.send(Request::Cancel(answer)).await.is_ok()
                && let Ok(ended) = answered.await
                && ended?
            {
                return Ok(());
            }
        }
        let overview = self.find(tenant, id).await?.ok_or(CancelError::NotFound)?;
        Err(CancelError::NotRunning(overview.seed_status()))
    }

    /// Where a tenant's session stands in the queue; `None` when it does not wait.
    pub fn place(&self, tenant: TenantId, id: SessionId) -> Option<Place> {
        let ticket = self.0.live().get(&id)?.ticket;
        self.0.queue.place(tenant, ticket)
    }

    /// Cancels every turn of a tenant that is under way or waits.
    ///
    /// # Errors
    /// When the store fails; what was cancelled until then stays cancelled.
    pub async fn cancel_all(&self, tenant: TenantId) -> Result<(), StoreError> {
        for overview in self.0.store.sessions().list_live().await? {
            if overview.session.tenant == tenant
                && let Err(CancelError::Store(error)) = self.cancel(tenant, overview.session.id).await
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Deletes a session at rest, and answers how it stood.
    ///
    /// # Errors
    /// When there is no such session, a turn is under way, or the store fails.
    pub async fn delete(&self, tenant: TenantId, id: SessionId) -> Result<SeedStatus, DeleteError> {
        let overview = self.find(tenant, id).await?.ok_or(DeleteError::NotFound)?;
        if overview.session.state != SessionState::Idle {
            return Err(DeleteError::Running);
        }
        self.wait_until_done(&overview).await;
        if self.0.store.sessions().delete(tenant, id).await? {
            self.remove_files(id).await;
            return Ok(overview.seed_status());
        }
        match self.find(tenant, id).await? {
            Some(_) => Err(DeleteError::Running),
            None => Err(DeleteError::NotFound),
        }
    }

    /// Deletes the tenant's sessions at rest whose last turn ended before `moment`, and answers how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn cleanup(&self, tenant: TenantId, moment: Timestamp) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for id in self.0.store.sessions().ended_before(tenant, moment).await? {
            match self.delete(tenant, id).await {
                Ok(_) => deleted += 1,
                // Somebody else was quicker to delete or to resume it.
                Err(DeleteError::NotFound | DeleteError::Running) => {}
                Err(DeleteError::Store(error)) => return Err(error),
            }
        }
        Ok(deleted)
    }

    /// Checks that sandboxes can be run with the runtime `name`.
    ///
    /// # Errors
    /// When the engine has no such runtime, or fails.
    pub async fn check_runtime(&self, name: &str) -> Result<(), SpawnerError> {
        self.0.maker.spawner().check_runtime(name).await
    }

    /// Returns when no session is live any more.
    pub async fn drained(&self) {
        let waiting: Vec<_> = self.0.live().values().map(|live| live.done.clone()).collect();
        for done in waiting {
            done.cancelled().await;
        }
    }

    /// Takes a stored session under a supervisor.
    pub(super) async fn supervise(&self, tenant: TenantId, id: SessionId, ticket: Ticket) -> Result<(), StoreError> {
        let Some(overview) = self.find(tenant, id).await? else { return Ok(()) };
        let (sender, inbox) = mpsc::channel(8);
        let live = Live {
            turn: overview.turn.id,
            whereabouts: Whereabouts::queued(tenant, overview.turn.created_at),
            ticket: ticket.number(),
            inbox: sender,
            done: CancellationToken::new(),
        };
        let done = live.done.clone().drop_guard();
        let trace = Traced::begin(&TraceContext::current(), &overview);
        let (ids, place) = ((tenant, id, overview.turn.id), trace.turn());
        let predecessor = self.0.live().insert(id, live).map(|before| before.done);
        let supervisor = Supervisor {
            shared: Arc::clone(&self.0),
            overview,
            inbox,
            ticket: Some(ticket),
            predecessor,
            limits: SessionLimits::default(),
            allowed: TenantLimits::default(),
            egress: Arc::default(),
            over: false,
            trace,
        };
        let supervise = async move {
            supervisor.run().await;
            drop(done);
        };
        self.0.tasks.spawn("supervisor", telemetry::in_turn(supervise, ids, place));
        Ok(())
    }

    async fn find(&self, tenant: TenantId, id: SessionId) -> Result<Option<SessionOverview>, StoreError> {
        self.0.store.sessions().find(tenant, id).await
    }

    /// Waits until the sandbox of a turn that is over is gone, and nothing is written to the session any more.
    async fn wait_until_done(&self, overview: &SessionOverview) {
        let done = self
            .0
            .live()
            .get(&overview.session.id)
            .filter(|live| live.turn == overview.turn.id)
            .map(|live| live.done.clone());
        if let Some(done) = done {
            done.cancelled().await;
        }
    }

    fn new_turn(&self, key: &KeyId, prompt: String, spec: TurnSpec) -> NewTurn {
        NewTurn { id: TurnId::generate(), prompt, spec, key: key.clone(), created_at: self.0.clock.now() }
    }
}
