//! Thresholds: a budget that reaches one reports it once in each window, in the transaction that made it reach it.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::rows::{groups, values};
use super::settle::Settled;
use super::windows::Window;
use crate::domain::{BudgetId, EventKind, NewEvent, Standing, Timestamp, Usd};
use crate::store::budgets::Budgets;
use crate::store::ledger::CallRef;
use crate::store::standings::standing_of;
use crate::store::{StoreError, codec, events};

/// Percentages of a budget that are reported when they are reached.
const THRESHOLDS: [i64; 4] = [50, 80, 95, 100];

/// A budget of which a threshold was reached.
#[derive(Clone, Debug)]
pub struct Crossing {
    /// The threshold, in percent.
    pub percent: i64,
    /// How the budget stands now.
    pub standing: Standing,
}

/// A threshold a budget has reached in the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The threshold, in percent.
    pub percent: i64,
    /// What was spent then.
    pub spent: Usd,
    /// Of how much.
    pub limit: Usd,
    /// When.
    pub at: Timestamp,
}

impl Budgets<'_> {
    /// The thresholds a budget has reached in the window that began at `starts_at`, in order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn reached(&self, budget: BudgetId, starts_at: Timestamp) -> Result<Vec<Reached>, StoreError> {
        let rows = sqlx::query("select * from budget_events where budget_id = $1 and starts_at = $2 order by percent")
            .bind(budget.to_string())
            .bind(starts_at.as_micros())
            .fetch_all(&self.0.read)
            .await?;
        let reached = |row: &AnyRow| {
            Ok(Reached {
                percent: codec::number(row, "percent")?,
                spent: codec::amount(row, "spent_nanos")?,
                limit: codec::amount(row, "limit_nanos")?,
                at: codec::time(row, "at")?,
            })
        };
        rows.iter().map(reached).collect()
    }
}

/// A budget's window as it was before some calls were settled, and as each of them leaves it.
#[derive(Debug)]
struct Course {
    standing: Standing,
    /// The highest threshold that was reported.
    reported: i64,
}

/// The thresholds that budgets have reached by calls that were settled one after the other, for each of these calls. Each is
/// written as an event of the budget and of the session that called.
pub(super) async fn cross(
    transaction: &mut Transaction<'_, Any>,
    settled: &[Settled<'_>],
) -> Result<Vec<Vec<Crossing>>, StoreError> {
    let mut courses = courses(transaction, settled).await?;
    let mut all = Vec::with_capacity(settled.len());
    for call in settled {
        let mut crossings = Vec::new();
        for window in &call.windows {
            let Some(course) = courses.get_mut(window) else { continue };
            if let Some(crossing) = course.spend(call.settlement.cost) {
                record(transaction, &crossing, call.settlement.at).await?;
                crossings.push(crossing);
            }
        }
        report_to_session(transaction, call.call, &crossings, call.settlement.at).await?;
        all.push(crossings);
    }
    Ok(all)
}

/// The windows that calls held money of, as they were before what the calls cost was added.
async fn courses(
    transaction: &mut Transaction<'_, Any>,
    settled: &[Settled<'_>],
) -> Result<HashMap<Window, Course>, StoreError> {
    let mut costs = BTreeMap::<Window, Usd>::new();
    for call in settled {
        for window in &call.windows {
            let cost = costs.entry(*window).or_default();
            *cost = (*cost + call.settlement.cost).bounded();
        }
    }
    let windows: Vec<_> = costs.keys().copied().collect();
    let mut courses = HashMap::with_capacity(windows.len());
    for group in groups(&windows) {
        let values_2 = values(group.len(), 2);
        let statement = format!(
            "select b.*, w.starts_at as starts_at, w.topped_up_nanos as topped_up_nanos, w.spent_nanos as spent_nanos,
                w.held_nanos as held_nanos, w.told_percent as told_percent
             from budget_windows w join budgets b on b.id = w.budget_id
             where (w.budget_id, w.starts_at) in (values {values_2})"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
        for window in group {
            query = query.bind(window.budget.to_string()).bind(window.starts_at.as_micros());
        }
        for row in query.fetch_all(&mut **transaction).await? {
            let (mut standing, reported) = (standing_of(&row)?, codec::number(&row, "told_percent")?);
            let window = Window::of(&standing);
            standing.spent = standing.spent.minus(costs.get(&window).copied().unwrap_or_default()).max(Usd::ZERO);
            courses.insert(window, Course { standing, reported });
        }
    }
    Ok(courses)
}

impl Course {
    /// Adds the cost of a call. Returns the highest threshold that is reached by it.
    fn spend(&mut self, cost: Usd) -> Option<Crossing> {
        self.standing.spent = (self.standing.spent + cost).bounded();
        let percent = self.standing.percent_spent();
        let reached = THRESHOLDS.into_iter().rev().find(|threshold| *threshold <= percent)?;
        if reached <= self.reported {
            return None;
        }
        self.reported = reached;
        Some(Crossing { percent: reached, standing: self.standing.clone() })
    }
}

async fn record(transaction: &mut Transaction<'_, Any>, crossing: &Crossing, at: Timestamp) -> Result<(), StoreError> {
    let Crossing { percent, standing } = crossing;
    sqlx::query("update budget_windows set told_percent = $1 where budget_id = $2 and starts_at = $3")
        .bind(percent)
        .bind(standing.budget.id.to_string())
        .bind(standing.starts_at.as_micros())
        .execute(&mut **transaction)
        .await?;
    sqlx::query(
        "insert into budget_events (budget_id, starts_at, percent, spent_nanos, limit_nanos, at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(standing.budget.id.to_string())
    .bind(standing.starts_at.as_micros())
    .bind(percent)
    .bind(standing.spent.as_nanos())
    .bind(standing.limit().as_nanos())
    .bind(at.as_micros())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Writes the crossings into the session that called, unless it was deleted meanwhile.
async fn report_to_session(
    transaction: &mut Transaction<'_, Any>,
    call: CallRef,
    crossings: &[Crossing],
    at: Timestamp,
) -> Result<(), StoreError> {
    let reports: Vec<_> = crossings
        .iter()
        .filter(|crossing| crossing.standing.budget.scope.tenant().is_some())
        .map(|Crossing { percent, standing }| NewEvent {
            turn: call.turn,
            kind: EventKind::Budget,
            payload: json!({
                "budget_id": standing.budget.id, "scope": standing.budget.scope.kind(), "period": standing.budget.period,
                "percent": percent, "spent_usd": standing.spent.to_string(), "limit_usd": standing.limit().to_string(),
            })
            .to_string(),
            at,
        })
        .collect();
    if reports.is_empty() {
        return Ok(());
    }
    let session = sqlx::query("select id from sessions where id = $1")
        .bind(call.session.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    if session.is_some() {
        events::insert(transaction, call.session, &reports).await?;
    }
    Ok(())
}
