//! Events in the store: numbered without gaps, written before anyone is told.

use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::storage::{self, Written};
use super::{Store, StoreError, codec};
use crate::domain::{Event, EventKind, NewEvent, SessionId, TenantId, TurnId};

/// The events.
#[derive(Debug)]
pub struct Events<'a>(pub(super) &'a Store);

/// What a batch of agent's lines changes beside the events: written with them, so that a crash between the two
/// cannot lose a line or write it twice.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The facts, in order.
    pub events: Vec<NewEvent>,
    /// Entries for the end of the transcript.
    pub transcript: Vec<String>,
    /// The agent's own name for the conversation, when a line told it.
    pub agent_session: Option<String>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.transcript.is_empty() && self.agent_session.is_none()
    }
}

impl Events<'_> {
    /// Writes a batch, all or nothing. Answers the `seq` of the session's last event.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn append(&self, tenant: TenantId, session: SessionId, batch: &Batch) -> Result<i64, StoreError> {
        let batch = batch.clone();
        self.0
            .write_session(tenant, session, move |transaction| {
                Box::pin(async move {
                    let last = insert(transaction, session, &batch.events).await?;
                    if let Some(name) = &batch.agent_session {
                        sqlx::query("update sessions set agent_session = $1 where id = $2 and tenant_id = $3")
                            .bind(name)
                            .bind(session.to_string())
                            .bind(tenant.to_string())
                            .execute(&mut **transaction)
                            .await?;
                    }
                    if !batch.transcript.is_empty() {
                        let transcript = batch.transcript.iter().map(|entry| entry.len() as u64).sum();
                        let written = Written { transcript, ..Written::default() };
                        storage::count(transaction, session, written).await?;
                    }
                    for entry in &batch.transcript {
                        sqlx::query(
                            "insert into transcript (session_id, line, entry)
                     select $1, cast(coalesce(max(line), 0) as bigint) + 1, $2 from transcript where session_id = $1",
                        )
                        .bind(session.to_string())
                        .bind(entry)
                        .execute(&mut **transaction)
                        .await?;
                    }
                    Ok(last)
                })
            })
            .await
    }

    /// The events of one sort of a tenant's session, in order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_kind(
        &self,
        tenant: TenantId,
        session: SessionId,
        kind: EventKind,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query(
            "select e.* from events e join sessions s on s.id = e.session_id
             where s.tenant_id = $1 and s.id = $2 and e.kind = $3 order by e.seq",
        )
        .bind(tenant.to_string())
        .bind(session.to_string())
        .bind(kind.as_str())
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(event).collect()
    }

    /// How many processes were killed for want of memory in a turn of a tenant's session; `None` when none was.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn kills(
        &self,
        tenant: TenantId,
        session: SessionId,
        turn: TurnId,
    ) -> Result<Option<u64>, StoreError> {
        let events = self.of_kind(tenant, session, EventKind::OutOfMemory).await?;
        let killed = |event: &Event| {
            let payload: serde_json::Value = serde_json::from_str(&event.payload).unwrap_or_default();
            payload["killed"].as_u64().unwrap_or_default()
        };
        let of_turn: Vec<u64> = events.iter().filter(|event| event.turn == turn).map(killed).collect();
        Ok((!of_turn.is_empty()).then(|| of_turn.iter().sum()))
    }

    /// The events of a tenant's session after `after` that its conversation is shown from, in order: the messages, and what was
    /// killed for want of memory.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn shown_after(
        &self,
        tenant: TenantId,
        session: SessionId,
        after: i64,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query(
            "select e.* from events e join sessions s on s.id = e.session_id
             where s.tenant_id = $1 and s.id = $2 and e.kind in ($3, $4) and e.seq > $5 order by e.seq",
        )
        .bind(tenant.to_string())
        .bind(session.to_string())
        .bind(EventKind::Message.as_str())
        .bind(EventKind::OutOfMemory.as_str())
        .bind(after)
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(event).collect()
    }

    /// The last message of a tenant's session up to `until`.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn last_message(
        &self,
        tenant: TenantId,
        session: SessionId,
        until: i64,
    ) -> Result<Option<Event>, StoreError> {
        let row = sqlx::query(
            "select e.* from events e join sessions s on s.id = e.session_id
             where s.tenant_id = $1 and s.id = $2 and e.kind = $3 and e.seq <= $4 order by e.seq desc limit 1",
        )
        .bind(tenant.to_string())
        .bind(session.to_string())
        .bind(EventKind::Message.as_str())
        .bind(until)
        .fetch_optional(&self.0.read)
        .await?;
        row.as_ref().map(event).transpose()
    }
}

/// Writes events inside a transaction, numbering them after the session's last. Answers the last `seq`.
pub(super) async fn insert(
    transaction: &mut Transaction<'_, Any>,
    session: SessionId,
    events: &[NewEvent],
) -> Result<i64, StoreError> {
    if !events.is_empty() {
        let bytes = events.iter().map(|event| event.payload.len() as u64).sum();
        storage::count(transaction, session, Written { events: bytes, ..Written::default() }).await?;
    }
    let messages = events.iter().filter(|event| event.kind == EventKind::Message).count();
    let row = sqlx::query(
        "update sessions set last_seq = last_seq + $1, message_count = message_count + $2 where id = $3
         returning last_seq",
    )
    .bind(codec::as_number(events.len() as u64))
    .bind(codec::as_number(messages as u64))
    .bind(session.to_string())
    .fetch_one(&mut **transaction)
    .await?;
    let last = codec::number(&row, "last_seq")?;
    let first = last - codec::as_number(events.len() as u64) + 1;
    for (seq, event) in (first..).zip(events) {
        sqlx::query("insert into events (session_id, seq, turn_id, kind, payload, at) values ($1, $2, $3, $4, $5, $6)")
            .bind(session.to_string())
            .bind(seq)
            .bind(event.turn.to_string())
            .bind(event.kind.as_str())
            .bind(&event.payload)
            .bind(event.at.as_micros())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(last)
}

/// Reads an event out of its row.
pub(super) fn event(row: &AnyRow) -> Result<Event, StoreError> {
    Ok(Event {
        seq: codec::number(row, "seq")?,
        turn: codec::parsed(row, "turn_id")?,
        kind: codec::word(row, "kind", EventKind::parse)?,
        payload: codec::text(row, "payload")?,
        at: codec::time(row, "at")?,
    })
}
