//! The rows of an installation that has run for long: sessions' budgets, and calls that were settled.

use std::path::Path;

use innkeeper::domain::{SessionId, TenantId};
use sqlx::{AnyConnection, Connection};

use super::bank::Result;

/// A month before now, in microseconds.
const MONTH: i64 = 30 * 86_400 * 1_000_000;

/// Adds `budgets` of single sessions with their windows, and `calls` of these sessions, to the database at `path`.
pub(crate) async fn add(path: &Path, tenant: TenantId, now: i64, budgets: u32, calls: u32) -> Result<()> {
    let mut connection = AnyConnection::connect(&format!("sqlite://{}", path.display())).await?;
    let mut transaction = connection.begin().await?;
    for number in 0..budgets {
        let (session, budget) = (SessionId::generate().to_string(), format!("history_{number}"));
        sqlx::query(
            "insert into budgets (id, scope, tenant_id, session_id, period, limit_nanos, enforcement, created_at, by_request)
             values ($1, 'session', $2, $3, 'total', 1000000000, 'hard', $4, 1)",
        )
        .bind(&budget)
        .bind(tenant.to_string())
        .bind(&session)
        .bind(now - MONTH)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "insert into budget_windows (budget_id, starts_at, topped_up_nanos, spent_nanos, held_nanos, told_percent)
             values ($1, 0, 0, 1000, 0, 0)",
        )
        .bind(&budget)
        .execute(&mut *transaction)
        .await?;
        for call in 0..calls / budgets {
            sqlx::query(
                "insert into ledger (id, tenant_id, session_id, turn_id, key_id, status, model, price_version,
                    input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
                    web_search_requests, held_nanos, cost_nanos, opened_at, settled_at)
                 values ($1, $2, $3, $3, 'history', 'exact', 'm', '1', 10, 10, 0, 0, 0, 0, 1000, 100, $4, $4)",
            )
            .bind(format!("history_{number}_{call}"))
            .bind(tenant.to_string())
            .bind(&session)
            .bind(now - MONTH / i64::from(call + 1))
            .execute(&mut *transaction)
            .await?;
        }
    }
    transaction.commit().await?;
    connection.close().await?;
    Ok(())
}
