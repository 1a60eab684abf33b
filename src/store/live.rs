//! Turns under way, page by page and by their ids alone: what they ask may be long.

use sqlx::any::AnyRow;

use super::{NewTurn, Sessions, StoreError, codec};
use crate::domain::{SessionId, SessionOverview, SessionState, TenantId, Timestamp, TurnId};

/// A turn that waits or is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveTurn {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its session.
    pub session: SessionId,
    /// The turn.
    pub turn: TurnId,
    /// Where the session stands.
    pub state: SessionState,
    /// When the turn was accepted.
    pub accepted_at: Timestamp,
    /// When the session was created.
    pub created_at: Timestamp,
    /// Bytes of what it asks.
    pub request_bytes: u64,
}

/// A session's place in the order of creation.
pub type Place = (Timestamp, SessionId);

impl LiveTurn {
    /// The latest turn of a session, of which is not known how much it asks.
    pub fn of(SessionOverview { session, turn }: &SessionOverview) -> Self {
        Self {
            tenant: session.tenant,
            session: session.id,
            turn: turn.id,
            state: session.state,
            accepted_at: turn.created_at,
            created_at: session.created_at,
            request_bytes: 0,
        }
    }

    /// Its session's place among all.
    pub const fn place(&self) -> Place {
        (self.created_at, self.session)
    }
}

impl NewTurn {
    /// The turn as it is once it is stored as one of `session`.
    pub fn live(&self, tenant: TenantId, session: SessionId) -> LiveTurn {
        LiveTurn {
            tenant,
            session,
            turn: self.id,
            state: SessionState::Queued,
            accepted_at: self.created_at,
            created_at: self.created_at,
            request_bytes: self.prompt.len() as u64 + self.spec.text_bytes(),
        }
    }
}

impl Sessions<'_> {
    /// The first `limit` turns under way whose sessions come after `after`, oldest session first: of one tenant, or of all for
    /// the reconciler, which acts for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn live_page(
        &self,
        tenant: Option<TenantId>,
        after: Option<Place>,
        limit: i64,
    ) -> Result<Vec<LiveTurn>, StoreError> {
        let (moment, id) = after.map_or((i64::MIN, String::new()), |(at, id)| (at.as_micros(), id.to_string()));
        let rows = sqlx::query(
            "select s.id, s.tenant_id, s.state, s.created_at, t.id as t_id, t.created_at as t_created_at,
                octet_length(t.prompt) + octet_length(t.spec) + coalesce(octet_length(t.sealed_env), 0)
                as request_bytes
             from sessions s join turns t on t.session_id = s.id and t.ordinal = s.turn_count
             where s.state <> 'idle' and (s.created_at, s.id) > ($1, $2) and ($3 = '' or s.tenant_id = $3)
             order by s.created_at, s.id limit $4",
        )
        .bind(moment)
        .bind(id)
        .bind(tenant.map(|tenant| tenant.to_string()).unwrap_or_default())
        .bind(limit)
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(live_turn).collect()
    }
}

pub(super) fn live_turn(row: &AnyRow) -> Result<LiveTurn, StoreError> {
    Ok(LiveTurn {
        tenant: codec::parsed(row, "tenant_id")?,
        session: codec::parsed(row, "id")?,
        turn: codec::parsed(row, "t_id")?,
        state: codec::word(row, "state", SessionState::parse)?,
        accepted_at: codec::time(row, "t_created_at")?,
        created_at: codec::time(row, "created_at")?,
        request_bytes: codec::count(row, "request_bytes")?,
    })
}
