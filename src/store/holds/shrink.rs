//! Shrinking: gives back what an open call will not need of what it holds.

use std::collections::HashMap;

use sqlx::{Any, Transaction};

use super::batch::Request;
use super::rows::{List, groups, values};
use super::windows;
use crate::domain::{CallId, Usd};
use crate::store::{StoreError, codec};

/// A call, and what it is to hold from now on.
#[derive(Debug)]
pub(super) struct Shrinking {
    pub(super) call: CallId,
    pub(super) amount: Usd,
}

impl Request for Shrinking {
    type Outcome = ();

    async fn write(
        transaction: &mut Transaction<'_, Any>,
        requests: &[&Self],
    ) -> Result<Vec<Self::Outcome>, StoreError> {
        let mut wanted = HashMap::<CallId, Usd>::new();
        for Self { call, amount } in requests {
            wanted.entry(*call).and_modify(|least| *least = (*least).min(*amount)).or_insert(*amount);
        }
        let mut surplus = Vec::new();
        for (call, held) in open_calls(transaction, wanted.keys().copied()).await? {
            let (amount, rest) = (wanted[&call], held.minus(wanted[&call]));
            if rest > Usd::ZERO {
                surplus.push((call, amount, rest));
            }
        }
        if !surplus.is_empty() {
            update(transaction, &surplus).await?;
            let held = windows::held(transaction, surplus.iter().map(|(call, ..)| call.to_string())).await?;
            let amounts = surplus.iter().flat_map(|(call, _, rest)| {
                held.get(&call.to_string()).into_iter().flatten().map(|window| (*window, *rest, Usd::ZERO))
            });
            windows::give_back(transaction, amounts.collect::<Vec<_>>().into_iter()).await?;
        }
        Ok(vec![(); requests.len()])
    }
}

/// What those of `calls` that are open hold.
async fn open_calls(
    transaction: &mut Transaction<'_, Any>,
    calls: impl Iterator<Item = CallId>,
) -> Result<Vec<(CallId, Usd)>, StoreError> {
    let calls = List::new(calls.map(|call| call.to_string()), 1);
    let statement = format!(
        "select id, held_nanos from ledger where status = 'open' and id in ({calls})",
        calls = calls.placeholders
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
    for call in calls.into_values() {
        query = query.bind(call);
    }
    let rows = query.fetch_all(&mut **transaction).await?;
    rows.iter().map(|row| Ok((codec::parsed(row, "id")?, codec::amount(row, "held_nanos")?.bounded_call()))).collect()
}

async fn update(transaction: &mut Transaction<'_, Any>, calls: &[(CallId, Usd, Usd)]) -> Result<(), StoreError> {
    for group in groups(calls) {
        let values_2 = values(group.len(), 2);
        let statement = format!(
            "with given (call, amount) as (values {values_2})
             update ledger set held_nanos = amount from given where id = call"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
        for (call, amount, _) in group {
            query = query.bind(call.to_string()).bind(amount.as_nanos());
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}
