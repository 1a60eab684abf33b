//! The supervisor: the one task that owns a live session, from its place in the queue to the end of its sandbox.
//!
//! ```text
//! queued ── a slot ──► starting ── shim there, agent ready ──► running ── answer, end, clock ──► idle
//!    └──────────────────── cancel: the turn is over at once, the agent is stopped after ───────►┘
//! ```
//!
//! All else asks it through its inbox. A cancelled turn is over the moment it is stored as cancelled: stopping the agent
//! takes its time, and nobody has to wait for it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::leftovers::{self, Ended};
use super::lines::Lines;
use super::live::Whereabouts;
use super::output::Output;
use super::persist::store_failed;
use super::recorder::{Progress, Recorder};
use super::registry::Shared;
use super::stop::{Manner, stop};
use super::traced::Traced;
use super::{StartError, drive, ending};
use crate::admission::Ticket;
use crate::agent::Planning;
use crate::domain::{EgressHost, EndReason, SessionLimits, SessionOverview, SessionState, TenantLimits, TurnEnd};
use crate::metrics::catalogue::{QUEUE_WAIT, SANDBOX_START};
use crate::sandbox::{Activity, Caller, OpenError, Sandbox, Wish};
use crate::spawner::{SpawnerError, WorkspacePath};
use crate::store::{LiveTurn, StoreError};

/// What is asked of a supervisor.
#[derive(Debug)]
pub(super) enum Request {
    /// Cancel the turn; the answer is whether it was this that ended it.
    Cancel(oneshot::Sender<Result<bool, StoreError>>),
}

/// Steps the recorder may be ahead of the supervisor.
const PROGRESS: usize = 64;

/// A transcript that is longer is loaded beside few others.
const LONG_TRANSCRIPT_BYTES: u64 = 1 << 20;

/// One live session.
pub(super) struct Supervisor {
    pub(super) shared: Arc<Shared>,
    /// The turn it takes the session through. What the turn asks is read when it gets its place, and dropped when the agent
    /// has it.
    pub(super) turn: LiveTurn,
    pub(super) inbox: mpsc::Receiver<Request>,
    /// Its place in the queue.
    pub(super) ticket: Option<Ticket>,
    /// Ends when the sandbox of the session's turn before, which may still be putting its things away, is gone.
    pub(super) predecessor: Option<CancellationToken>,
    /// What it may use, by its request and by its tenant's limits when the sandbox was made.
    pub(super) limits: SessionLimits,
    /// What its tenant was allowed when the sandbox was made.
    pub(super) allowed: TenantLimits,
    /// The hosts its sandbox may reach, by the same and by the settings.
    pub(super) egress: Arc<[EgressHost]>,
    /// Whether the turn's end is stored.
    pub(super) over: bool,
    /// How the turn ended, if that could not be stored yet.
    pub(super) unstored: Option<TurnEnd>,
    /// Its spans.
    pub(super) trace: Traced,
}

impl Supervisor {
    /// Takes the session through its turn.
    pub(super) async fn run(mut self) {
        let draining = self.shared.tasks.draining().clone();
        let (ticket, predecessor) = (self.ticket.take(), self.predecessor.take());
        let longest = Duration::from_millis(self.shared.config.session.wait_timeout_ms);
        let place = async {
            if let Some(predecessor) = predecessor {
                predecessor.cancelled().await;
            }
            match ticket {
                Some(ticket) => ticket.await,
                None => std::future::pending().await,
            }
        };
        let (mut place, mut too_long) = (pin!(place), pin!(sleep(longest)));
        let mut slot = None;
        while slot.is_none() && !self.over {
            tokio::select! {
                given = &mut place => slot = Some(given),
                answer = self.asked_to_cancel() => slot = beside(place.as_mut(), self.cancel(answer)).await,
                () = draining.cancelled() => break,
                () = &mut too_long => {
                    self.end(drive::waited_too_long(longest)).await;
                    break;
                }
            }
        }
        // A turn that still waits when the server stops is left waiting, and taken up by the next start.
        if slot.is_some() && !self.over {
            QUEUE_WAIT.note([], self.shared.clock.now().seconds_since(self.turn.accepted_at));
            let place = self.shared.occupancy.take(self.turn.tenant, self.shared.clock.now());
            // Boxed, so that a thousand that wait are small.
            Box::pin(self.occupy()).await;
            self.shared.occupancy.give_back(place, self.shared.clock.now());
        }
        if let Some(end) = self.unstored.take() {
            // Others may have its place meanwhile.
            drop(slot);
            self.store_kept(end).await;
        }
        self.shared.forget(self.turn.session, self.turn.turn);
    }

    /// What happens while the session has a place: a sandbox is made, used and removed.
    async fn occupy(&mut self) {
        let opened_at = Instant::now();
        self.trace.event("a place is given");
        let activity = Activity::new();
        self.note(Whereabouts::start);
        let overview = match self.load().await {
            Ok(overview) => overview,
            Err(end) => return self.end(end).await,
        };
        let mut sandbox = match self.open(&overview, activity.clone()).await {
            Ok(sandbox) => sandbox,
            Err(end) => {
                self.end(end).await;
                return leftovers::finish(&self.shared, &self.turn, Ended::Unused).await;
            }
        };
        self.note(|whereabouts| whereabouts.open(sandbox.resources.clone()));
        let (sender, mut progress) = mpsc::channel(PROGRESS);
        let recorder = Recorder {
            store: self.shared.store.clone(),
            tenant: self.turn.tenant,
            session: self.turn.session,
            link: sandbox.link.clone(),
            lines: self.lines(&overview),
            stopping: self.shared.tasks.stopping().clone(),
        };
        let (_, closed) = mpsc::channel(1);
        let reports = std::mem::replace(&mut sandbox.reports, closed);
        self.shared.tasks.spawn("recorder", recorder.run(reports, sender));
        let manner = self.turn(overview, &mut sandbox, &mut progress, &activity, opened_at).await;
        self.note(Whereabouts::stop);
        if !self.shared.tasks.stopping().is_cancelled() {
            stop(&sandbox.link, &mut progress, manner, &self.shared.config.session).await;
        }
        let closing = sandbox.close().await;
        // The recorder ends with the reports: only then is the transcript whole, and the session free to be resumed.
        if closing.is_gone {
            while progress.recv().await.is_some() {}
        }
        leftovers::finish(&self.shared, &self.turn, Ended::Used(closing)).await;
        while progress.recv().await.is_some() {}
    }

    /// Reads what the turn asks. One that was ended without its supervisor ends here.
    async fn load(&self) -> Result<SessionOverview, TurnEnd> {
        let found = self.shared.store.sessions().find_request(self.turn.tenant, self.turn.session).await;
        let found = found.map_err(|error| store_failed(&error))?;
        found
            .filter(|found| found.turn.id == self.turn.turn && found.turn.outcome.is_none())
            .ok_or_else(TurnEnd::cancelled)
    }

    /// Whether changes of files that would run later are undone.
    fn quarantines(&self) -> bool {
        self.allowed.quarantine.unwrap_or(false)
    }

    /// Whether the agent tells about itself: where its tenant may, and there is where to.
    fn tells_telemetry(&self) -> bool {
        self.allowed.agent_telemetry.unwrap_or(false) && !self.shared.config.traces.otlp_endpoint.is_empty()
    }

    /// The turn itself, in a sandbox that stands ready. Answers how the agent is to be stopped.
    async fn turn(
        &mut self,
        overview: SessionOverview,
        sandbox: &mut Sandbox,
        progress: &mut mpsc::Receiver<Progress>,
        activity: &Activity,
        opened_at: Instant,
    ) -> Manner {
        if self.over {
            return Manner::Abandon;
        }
        let mut is_at_work = false;
        let shared = Arc::clone(&self.shared);
        let turn = self.turn;
        let times = drive::Times::new(&shared.config.session, &self.limits);
        let repository = self.allowed.repository.clone().unwrap_or_default();
        let telemetry = self.tells_telemetry().then(|| self.trace.turn());
        let granted = drive::Granted { repository, has_egress: !self.egress.is_empty(), telemetry };
        let work = async {
            let is_long = overview.session.transcript_bytes > LONG_TRANSCRIPT_BYTES;
            let loading = if is_long { Some(shared.loads.acquire(turn.tenant).await) } else { None };
            let transcript =
                shared.store.transcripts().load(turn.session).await.map_err(|error| store_failed(&error))?;
            drive::begin(&overview, transcript, &granted, &sandbox.link, progress, &shared.config).await?;
            drop(loading);
            SANDBOX_START.took(["total"], opened_at.elapsed());
            let now = shared.clock.now();
            shared.enter_state(&turn, SessionState::Running, now).await?;
            is_at_work = true;
            shared.note(turn.session, turn.turn, |whereabouts| whereabouts.run(now));
            sandbox.link.input(crate::agent::prompt(&overview.turn.prompt));
            // The agent works for hours, and the prompt is not needed any more.
            drop(overview);
            Ok(tokio::select! {
                end = drive::finish(progress, activity, opened_at, &times) => end,
                why = sandbox.overfull() => drive::overfull(why),
            })
        };
        let end = {
            let mut work = pin!(work);
            loop {
                let end = tokio::select! {
                    end = &mut work => Some(end),
                    answer = self.asked_to_cancel() => beside(work.as_mut(), self.cancel(answer)).await,
                    () = shared.tasks.stopping().cancelled() => Some(Err(interrupted())),
                };
                if self.over {
                    break None;
                }
                if let Some(end) = end {
                    break Some(end.unwrap_or_else(|end| end));
                }
            }
        };
        let Some(end) = end else {
            return if is_at_work { Manner::Interrupt } else { Manner::Abandon };
        };
        let manner = match end.reason {
            _ if !is_at_work => Manner::Abandon,
            EndReason::Answered | EndReason::AgentError | EndReason::BudgetReached | EndReason::AgentExited => {
                Manner::Rest
            }
            _ => Manner::Interrupt,
        };
        self.end(end).await;
        manner
    }

    /// Makes the sandbox. A request to cancel is answered meanwhile; the sandbox is finished all the same, and then
    /// removed, because half a sandbox cannot be.
    async fn open(&mut self, overview: &SessionOverview, activity: Activity) -> Result<Sandbox, TurnEnd> {
        let (session, turn) = (&overview.session, self.turn);
        let shared = Arc::clone(&self.shared);
        let tenant = match shared.store.tenants().find(turn.tenant).await {
            Ok(tenant) => tenant,
            Err(error) => return Err(store_failed(&error)),
        };
        let spec = &overview.turn.spec;
        self.allowed = tenant.map(|tenant| tenant.limits).unwrap_or_default();
        self.limits = spec.limits.unwrap_or_default().lowest(&SessionLimits::of_tenant(&self.allowed));
        let granted = self.allowed.egress_hosts.as_deref().unwrap_or_default();
        let ceiling = &shared.config.egress.allowed_hosts;
        self.egress = EgressHost::policy(spec.egress_hosts.as_deref(), granted, ceiling).into();
        let (egress, runtime) = (Arc::clone(&self.egress), self.allowed.runtime.clone());
        let (limits, image) = (self.limits, spec.image.clone());
        let workspace = WorkspacePath { root: session.root.clone(), relative: session.relative.clone() };
        let (quarantine, trace) = (self.quarantines(), self.trace.turn());
        let (start, agent_telemetry) = (self.trace.sandbox_start(&turn), self.tells_telemetry());
        let opening = async move {
            let now = shared.clock.now();
            let epoch = shared.enter_state(&turn, SessionState::Starting, now).await?;
            let survey = shared.config.survey.enabled || quarantine;
            if !leftovers::repeat(&shared, turn.tenant, turn.session).await {
                return Err(TurnEnd::failed(EndReason::StartFailed, StartError::Lingering.to_string()));
            }
            let pending = leftovers::open(&turn, epoch, &workspace, survey, quarantine, now);
            shared.expect_sandbox(&pending).await?;
            let wish = Wish { epoch, workspace, image, runtime, limits, survey };
            let LiveTurn { tenant, session, turn, .. } = turn;
            let log = tracing::Span::current();
            let caller = Caller { tenant, session, turn, activity, egress, agent_telemetry, trace, log };
            let opened = start.around(shared.maker.open(caller, wish)).await;
            opened.inspect_err(|error| start.fail(error.as_label())).map_err(|error| {
                match error {
                    OpenError::Spawner(SpawnerError::Workspace(why)) => {
                        return TurnEnd::failed(EndReason::StartFailed, why.to_string());
                    }
                    OpenError::Overfull(why) => return drive::overfull(why),
                    _ => {}
                }
                error!(error = &error as &dyn std::error::Error, "a sandbox could not be made");
                if let OpenError::Spawner(SpawnerError::Runtime { name, .. }) = error {
                    return drive::no_runtime(&name);
                }
                TurnEnd::failed(EndReason::StartFailed, "The sandbox could not be made; the operator's log says why")
            })
        };
        let mut opening = pin!(opening);
        loop {
            tokio::select! {
                result = &mut opening => return result,
                answer = self.asked_to_cancel() => {
                    if let Some(result) = beside(opening.as_mut(), self.cancel(answer)).await {
                        return result;
                    }
                }
            }
        }
    }

    /// Notes what others may see of the session.
    pub(super) fn note(&self, change: impl FnOnce(&mut Whereabouts)) {
        self.shared.note(self.turn.session, self.turn.turn, change);
    }

    /// Reads what the agent says, which is bounded.
    fn lines(&self, overview: &SessionOverview) -> Lines {
        let config = &self.shared.config;
        let limit = self.limits.output_bytes.unwrap_or(i64::MAX).min(config.sandbox.output_bytes);
        let output = Output::new(limit.unsigned_abs(), config.sandbox.output_bytes_per_second);
        let mode = overview.turn.spec.permission_mode.unwrap_or(config.agent.default_permission_mode);
        Lines::new(self.turn.turn, Arc::clone(&self.shared.clock), output, Planning::new(mode))
    }

    /// Returns when the turn is to be cancelled, with where to answer. Whoever waits for this beside something else loses
    /// no request when the other comes first: that is why storing the end is a step of its own.
    pub(super) async fn asked_to_cancel(&mut self) -> oneshot::Sender<Result<bool, StoreError>> {
        if !self.over
            && let Some(Request::Cancel(answer)) = self.inbox.recv().await
        {
            return answer;
        }
        std::future::pending().await
    }

    /// Ends the turn as cancelled, and answers whether it was this that ended it. Not to be dropped half done.
    pub(super) async fn cancel(&mut self, answer: oneshot::Sender<Result<bool, StoreError>>) {
        let ended = self.store_end(&TurnEnd::cancelled()).await;
        // The caller may have left meanwhile.
        let _ = answer.send(ended);
    }

    /// Stores how the turn ended. Answers whether this ended it.
    pub(super) async fn store_end(&mut self, end: &TurnEnd) -> Result<bool, StoreError> {
        let ended = ending::end(&self.shared, &self.turn, end).await?;
        self.over = true;
        self.note(Whereabouts::stop);
        self.trace.ended(end);
        info!(reason = end.reason.as_str(), "a turn ended");
        Ok(ended)
    }
}

/// Takes `step` to its end, whatever becomes of `work`, which goes on meanwhile: it may hold the connection that the step
/// waits for. Answers what the work came to, if it did.
async fn beside<T>(mut work: Pin<&mut impl Future<Output = T>>, step: impl Future<Output = ()>) -> Option<T> {
    let (mut step, mut came_to) = (pin!(step), None);
    loop {
        tokio::select! {
            () = &mut step => return came_to,
            value = &mut work, if came_to.is_none() => came_to = Some(value),
        }
    }
}

/// How a turn ends that the server's own end cut short.
pub(super) fn interrupted() -> TurnEnd {
    TurnEnd::failed(EndReason::Interrupted, "The server stopped during the turn; resume the session to go on")
}
