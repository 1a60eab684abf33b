//! Settling: the cost of a call takes the place of what it held.

use std::collections::{BTreeMap, HashMap};

use sqlx::{Any, Transaction};

use super::batch::Request;
use super::rows::{groups, values};
use super::thresholds::{self, Crossing};
use super::windows::{self, Window};
use crate::domain::{CallId, EstimateReason, TurnId, Usd};
use crate::store::ledger::{CallRef, Settlement};
use crate::store::{StoreError, codec, totals};

/// A call that has ended, and what it came to.
#[derive(Debug)]
pub(super) struct Settling {
    pub(super) call: CallRef,
    pub(super) settlement: Settlement,
}

/// A call that was open until now.
#[derive(Debug)]
pub(super) struct Settled<'a> {
    /// Its place among the requests.
    place: usize,
    pub(super) call: CallRef,
    pub(super) settlement: &'a Settlement,
    held: Usd,
    /// The windows it held money of.
    pub(super) windows: Vec<Window>,
}

impl Request for Settling {
    type Outcome = Vec<Crossing>;

    async fn write(
        transaction: &mut Transaction<'_, Any>,
        requests: &[&Self],
    ) -> Result<Vec<Self::Outcome>, StoreError> {
        // Of several settlements of a call the first counts, as if the others came later.
        let mut first = HashMap::<CallId, usize>::new();
        for (place, request) in requests.iter().enumerate() {
            first.entry(request.call.id).or_insert(place);
        }
        let mut places: Vec<usize> = first.into_values().collect();
        places.sort_unstable();
        let unique: Vec<&Self> = places.iter().map(|place| requests[*place]).collect();
        let held = close(transaction, &unique).await?;
        let mut windows = windows::forget(transaction, held.keys().map(CallId::to_string)).await?;
        let settled: Vec<_> = places
            .into_iter()
            .filter_map(|place| {
                let Self { call, settlement } = requests[place];
                let windows = windows.remove(&call.id.to_string()).unwrap_or_default();
                Some(Settled { place, call: *call, settlement, held: *held.get(&call.id)?, windows })
            })
            .collect();
        let mut outcomes: Vec<_> = requests.iter().map(|_| Vec::new()).collect();
        if settled.is_empty() {
            return Ok(outcomes);
        }
        add_to_turns(transaction, &settled).await?;
        let amounts = settled
            .iter()
            .flat_map(|settled| settled.windows.iter().map(|window| (*window, settled.held, settled.settlement.cost)));
        windows::give_back(transaction, amounts.collect::<Vec<_>>().into_iter()).await?;
        totals::add(transaction, settled.iter().map(|settled| (settled.call.tenant, settled.settlement))).await?;
        let crossings = thresholds::cross(transaction, &settled).await?;
        for (settled, crossings) in settled.iter().zip(crossings) {
            outcomes[settled.place] = crossings;
        }
        Ok(outcomes)
    }
}

/// Writes what open calls came to. Returns what each of them held; calls that are not open stay as they are.
async fn close(
    transaction: &mut Transaction<'_, Any>,
    requests: &[&Settling],
) -> Result<HashMap<CallId, Usd>, StoreError> {
    let mut held = HashMap::with_capacity(requests.len());
    for group in groups(requests) {
        let values_12 = values(group.len(), 12);
        let statement = format!(
            "with given (call, end_status, end_model, input, output, cache_read, cache_write_5m, cache_write_1h,
                searches, cost, settled_at_micros, reason) as (values {values_12})
             update ledger set status = end_status, model = end_model, input_tokens = input, output_tokens = output,
                cache_read_tokens = cache_read, cache_write_5m_tokens = cache_write_5m,
                cache_write_1h_tokens = cache_write_1h, web_search_requests = searches, cost_nanos = cost,
                settled_at = settled_at_micros, estimate_reason = given.reason
             from given where id = call and status = 'open'
             returning id, held_nanos"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
        for Settling { call, settlement } in group {
            let usage = &settlement.usage;
            query = query
                .bind(call.id.to_string())
                .bind(if settlement.estimated.is_none() { "exact" } else { "estimated" })
                .bind(&settlement.model)
                .bind(codec::as_number(usage.input_tokens))
                .bind(codec::as_number(usage.output_tokens))
                .bind(codec::as_number(usage.cache_read_tokens))
                .bind(codec::as_number(usage.cache_write_5m_tokens))
                .bind(codec::as_number(usage.cache_write_1h_tokens))
                .bind(codec::as_number(usage.web_search_requests))
                .bind(settlement.cost.as_nanos())
                .bind(settlement.at.as_micros())
                .bind(settlement.estimated.map(EstimateReason::as_str));
        }
        for row in query.fetch_all(&mut **transaction).await? {
            held.insert(codec::parsed(&row, "id")?, codec::amount(&row, "held_nanos")?.bounded_call());
        }
    }
    Ok(held)
}

/// Adds the costs of calls to those of their turns.
async fn add_to_turns(transaction: &mut Transaction<'_, Any>, settled: &[Settled<'_>]) -> Result<(), StoreError> {
    let mut sums = BTreeMap::<TurnId, Usd>::new();
    for settled in settled {
        let sum = sums.entry(settled.call.turn).or_default();
        *sum = (*sum + settled.settlement.cost).bounded();
    }
    let sums: Vec<_> = sums.into_iter().collect();
    for group in groups(&sums) {
        let values_2 = values(group.len(), 2);
        let statement = format!(
            "with given (turn, cost) as (values {values_2})
             update turns set cost_nanos = case when cost_nanos > 1000000000000000000 - cost then 1000000000000000000
                else cost_nanos + cost end
             from given where id = turn"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
        for (turn, cost) in group {
            query = query.bind(turn.to_string()).bind(cost.as_nanos());
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}
