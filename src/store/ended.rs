//! Sessions that ended, for cleanup: which they are, and what goes with them.

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::{Place, Sessions, StoreError, codec};
use crate::domain::{Outcome, SessionId, TenantId, Timestamp};

/// Which ended sessions are looked for.
#[derive(Clone, Debug)]
pub struct EndedFilter {
    /// Those of one tenant; of all when absent.
    pub tenant: Option<TenantId>,
    /// Those whose last turn ended in this way; however it did when absent.
    pub outcome: Option<Outcome>,
    /// Those whose last turn ended before this moment.
    pub ended_before: Timestamp,
}

/// A session that ended, and what goes with it.
#[derive(Clone, Debug)]
pub struct EndedSession {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// When it was created.
    pub created_at: Timestamp,
    /// Bytes of its requests, events and transcript.
    pub stored_bytes: u64,
    /// Files that were quarantined of it.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Budgets of the session in force.
    pub budgets: u64,
}

/// What is read of a session that ended.
const ENDED: &str = "s.id, s.tenant_id, s.created_at, s.stored_bytes,
    (select count(*) from session_files f where f.session_id = s.id) as files,
    (select cast(coalesce(sum(f.size_bytes), 0) as bigint) from session_files f where f.session_id = s.id) as file_bytes,
    (select count(*) from budgets b where b.session_id = s.id and b.archived_at is null) as budgets
    from sessions s join turns t on t.session_id = s.id and t.ordinal = s.turn_count";

/// Which of them. A session that ended before a moment was created before it.
const WHICH: &str = "s.state = 'idle' and s.created_at < $1 and t.ended_at < $1 and (s.created_at, s.id) > ($2, $3)
    and ($4 = '' or t.outcome = $4)";

impl Sessions<'_> {
    /// The first `limit` sessions a filter lets through that come after `after`, in the order of their creation.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ended(
        &self,
        filter: &EndedFilter,
        after: Option<Place>,
        limit: u32,
    ) -> Result<Vec<EndedSession>, StoreError> {
        let statement = if filter.tenant.is_some() {
            format!("select {ENDED} where {WHICH} and s.tenant_id = $5 order by s.created_at, s.id limit $6")
        } else {
            format!("select {ENDED} where {WHICH} and $5 = '' order by s.created_at, s.id limit $6")
        };
        let (moment, id) = after.map_or((i64::MIN, String::new()), |(at, id)| (at.as_micros(), id.to_string()));
        let rows = sqlx::query(AssertSqlSafe(statement))
            .bind(filter.ended_before.as_micros())
            .bind(moment)
            .bind(id)
            .bind(filter.outcome.map(Outcome::as_str).unwrap_or_default())
            .bind(filter.tenant.map(|tenant| tenant.to_string()).unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(&self.0.reports)
            .await?;
        rows.iter().map(ended).collect()
    }
}

impl EndedSession {
    /// Its place in the order of creation.
    pub const fn place(&self) -> Place {
        (self.created_at, self.id)
    }
}

fn ended(row: &AnyRow) -> Result<EndedSession, StoreError> {
    Ok(EndedSession {
        id: codec::parsed(row, "id")?,
        tenant: codec::parsed(row, "tenant_id")?,
        created_at: codec::time(row, "created_at")?,
        stored_bytes: codec::count(row, "stored_bytes")?,
        files: codec::count(row, "files")?,
        file_bytes: codec::count(row, "file_bytes")?,
        budgets: codec::count(row, "budgets")?,
    })
}
