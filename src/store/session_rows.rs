//! Sessions of all tenants, for operators: listed and looked up without what they hold.

use std::path::PathBuf;

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::{Place, Sessions, StoreError, codec};
use crate::domain::{EndReason, KeyId, SeedStatus, SessionId, SessionState, TenantId, Timestamp, TurnId, Usd};

/// Which sessions are listed. What is absent does not narrow the list.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    /// Those of one tenant.
    pub tenant: Option<TenantId>,
    /// Those with this status.
    pub status: Option<SeedStatus>,
    /// Those created at this moment or later.
    pub created_from: Option<Timestamp>,
    /// Those created before this moment.
    pub created_before: Option<Timestamp>,
    /// Those that cost at least this.
    pub min_cost: Option<Usd>,
    /// Those created before this session: the last of the page before.
    pub before: Option<Place>,
}

/// A session as an operator sees it: no prompt, no message, no variable.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The tenant's name.
    pub tenant_name: String,
    /// Where it stands.
    pub state: SessionState,
    /// The same in the words of the seed API.
    pub status: SeedStatus,
    /// Where it works.
    pub directory: PathBuf,
    /// How many turns it has had.
    pub turns: u64,
    /// What all its turns cost so far.
    pub cost: Usd,
    /// Bytes of its requests, events and transcript in the store.
    pub stored_bytes: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its last turn ended; `None` while one is under way.
    pub ended_at: Option<Timestamp>,
}

/// A turn as an operator sees it.
#[derive(Clone, Debug)]
pub struct TurnRow {
    /// Its id.
    pub id: TurnId,
    /// The key that asked.
    pub key: Option<KeyId>,
    /// Why it ended; `None` while it has not.
    pub reason: Option<EndReason>,
    /// What it cost so far.
    pub cost: Usd,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its sandbox began to be made.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When an operator asked that it be cancelled.
    pub cancel_requested_at: Option<Timestamp>,
}

/// Every session as an operator sees it.
const LISTED: &str = "(select s.id, s.tenant_id, n.name as tenant_name, s.state, s.root, s.relative, s.turn_count,
        s.stored_bytes, s.created_at, t.ended_at,
        case when t.outcome = 'completed' then 'completed' when t.outcome = 'failed' then 'error'
            when t.outcome = 'cancelled' then 'cancelled' when s.state in ('queued', 'starting') then 'pending'
            else 'running' end as status,
        (select cast(coalesce(sum(c.cost_nanos), 0) as bigint) from turns c where c.session_id = s.id) as cost_nanos
    from sessions s join tenants n on n.id = s.tenant_id
        join turns t on t.session_id = s.id and t.ordinal = s.turn_count) listed";

impl Sessions<'_> {
    /// The sessions a filter lets through, the latest first: for operators, who act for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn rows(&self, filter: &SessionFilter, limit: u32) -> Result<Vec<SessionRow>, StoreError> {
        let (before, id) = filter.before.map_or((i64::MAX, String::new()), |(at, id)| (at.as_micros(), id.to_string()));
        let rows = sqlx::query(AssertSqlSafe(format!(
            "select * from {LISTED} where (created_at, id) < ($1, $2) and created_at >= $3 and created_at < $4
                and ($5 = '' or tenant_id = $5) and ($6 = '' or status = $6) and cost_nanos >= $7
             order by created_at desc, id desc limit $8"
        )))
        .bind(before)
        .bind(id)
        .bind(filter.created_from.map_or(i64::MIN, Timestamp::as_micros))
        .bind(filter.created_before.map_or(i64::MAX, Timestamp::as_micros))
        .bind(filter.tenant.map(|tenant| tenant.to_string()).unwrap_or_default())
        .bind(filter.status.map(SeedStatus::as_str).unwrap_or_default())
        .bind(filter.min_cost.unwrap_or(Usd::ZERO).as_nanos())
        .bind(i64::from(limit))
        .fetch_all(&self.0.reports)
        .await?;
        rows.iter().map(session_row).collect()
    }

    /// The ids of a tenant's sessions after `after` that stand as `status` says, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn ids(
        &self,
        tenant: TenantId,
        after: Option<Place>,
        status: Option<SeedStatus>,
        limit: u32,
    ) -> Result<Vec<SessionId>, StoreError> {
        let (moment, id) = after.map_or((i64::MIN, String::new()), |(at, id)| (at.as_micros(), id.to_string()));
        let rows = sqlx::query(AssertSqlSafe(format!(
            "select id from {LISTED} where tenant_id = $1 and (created_at, id) > ($2, $3) and ($4 = '' or status = $4)
             order by created_at, id limit $5"
        )))
        .bind(tenant.to_string())
        .bind(moment)
        .bind(id)
        .bind(status.map(SeedStatus::as_str).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.0.reports)
        .await?;
        rows.iter().map(|row| codec::parsed(row, "id")).collect()
    }

    /// A session of any tenant: for operators, who act for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn row(&self, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
        let statement = format!("select * from {LISTED} where id = $1");
        let row = sqlx::query(AssertSqlSafe(statement)).bind(id.to_string()).fetch_optional(&self.0.read).await?;
        row.as_ref().map(session_row).transpose()
    }

    /// The last `limit` turns of a session of any tenant, the latest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn turn_rows(&self, id: SessionId, limit: u32) -> Result<Vec<TurnRow>, StoreError> {
        let rows = sqlx::query(
            "select id, key_id, reason, cost_nanos, created_at, started_at, ended_at, cancel_requested_at
             from turns where session_id = $1 order by ordinal desc limit $2",
        )
        .bind(id.to_string())
        .bind(i64::from(limit))
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(turn_row).collect()
    }
}

fn session_row(row: &AnyRow) -> Result<SessionRow, StoreError> {
    Ok(SessionRow {
        id: codec::parsed(row, "id")?,
        tenant: codec::parsed(row, "tenant_id")?,
        tenant_name: codec::text(row, "tenant_name")?,
        state: codec::word(row, "state", SessionState::parse)?,
        status: codec::word(row, "status", SeedStatus::parse)?,
        directory: PathBuf::from(codec::text(row, "root")?).join(codec::text(row, "relative")?),
        turns: codec::count(row, "turn_count")?,
        cost: codec::amount(row, "cost_nanos")?,
        stored_bytes: codec::count(row, "stored_bytes")?,
        created_at: codec::time(row, "created_at")?,
        ended_at: codec::maybe_time(row, "ended_at")?,
    })
}

fn turn_row(row: &AnyRow) -> Result<TurnRow, StoreError> {
    let reason = match codec::maybe_text(row, "reason")? {
        None => None,
        Some(_) => Some(codec::word(row, "reason", EndReason::parse)?),
    };
    Ok(TurnRow {
        id: codec::parsed(row, "id")?,
        key: codec::maybe_text(row, "key_id")?.map(KeyId::new),
        reason,
        cost: codec::amount(row, "cost_nanos")?,
        created_at: codec::time(row, "created_at")?,
        started_at: codec::maybe_time(row, "started_at")?,
        ended_at: codec::maybe_time(row, "ended_at")?,
        cancel_requested_at: codec::maybe_time(row, "cancel_requested_at")?,
    })
}
