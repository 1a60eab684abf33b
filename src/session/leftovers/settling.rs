//! One sandbox at a time: each step, what follows when it fails, and what is written down.

use std::time::Duration;

use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::domain::{PendingSandbox, PendingState, SandboxName, SessionId, TenantId, Timestamp};
use crate::metrics::catalogue::SANDBOX_REMOVE_FAILURES;
use crate::sandbox::Closing;
use crate::session::changes;
use crate::session::registry::Shared;
use crate::spawner::{Comparison, SpawnerError, WorkspacePath};
use crate::store::{LiveTurn, StoreError};

/// How long is waited after the first failure. Each further one doubles it.
const FIRST_WAIT_MS: i64 = 1_000;

/// How long is waited at most for a sandbox to end, and until a workspace is looked at again.
pub(super) const MAX_END_WAIT_MS: i64 = 60_000;
pub(super) const MAX_WAIT_MS: i64 = 3_600_000;

/// How a sandbox ended.
#[derive(Debug)]
pub(in crate::session) enum Ended {
    /// No agent ran in it.
    Unused,
    /// An agent may have run in it.
    Used(Closing),
}

/// A sandbox that is about to be made for `turn`.
pub(in crate::session) fn open(
    turn: &LiveTurn,
    epoch: i64,
    workspace: &WorkspacePath,
    surveyed: bool,
    quarantine: bool,
    now: Timestamp,
) -> PendingSandbox {
    let name = SandboxName { session: turn.session, epoch };
    PendingSandbox {
        name,
        tenant: turn.tenant,
        turn: turn.turn,
        workspace: workspace.root.join(&workspace.relative),
        surveyed,
        quarantine,
        state: PendingState::Open,
        gone_at: None,
        attempts: 0,
        next_at: now,
        error: None,
    }
}

/// Does what is to be done about the sandbox of a turn that is over. Returns when it is gone, or the server stops: the rest is
/// then done in the background.
pub(in crate::session) async fn finish(shared: &Shared, turn: &LiveTurn, ended: Ended) {
    let found = shared.store.pending().of_turn(turn).await;
    let found = found.inspect_err(|error| error!(error = error as &dyn std::error::Error, "pending sandboxes unknown"));
    let (used, mut is_gone, surveyed) = match ended {
        Ended::Unused => (false, false, None),
        Ended::Used(Closing { is_gone, ref surveyed, .. }) => (true, is_gone, surveyed.as_ref()),
    };
    for mut pending in found.unwrap_or_default() {
        while !is_gone {
            is_gone = remove(shared, &mut pending).await;
            if is_gone || shared.tasks.stopping().is_cancelled() {
                break;
            }
            let wait = sleep(Duration::from_millis(wait_ms(pending.attempts, pending.state).unsigned_abs()));
            shared.tasks.stopping().run_until_cancelled(wait).await;
        }
        if !is_gone {
            return;
        }
        let _ = match surveyed {
            _ if !used => strike_off(shared, &pending).await,
            Some(Err(error)) => give_up(shared, &pending, error).await,
            _ => compare(shared, pending, None).await,
        }
        .inspect_err(failed);
    }
}

/// Looks once more at what earlier turns of a session left and could not be looked at, before a further one begins. Returns
/// whether it may: nothing of them runs any more.
pub(in crate::session) async fn repeat(shared: &Shared, tenant: TenantId, session: SessionId) -> bool {
    let mut is_free = true;
    match shared.store.pending().of_session(tenant, session).await {
        Ok(found) => {
            for pending in found {
                is_free &= settle(shared, pending).await;
            }
        }
        Err(error) => failed(&error),
    }
    is_free
}

/// Takes over sandboxes of an earlier run, all of which were removed but for those `remaining`.
///
/// # Errors
/// When the store fails.
pub(in crate::session) async fn adopt(
    shared: &Shared,
    earlier: Vec<PendingSandbox>,
    remaining: &[SandboxName],
) -> Result<(), StoreError> {
    let now = shared.clock.now();
    for pending in earlier {
        let is_there = remaining.contains(&pending.name);
        let adopted = match pending.state {
            _ if is_there => PendingSandbox { state: PendingState::Removing, next_at: now, ..pending },
            PendingState::Open | PendingState::Removing => {
                let (state, gone_at) = (PendingState::Comparing, Some(now));
                PendingSandbox { state, gone_at, attempts: 0, next_at: now, ..pending }
            }
            PendingState::Comparing | PendingState::Incomplete => PendingSandbox { next_at: now, ..pending },
        };
        shared.store.pending().update(&adopted).await?;
    }
    Ok(())
}

/// Does what is due about a sandbox of a turn that is over. Returns whether it is gone.
pub(super) async fn settle(shared: &Shared, mut pending: PendingSandbox) -> bool {
    if matches!(pending.state, PendingState::Open | PendingState::Removing) && !remove(shared, &mut pending).await {
        return false;
    }
    // The first time nobody else was there in between.
    let until = pending.gone_at.filter(|_| pending.attempts > 0);
    let _ = compare(shared, pending, until).await.inspect_err(failed);
    true
}

/// Tries to remove a sandbox. Returns whether it is gone.
async fn remove(shared: &Shared, pending: &mut PendingSandbox) -> bool {
    match shared.maker.spawner().remove(pending.name).await {
        Ok(()) => {
            if pending.state == PendingState::Removing {
                info!(sandbox = %pending.name, attempts = pending.attempts, "sandbox removed after failures");
            }
            let gone_at = Some(shared.clock.now());
            *pending = PendingSandbox { state: PendingState::Comparing, gone_at, attempts: 0, ..pending.clone() };
            true
        }
        Err(error) => {
            SANDBOX_REMOVE_FAILURES.one([]);
            let _ = fail(shared, pending, PendingState::Removing, &error).await.inspect_err(failed);
            false
        }
    }
}

/// Compares the workspace of a sandbox that is gone, at `until` if that is a while ago.
async fn compare(shared: &Shared, mut pending: PendingSandbox, until: Option<Timestamp>) -> Result<(), StoreError> {
    if !pending.surveyed {
        return strike_off(shared, &pending).await;
    }
    let comparison = Comparison { quarantine: pending.quarantine, until: until.map(Timestamp::as_micros) };
    match shared.maker.spawner().compare(pending.tenant, pending.name, comparison).await {
        Ok(found) => {
            let again = found.incomplete.again.then(|| delayed(shared, &pending, PendingState::Incomplete));
            let is_done = again.is_none();
            changes::record(shared, &pending, Ok(found), again).await?;
            if is_done {
                forget(shared, pending.name).await;
            }
            Ok(())
        }
        Err(error @ SpawnerError::SurveyLost(_)) => give_up(shared, &pending, &error).await,
        Err(error) => {
            pending.gone_at = pending.gone_at.or(Some(shared.clock.now()));
            let state = if pending.state == PendingState::Incomplete { pending.state } else { PendingState::Comparing };
            fail(shared, &mut pending, state, &error).await
        }
    }
}

/// Writes down that it will never be known what a sandbox changed.
async fn give_up(shared: &Shared, pending: &PendingSandbox, error: &SpawnerError) -> Result<(), StoreError> {
    let why = format!("what the session changed is not known: {error}");
    changes::record(shared, pending, Err(why), None).await?;
    forget(shared, pending.name).await;
    Ok(())
}

/// Strikes off a sandbox in which nothing ran, or whose changes nobody wants to know.
async fn strike_off(shared: &Shared, pending: &PendingSandbox) -> Result<(), StoreError> {
    forget(shared, pending.name).await;
    shared.store.pending().delete(pending.name).await
}

async fn forget(shared: &Shared, name: SandboxName) {
    if let Err(error) = shared.maker.spawner().forget(name).await {
        let error = &error as &dyn std::error::Error;
        warn!(sandbox = %name, error, "survey files not removed; the next start of the server removes them");
    }
}

/// Writes down that something failed, and when it is tried again.
async fn fail(
    shared: &Shared,
    pending: &mut PendingSandbox,
    state: PendingState,
    error: &SpawnerError,
) -> Result<(), StoreError> {
    *pending = PendingSandbox { error: Some(error.to_string()), ..delayed(shared, pending, state) };
    {
        let (state, attempts, error) = (pending.state.as_str(), pending.attempts, error as &dyn std::error::Error);
        warn!(sandbox = %pending.name, state, attempts, error, "sandbox not done with; trying again");
    }
    shared.store.pending().update(pending).await
}

/// The same, to be tried again in a while.
fn delayed(shared: &Shared, pending: &PendingSandbox, state: PendingState) -> PendingSandbox {
    let next_at = shared.clock.now().plus_millis(wait_ms(pending.attempts, state));
    let attempts = pending.attempts.saturating_add(1);
    let gone_at = pending.gone_at.or_else(|| (state != PendingState::Removing).then(|| shared.clock.now()));
    PendingSandbox { state, attempts, next_at, gone_at, error: None, ..pending.clone() }
}

/// How long is waited after so many failures in a row.
fn wait_ms(attempts: i64, state: PendingState) -> i64 {
    let most = if state == PendingState::Removing { MAX_END_WAIT_MS } else { MAX_WAIT_MS };
    FIRST_WAIT_MS.saturating_mul(1 << attempts.clamp(0, 20)).min(most)
}

pub(super) fn failed(error: &StoreError) {
    error!(error = error as &dyn std::error::Error, "what is to be done about a sandbox could not be stored");
}
