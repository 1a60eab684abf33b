//! Turns in the store: begun with their session's state, ended with it.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::storage::Written;
use super::{Store, StoreError, codec, events, turn_totals};
use crate::domain::{
    EventKind, KeyId, NewEvent, Outcome, Session, SessionId, SessionState, TenantId, Timestamp, Turn, TurnEnd, TurnId,
    TurnSpec, Usd,
};

/// A turn to be written.
#[derive(Clone, Debug)]
pub struct NewTurn {
    /// Its id.
    pub id: TurnId,
    /// What is asked.
    pub prompt: String,
    /// What is asked for beside the prompt.
    pub spec: TurnSpec,
    /// The key that asks, whose budgets its calls are held against.
    pub key: KeyId,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// A turn that was just ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// When its sandbox began to be made; `None` when it never came to that.
    pub started_at: Option<Timestamp>,
    /// What it has cost so far.
    pub cost: Usd,
}

/// The turns. Only a session's supervisor writes them.
#[derive(Debug)]
pub struct Turns<'a>(pub(super) &'a Store);

impl NewTurn {
    /// The event that tells of the prompt.
    pub(super) fn prompt_event(&self) -> NewEvent {
        NewEvent {
            turn: self.id,
            kind: EventKind::Prompt,
            payload: json!({ "prompt": self.prompt }).to_string(),
            at: self.created_at,
        }
    }

    /// What it adds to its session, beside its event.
    pub(super) fn written(&self) -> Written {
        // The prompt is stored with the turn and with all prompts of the session.
        let requests = 2 * self.prompt.len() as u64 + codec::to_json(&self.spec).len() as u64;
        Written { requests, ..Written::default() }
    }
}

impl Turns<'_> {
    /// Ends a turn: its outcome, its session's rest and the event that tells of it, all or nothing. A turn that has
    /// ended stays as it ended. Answers what this call ended, if it did.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end(
        &self,
        tenant: TenantId,
        session: SessionId,
        turn: TurnId,
        end: &TurnEnd,
        now: Timestamp,
    ) -> Result<Option<Ended>, StoreError> {
        let end = end.clone();
        self.0
            .write_session(tenant, session, move |transaction| {
                Box::pin(async move {
                    let ended = sqlx::query(
                "update turns set outcome = $1, reason = $2, error = $3, report = $4, ended_at = $5, claimed_nanos = $6, sealed_env = null
                 where id = $7 and session_id = $8 and tenant_id = $9 and outcome is null
                 returning started_at, cost_nanos, created_at",
            )
            .bind(end.outcome.as_str())
            .bind(end.reason.as_str())
            .bind(&end.error)
            .bind(end.report.as_ref().map(codec::to_json))
            .bind(now.as_micros())
            .bind(claimed(&end).map(Usd::as_nanos))
            .bind(turn.to_string())
            .bind(session.to_string())
            .bind(tenant.to_string())
            .fetch_optional(&mut **transaction)
            .await?;
                    let Some(row) = ended else { return Ok(None) };
                    let ended = Ended {
                        started_at: codec::maybe_time(&row, "started_at")?,
                        cost: codec::amount(&row, "cost_nanos")?,
                    };
                    let span = (codec::time(&row, "created_at")?, now);
                    turn_totals::add(transaction, tenant, end.reason.as_str(), span).await?;
                    sqlx::query("update sessions set state = $1 where id = $2")
                        .bind(SessionState::Idle.as_str())
                        .bind(session.to_string())
                        .execute(&mut **transaction)
                        .await?;
                    let payload = json!({
                        "outcome": end.outcome.as_str(), "reason": end.reason.as_str(), "error": end.error,
                    });
                    let event = NewEvent { turn, kind: EventKind::TurnEnd, payload: payload.to_string(), at: now };
                    events::insert(transaction, session, &[event]).await?;
                    Ok(Some(ended))
                })
            })
            .await
    }

    /// What the turns under way have cost so far, by their session: for operators, who act for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn costs_under_way(&self) -> Result<HashMap<SessionId, Usd>, StoreError> {
        let rows = sqlx::query(
            "select t.session_id, t.cost_nanos from sessions s join turns t
                on t.session_id = s.id and t.ordinal = s.turn_count
             where s.state in ('queued', 'starting', 'running')",
        )
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(|row| Ok((codec::parsed(row, "session_id")?, codec::amount(row, "cost_nanos")?))).collect()
    }
}

/// What the agent claims that the turn cost. More than the bound of one call is no claim that could be added up.
fn claimed(end: &TurnEnd) -> Option<Usd> {
    end.report.as_ref()?.claimed.filter(|claimed| *claimed <= Usd::MAX_CALL)
}

/// Writes a turn, its variables sealed, inside a transaction that also concerns its session.
pub(super) async fn insert(
    transaction: &mut Transaction<'_, Any>,
    (tenant, session): (TenantId, SessionId),
    ordinal: i64,
    turn: &NewTurn,
    sealed_env: Option<String>,
) -> Result<(), StoreError> {
    // No variable is written in clear.
    let spec = TurnSpec { env: BTreeMap::new(), ..turn.spec.clone() };
    sqlx::query(
        "insert into turns (id, session_id, tenant_id, ordinal, prompt, spec, key_id, cost_nanos, created_at, sealed_env)
         values ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9)",
    )
    .bind(turn.id.to_string())
    .bind(session.to_string())
    .bind(tenant.to_string())
    .bind(ordinal)
    .bind(&turn.prompt)
    .bind(codec::to_json(&spec))
    .bind(turn.key.as_str())
    .bind(turn.created_at.as_micros())
    .bind(sealed_env)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Notes when the sandbox of the session's present turn began to be made.
pub(super) async fn mark_started(
    transaction: &mut Transaction<'_, Any>,
    session: SessionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("update turns set started_at = $1 where session_id = $2 and outcome is null and started_at is null")
        .bind(now.as_micros())
        .bind(session.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Reads the turn's columns out of a session's row.
pub(super) fn turn_of(session: &Session, row: &AnyRow) -> Result<Turn, StoreError> {
    let outcome = match codec::maybe_text(row, "t_outcome")? {
        None => None,
        Some(_) => Some(codec::word(row, "t_outcome", Outcome::parse)?),
    };
    let report = match codec::maybe_text(row, "t_report")? {
        None => None,
        Some(_) => Some(codec::json(row, "t_report")?),
    };
    Ok(Turn {
        id: codec::parsed(row, "t_id")?,
        session: session.id,
        tenant: session.tenant,
        ordinal: codec::number(row, "t_ordinal")?,
        prompt: codec::text(row, "t_prompt")?,
        spec: codec::json(row, "t_spec")?,
        outcome,
        error: codec::maybe_text(row, "t_error")?,
        report,
        cost: codec::amount(row, "t_cost_nanos")?,
        created_at: codec::time(row, "t_created_at")?,
        started_at: codec::maybe_time(row, "t_started_at")?,
        ended_at: codec::maybe_time(row, "t_ended_at")?,
    })
}
