//! Driving an agent through one turn: make it ready, give it the prompt, wait for its answer, mind the clocks.

use std::collections::BTreeSet;
use std::time::Duration;

use innkeeper_shim::contract::EGRESS_ADDRESS;
use innkeeper_shim::protocol::{Exited, Start};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::recorder::Progress;
use crate::agent::{self, Conversation, TurnResult};
use crate::config::{Config, SessionConfig};
use crate::domain::{EndReason, Outcome, RepositoryGrant, SessionLimits, SessionOverview, TurnEnd};
use crate::metrics::catalogue::SANDBOX_START;
use crate::sandbox::{Activity, LinkHandle, Overfull};
use crate::spawner::{GIT_CONFIG_INSIDE, MODEL_SOCKET_INSIDE};
use crate::telemetry::TraceContext;

/// The control request whose answer says that the agent listens.
const READY: &str = "initialize";

/// How long a turn may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    silence: Duration,
    turn: Duration,
    total: Duration,
}

impl Times {
    /// The times of the installation, where the session's own are not shorter.
    pub(super) fn new(config: &SessionConfig, limits: &SessionLimits) -> Self {
        let shorter =
            |ours: u64, theirs: Option<u64>| Duration::from_millis(theirs.map_or(ours, |most| most.min(ours)));
        Self {
            silence: Duration::from_millis(config.silence_timeout_ms),
            turn: shorter(config.turn_timeout_ms, limits.turn_timeout_ms),
            total: shorter(config.total_timeout_ms, limits.total_timeout_ms),
        }
    }
}

/// What an agent was granted.
#[derive(Debug)]
pub(super) struct Granted {
    /// What of the repository's own configuration it heeds.
    pub(super) repository: BTreeSet<RepositoryGrant>,
    /// Whether its sandbox may reach any host.
    pub(super) has_egress: bool,
    /// The place in a trace below which it tells about itself, if it may.
    pub(super) telemetry: Option<TraceContext>,
}

/// Starts the agent in its sandbox and makes it ready; `transcript` is what the conversation was so far.
///
/// # Errors
/// How the turn ended, when the agent does not come up.
pub(super) async fn begin(
    overview: &SessionOverview,
    transcript: String,
    Granted { repository: grants, has_egress, telemetry }: &Granted,
    link: &LinkHandle,
    progress: &mut mpsc::Receiver<Progress>,
    config: &Config,
) -> Result<(), TurnEnd> {
    let spec = &overview.turn.spec;
    let resumed = overview.session.agent_session.as_deref().filter(|_| !transcript.is_empty());
    let (conversation, files) = match resumed {
        Some(name) => (Conversation::Resumed(name), vec![(agent::transcript_path(name), transcript.into())]),
        None => (Conversation::New(overview.session.id), Vec::new()),
    };
    let proxy = has_egress.then(|| format!("http://{EGRESS_ADDRESS}"));
    let mut env = agent::agent_env(&spec.env, MODEL_SOCKET_INSIDE, proxy.as_deref(), &config.agent, grants);
    env.entry("GIT_CONFIG_SYSTEM".to_owned()).or_insert_with(|| GIT_CONFIG_INSIDE.to_owned());
    if let Some(place) = telemetry {
        // The port of the sandbox's egress leads to its socket, whatever it may reach beyond.
        env.extend(agent::telemetry_env(&format!("http://{EGRESS_ADDRESS}"), place.traceparent().as_deref()));
    }
    let start = Start {
        argv: agent::argv(conversation, spec, &config.agent, grants, &env),
        env,
        cwd: agent::WORKSPACE.to_owned(),
    };
    link.start(&files, start);
    link.input(agent::initialize(READY, spec.system_prompt.as_deref()));
    let (limit, began) = (Duration::from_millis(config.sandbox.start_timeout_ms), Instant::now());
    let failed =
        |why: String| TurnEnd::failed(EndReason::StartFailed, format!("The agent could not be started: {why}"));
    timeout(limit, ready(progress))
        .await
        .unwrap_or_else(|_| Err(failed(format!("it was not ready within {limit:?}"))))?;
    SANDBOX_START.took(["agent"], began.elapsed());
    tracing::debug!("the agent is ready");
    Ok(())
}

async fn ready(progress: &mut mpsc::Receiver<Progress>) -> Result<(), TurnEnd> {
    loop {
        match progress.recv().await {
            Some(Progress::Answered { request, error: None }) if request == READY => return Ok(()),
            Some(Progress::Answered { request, error: Some(error) }) if request == READY => {
                return Err(TurnEnd::failed(
                    EndReason::StartFailed,
                    format!("The agent could not be started: {error}"),
                ));
            }
            Some(Progress::Result(result)) => return Err(ended(result)),
            Some(Progress::Alive | Progress::Rested | Progress::Answered { .. }) => {}
            other => return Err(broke_off(other)),
        }
    }
}

/// Waits until the turn is over, by the agent's answer, its end, or a clock.
pub(super) async fn finish(
    progress: &mut mpsc::Receiver<Progress>,
    activity: &Activity,
    opened_at: Instant,
    times: &Times,
) -> TurnEnd {
    let turn_end = Instant::now() + times.turn;
    let total_end = opened_at + times.total;
    let mut signs = activity.watch();
    let mut last_sign = Instant::now();
    loop {
        tokio::select! {
            step = progress.recv() => match step {
                Some(Progress::Result(result)) => return with_money(ended(result), activity),
                Some(Progress::Alive | Progress::Answered { .. }) => last_sign = Instant::now(),
                Some(Progress::Rested) => return unreadable(),
                other => return broke_off(other),
            },
            Ok(()) = signs.changed() => last_sign = Instant::now(),
            () = sleep_until(last_sign + times.silence) => {
                return timed_out(EndReason::SilenceTimeout, "Nothing was heard of the agent for", times.silence);
            }
            () = sleep_until(turn_end) => {
                return timed_out(EndReason::TurnTimeout, "The turn took longer than", times.turn);
            }
            () = sleep_until(total_end) => {
                return timed_out(EndReason::TotalTimeout, "The session ran longer than", times.total);
            }
        }
    }
}

fn ended(result: TurnResult) -> TurnEnd {
    match result.error {
        None => TurnEnd {
            outcome: Outcome::Completed,
            reason: EndReason::Answered,
            error: None,
            report: Some(Box::new(result.report)),
        },
        Some(error) => TurnEnd {
            outcome: Outcome::Failed,
            reason: EndReason::AgentError,
            error: Some(error),
            report: Some(Box::new(result.report)),
        },
    }
}

/// How a turn ends whose result did not arrive, although the agent is done.
fn unreadable() -> TurnEnd {
    TurnEnd::failed(
        EndReason::AgentError,
        "The agent ended the turn, and its result could not be read; resume the session",
    )
}

/// A turn that failed for want of money, as the gateway knows, not as the agent says it.
fn with_money(end: TurnEnd, activity: &Activity) -> TurnEnd {
    let is_spent = end.outcome == Outcome::Failed && activity.signs().out_of_money;
    if is_spent { TurnEnd { reason: EndReason::BudgetReached, ..end } } else { end }
}

/// How a turn ends that never had its place.
pub(super) fn waited_too_long(limit: Duration) -> TurnEnd {
    TurnEnd::failed(EndReason::WaitTimeout, format!("The session waited for its place for {limit:?}"))
}

/// How a turn ends whose sandbox cannot be run as its tenant's are.
pub(super) fn no_runtime(name: &str) -> TurnEnd {
    let why = format!(
        "The sandbox could not be made: there is no runtime `{name}` here; the operator chose it for this tenant"
    );
    TurnEnd::failed(EndReason::StartFailed, why)
}

/// How a turn ends whose workspace holds too much.
pub(super) fn overfull(why: Overfull) -> TurnEnd {
    TurnEnd::failed(EndReason::WorkspaceLimit, format!("{why}; the turn was stopped"))
}

fn timed_out(reason: EndReason, what: &str, limit: Duration) -> TurnEnd {
    TurnEnd::failed(reason, format!("{what} {limit:?}; it was stopped"))
}

fn broke_off(step: Option<Progress>) -> TurnEnd {
    match step {
        Some(Progress::Exited(exited)) => exited_early(&exited),
        Some(Progress::Fault(why)) => {
            TurnEnd::failed(EndReason::StartFailed, format!("The agent could not be started: {why}"))
        }
        Some(Progress::TooMuch(limit)) => {
            TurnEnd::failed(EndReason::OutputLimit, format!("The agent said more than {limit} bytes; it was stopped"))
        }
        Some(Progress::StoreFailed) => {
            TurnEnd::failed(EndReason::Interrupted, "The server could not store what the agent said")
        }
        _ => TurnEnd::failed(EndReason::AgentExited, "The sandbox ended before the agent answered"),
    }
}

fn exited_early(exited: &Exited) -> TurnEnd {
    if exited.oom_kills.is_some_and(|kills| kills > 0) && exited.signal == Some(9) {
        return TurnEnd::failed(EndReason::OutOfMemory, "The sandbox ran out of memory");
    }
    let how = match (exited.code, exited.signal) {
        (_, Some(signal)) => format!("was killed by signal {signal}"),
        (code, None) => format!("exited with code {}", code.unwrap_or_default()),
    };
    TurnEnd::failed(EndReason::AgentExited, format!("The agent {how} before it answered"))
}
