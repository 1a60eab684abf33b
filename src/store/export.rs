//! The ledger as rows for chargeback: read page by page, in an order that does not change, so that years of a large
//! installation fit.
//!
//! A call counts on the day in UTC on which it was made, a correction on the day on which it was made. So what was exported
//! of a final day is never changed by anything: a later correction is a row of its own, on a later day.

use sqlx::any::AnyRow;
use tokio::sync::Semaphore;

use super::ledger::{Ledger, usage};
use super::spending::SUMS;
use super::{Store, StoreError, codec};
use crate::domain::{CallId, Day, KeyId, SessionId, TenantId, Timestamp, Usage, Usd};

/// Rows of a page, at least, as long as there are more.
const PAGE: usize = 2_000;

/// How many pages are read at the same time, so that exports leave the other readers their connections. The next waits.
static READING: Semaphore = Semaphore::const_new(2);

/// For how long after its end a day is not yet called final: a call is dated a moment before it is written.
const MARGIN_SECONDS: i64 = 3_600;

/// What is exported.
#[derive(Clone, Copy, Debug)]
pub struct ExportFilter {
    /// One tenant's alone.
    pub tenant: Option<TenantId>,
    /// From this day on.
    pub from: Day,
    /// Before this day.
    pub to: Day,
}

/// Settled calls with everything in common that is billed by, or one correction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRow {
    /// The day it counts on.
    pub day: Day,
    /// Who pays.
    pub tenant: TenantId,
    /// The tenant's present name.
    pub tenant_name: String,
    /// The session that called.
    pub session: SessionId,
    /// The model that answered.
    pub model: String,
    /// The key that began the turn.
    pub key: Option<KeyId>,
    /// The price table.
    pub price_version: String,
    /// How many calls; none in a correction.
    pub calls: u64,
    /// How many of them are estimated in part.
    pub estimated: u64,
    /// What they used.
    pub usage: Usage,
    /// What they cost, or what a correction adds.
    pub cost: Usd,
    /// What is corrected, when the row is a correction.
    pub correction: Option<Correction>,
}

/// What a correction corrects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The call.
    pub call: CallId,
    /// The day the call was made on.
    pub call_day: Day,
    /// Why, in an operator's words.
    pub reason: String,
}

/// An export under way.
#[derive(Debug)]
pub struct Export {
    store: Store,
    filter: ExportFilter,
    final_before: Day,
    at: Position,
    page: usize,
}

/// How far an export is: what was read last.
#[derive(Debug)]
enum Position {
    /// All of the tenants up to this one.
    Tenant(String),
    /// Of this tenant, by id and name, all before this moment.
    Moment(String, String, Timestamp),
    /// Of this tenant and day the groups up to this one.
    Group(String, String, Day, [String; 4]),
    /// All calls, and the corrections up to this one.
    Correction(i64, String),
    /// Everything.
    End,
}

impl Ledger<'_> {
    /// Begins an export. Calls count on the day they were made on, corrections on theirs.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn export(&self, filter: ExportFilter, now: Timestamp) -> Result<Export, StoreError> {
        let open = sqlx::query(
            "select opened_at from ledger where status = 'open' and (cast($1 as text) is null or tenant_id = $1)
             order by opened_at limit 1",
        )
        .bind(filter.tenant.map(|tenant| tenant.to_string()))
        .fetch_optional(&self.0.reports)
        .await?;
        let open = open.map(|row| codec::time(&row, "opened_at")).transpose()?;
        let over = Day::of(now.minus_seconds(MARGIN_SECONDS));
        let final_before = open.map_or(over, |open| over.min(Day::of(open)));
        let (store, at) = (self.0.clone(), Position::Tenant(String::new()));
        Ok(Export { store, filter, final_before, at, page: PAGE })
    }
}

impl Export {
    /// The first day that is not final, as of the beginning of the export: before it every call is settled, and nothing of
    /// it changes any more.
    pub const fn final_before(&self) -> Day {
        self.final_before
    }

    /// The next rows; none when there are no more. Calls come first, by tenant, day, session, model, key and price table;
    /// then the corrections in the order they were made.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next_page(&mut self) -> Result<Vec<ExportRow>, StoreError> {
        let _turn = READING.acquire().await;
        let mut rows = Vec::new();
        while rows.len() < self.page && !matches!(self.at, Position::End) {
            self.at = match std::mem::replace(&mut self.at, Position::End) {
                Position::Tenant(last) => self.next_tenant(&last).await?,
                Position::Moment(tenant, name, since) => self.next_day(tenant, name, since).await?,
                Position::Group(tenant, name, day, last) => self.groups(tenant, name, day, last, &mut rows).await?,
                Position::Correction(at, id) => self.corrections(at, &id, &mut rows).await?,
                Position::End => Position::End,
            };
        }
        Ok(rows)
    }

    async fn next_tenant(&self, last: &str) -> Result<Position, StoreError> {
        let row = sqlx::query(
            "select id, name from tenants where id > $1 and (cast($2 as text) is null or id = $2) order by id limit 1",
        )
        .bind(last)
        .bind(self.filter.tenant.map(|tenant| tenant.to_string()))
        .fetch_optional(&self.store.reports)
        .await?;
        let Some(row) = row else { return Ok(Position::Correction(i64::MIN, String::new())) };
        Ok(Position::Moment(codec::text(&row, "id")?, codec::text(&row, "name")?, self.filter.from.starts_at()))
    }

    /// Days without calls are stepped over.
    async fn next_day(&self, tenant: String, name: String, since: Timestamp) -> Result<Position, StoreError> {
        let row = sqlx::query(
            "select opened_at from ledger where tenant_id = $1 and opened_at >= $2 and opened_at < $3
                and status in ('exact', 'estimated') order by opened_at limit 1",
        )
        .bind(&tenant)
        .bind(since.as_micros())
        .bind(self.filter.to.starts_at().as_micros())
        .fetch_optional(&self.store.reports)
        .await?;
        let Some(row) = row else { return Ok(Position::Tenant(tenant)) };
        let day = Day::of(codec::time(&row, "opened_at")?);
        Ok(Position::Group(tenant, name, day, Default::default()))
    }

    async fn groups(
        &self,
        tenant: String,
        name: String,
        day: Day,
        [session, model, key, version]: [String; 4],
        rows: &mut Vec<ExportRow>,
    ) -> Result<Position, StoreError> {
        let limit = self.page - rows.len();
        let statement = format!(
            "select tenant_id, session_id, model, coalesce(key_id, '') as key_id, price_version, {SUMS}
             from ledger where tenant_id = $1 and opened_at >= $2 and opened_at < $3
                and status in ('exact', 'estimated')
                and (session_id, model, coalesce(key_id, ''), price_version) > ($4, $5, $6, $7)
             group by tenant_id, session_id, model, coalesce(key_id, ''), price_version
             order by session_id, model, coalesce(key_id, ''), price_version limit $8"
        );
        let found = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(&tenant)
            .bind(day.starts_at().as_micros())
            .bind(day.next().starts_at().as_micros())
            .bind(session)
            .bind(model)
            .bind(key)
            .bind(version)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.store.reports)
            .await?;
        for row in &found {
            let (calls, estimated) = (codec::count(row, "calls")?, codec::count(row, "estimated")?);
            rows.push(ExportRow { day, calls, estimated, ..shared(row, name.clone())? });
        }
        match found.last() {
            Some(last) if found.len() == limit => {
                let column = |name| codec::text(last, name);
                let last = [column("session_id")?, column("model")?, column("key_id")?, column("price_version")?];
                Ok(Position::Group(tenant, name, day, last))
            }
            _ => Ok(Position::Moment(tenant, name, day.next().starts_at())),
        }
    }

    async fn corrections(&self, at: i64, id: &str, rows: &mut Vec<ExportRow>) -> Result<Position, StoreError> {
        let limit = self.page - rows.len();
        let found = sqlx::query(
            "select ledger.*, tenants.name as tenant_name from ledger join tenants on tenants.id = ledger.tenant_id
             where status = 'correction' and settled_at >= $1 and settled_at < $2
                and (settled_at, ledger.id) > ($3, $4) and (cast($5 as text) is null or tenant_id = $5)
             order by settled_at, ledger.id limit $6",
        )
        .bind(self.filter.from.starts_at().as_micros())
        .bind(self.filter.to.starts_at().as_micros())
        .bind(at)
        .bind(id)
        .bind(self.filter.tenant.map(|tenant| tenant.to_string()))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.store.reports)
        .await?;
        for row in &found {
            let correction = Correction {
                call: codec::parsed(row, "corrects")?,
                call_day: Day::of(codec::time(row, "opened_at")?),
                reason: codec::text(row, "reason")?,
            };
            let day = Day::of(codec::time(row, "settled_at")?);
            let name = codec::text(row, "tenant_name")?;
            rows.push(ExportRow { day, correction: Some(correction), ..shared(row, name)? });
        }
        match found.last() {
            Some(last) if found.len() == limit => {
                Ok(Position::Correction(codec::number(last, "settled_at")?, codec::text(last, "id")?))
            }
            _ => Ok(Position::End),
        }
    }
}

/// What the rows of calls and of corrections have in common.
fn shared(row: &AnyRow, tenant_name: String) -> Result<ExportRow, StoreError> {
    Ok(ExportRow {
        day: Day::of(Timestamp::from_micros(0)),
        tenant: codec::parsed(row, "tenant_id")?,
        tenant_name,
        session: codec::parsed(row, "session_id")?,
        model: codec::text(row, "model")?,
        key: codec::maybe_text(row, "key_id")?.filter(|key| !key.is_empty()).map(KeyId::new),
        price_version: codec::text(row, "price_version")?,
        calls: 0,
        estimated: 0,
        usage: usage(row)?,
        cost: codec::amount(row, "cost_nanos")?,
        correction: None,
    })
}

#[cfg(test)]
impl Export {
    /// The same export with pages of so many rows.
    pub(super) fn in_pages_of(self, page: usize) -> Self {
        Self { page, ..self }
    }
}
