//! Orphans: calls that were open when the server ended. The start settles them, whatever their rows hold.

use sqlx::any::AnyRow;
use tracing::warn;

use super::holds;
use super::ledger::{CallRef, Ledger, Settlement};
use super::{Store, StoreError, codec};
use crate::domain::{EstimateReason, Timestamp, Usage, Usd};

impl Ledger<'_> {
    /// Settles every open call at the most it could cost, and then makes the budgets agree with the ledger. Returns how many
    /// calls there were. For the start of the server only: nobody is left who could hear what they really cost.
    ///
    /// A row that cannot be read is closed at what it holds, and reported. No row keeps the others from being settled.
    ///
    /// # Errors
    /// When the store fails: calls that were not settled yet stay open then.
    pub async fn settle_orphans(&self, now: Timestamp) -> Result<usize, StoreError> {
        let orphans = sqlx::query("select * from ledger where status = 'open'").fetch_all(&self.0.read).await?;
        let mut settled = 0;
        for row in &orphans {
            match self.settle_orphan(row, now).await {
                Ok(()) => settled += 1,
                Err(error) => {
                    let call = codec::text(row, "id").unwrap_or_default();
                    let error = &error as &dyn std::error::Error;
                    warn!(call, error, "an open call of an earlier run cannot be settled: it stays open");
                }
            }
        }
        self.0.repair(now).await?;
        Ok(settled)
    }

    async fn settle_orphan(&self, row: &AnyRow, now: Timestamp) -> Result<(), StoreError> {
        let found = codec::amount(row, "held_nanos")?;
        let cost = found.bounded_call();
        if cost != found || codec::number(row, "held_nanos").is_err() {
            let call = codec::text(row, "id")?;
            warn!(call, %found, charged = %cost, "an open call of an earlier run held an amount that cannot be");
            bring_within_bounds(self.0, call, cost).await?;
        }
        match call_of(row) {
            Ok(call) => {
                let model = codec::text(row, "model").unwrap_or_default();
                let settlement = Settlement {
                    model,
                    usage: Usage::default(),
                    cost,
                    estimated: Some(EstimateReason::Crash),
                    at: now,
                };
                self.settle(call, &settlement).await.map(drop)
            }
            Err(error) => {
                let call = codec::text(row, "id")?;
                let error = &error as &dyn std::error::Error;
                warn!(call, error, "the row of an open call cannot be read: the call is charged what it held");
                close(self.0, call, cost, now).await
            }
        }
    }
}

fn call_of(row: &AnyRow) -> Result<CallRef, StoreError> {
    Ok(CallRef {
        id: codec::parsed(row, "id")?,
        tenant: codec::parsed(row, "tenant_id")?,
        session: codec::parsed(row, "session_id")?,
        turn: codec::parsed(row, "turn_id")?,
    })
}

/// Writes amounts to the row of an open call that the row can be settled with.
async fn bring_within_bounds(store: &Store, call: String, held: Usd) -> Result<(), StoreError> {
    store
        .write(move |transaction| {
            Box::pin(async move {
                sqlx::query(
                    "update ledger set held_nanos = $1, cost_nanos = 0, input_tokens = 0, output_tokens = 0,
                        cache_read_tokens = 0, cache_write_5m_tokens = 0, cache_write_1h_tokens = 0,
                        web_search_requests = 0
                     where id = $2 and status = 'open'",
                )
                .bind(held.as_nanos())
                .bind(&call)
                .execute(&mut **transaction)
                .await?;
                Ok(())
            })
        })
        .await
}

/// Closes a call of which nothing but the id can be read.
async fn close(store: &Store, call: String, cost: Usd, now: Timestamp) -> Result<(), StoreError> {
    store
        .write(move |transaction| {
            Box::pin(async move {
                sqlx::query(
                    "update ledger set status = 'estimated', cost_nanos = $1, held_nanos = $1, settled_at = $2,
                        estimate_reason = $3
                     where id = $4 and status = 'open'",
                )
                .bind(cost.as_nanos())
                .bind(now.as_micros())
                .bind(EstimateReason::Crash.as_str())
                .bind(&call)
                .execute(&mut **transaction)
                .await?;
                holds::charge(transaction, &call, cost).await
            })
        })
        .await
}
