//! What sandboxes asked to reach: an event of the session and a line of the audit, in one transaction.

use serde_json::json;

use super::audit::{self, Record};
use super::{Store, StoreError, events};
use crate::domain::{Action, By, EventKind, NewEvent, SessionId, TenantId, Timestamp, TurnId, Who};

/// What sandboxes asked to reach.
#[derive(Debug)]
pub struct Egress<'a>(pub(super) &'a Store);

/// What became of one connection a sandbox asked for, or of several of the same sort.
#[derive(Clone, Debug)]
pub struct EgressRecord {
    /// Whose sandbox it is.
    pub tenant: TenantId,
    /// Its session.
    pub session: SessionId,
    /// The turn under way.
    pub turn: TurnId,
    /// The name asked for.
    pub host: String,
    /// The port asked for; 0 when none was told.
    pub port: u16,
    /// Whether it was let through.
    pub allowed: bool,
    /// Why not, or how it ended: a word of a closed list.
    pub reason: &'static str,
    /// Bytes from the sandbox.
    pub sent_bytes: u64,
    /// Bytes to the sandbox.
    pub received_bytes: u64,
    /// How long the longest lasted.
    pub duration_ms: u64,
    /// How many there were.
    pub count: u64,
    /// When the last of them ended.
    pub at: Timestamp,
}

impl Egress<'_> {
    /// Writes what became of it. In a session that was deleted meanwhile there is nothing to write it to: the audit keeps it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn record(&self, record: &EgressRecord) -> Result<(), StoreError> {
        let payload = json!({
            "host": record.host, "port": record.port, "allowed": record.allowed, "reason": record.reason,
            "sent_bytes": record.sent_bytes, "received_bytes": record.received_bytes,
            "duration_ms": record.duration_ms, "count": record.count,
        });
        let record = record.clone();
        self.0
            .write_session(record.tenant, record.session, move |transaction| {
                Box::pin(async move {
                    let found = sqlx::query("select id from sessions where id = $1 and tenant_id = $2")
                        .bind(record.session.to_string())
                        .bind(record.tenant.to_string())
                        .fetch_optional(&mut **transaction)
                        .await?;
                    if found.is_some() {
                        let event = NewEvent {
                            turn: record.turn,
                            kind: EventKind::Egress,
                            payload: payload.to_string(),
                            at: record.at,
                        };
                        events::insert(transaction, record.session, &[event]).await?;
                    }
                    let line = Record {
                        action: if record.allowed { Action::AllowEgress } else { Action::RefuseEgress },
                        target: record.session.to_string(),
                        tenant: Some(record.tenant),
                        reason: Some(record.reason.to_owned()),
                        before: None,
                        after: Some(payload),
                    };
                    audit::write(transaction, &By { who: Who::Server, from: None, at: record.at }, line).await?;
                    Ok(())
                })
            })
            .await
    }
}
