//! Variables that an earlier innkeeper stored in clear: sealed, or removed where their turn has ended.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{Any, AnyConnection, Connection, Transaction};

use super::seal::Seal;
use super::{StoreError, codec};

/// Turns that are looked at in one transaction.
const BATCH: i64 = 100;

/// Leaves no variables in clear. May be repeated after any crash. Returns whether there were any.
pub(super) async fn seal_all(connection: &mut AnyConnection, seal: &Seal) -> Result<bool, StoreError> {
    let mut found = false;
    loop {
        let mut transaction = connection.begin_with("begin immediate").await?;
        let rows =
            sqlx::query("select turn_id from unsealed_turns limit $1").bind(BATCH).fetch_all(&mut *transaction).await?;
        for row in &rows {
            seal_one(&mut transaction, &codec::text(row, "turn_id")?, seal).await?;
        }
        transaction.commit().await?;
        if rows.is_empty() {
            return Ok(found);
        }
        found = true;
    }
}

async fn seal_one(transaction: &mut Transaction<'_, Any>, turn: &str, seal: &Seal) -> Result<(), StoreError> {
    let row = sqlx::query("select id, spec, outcome from turns where id = $1")
        .bind(turn)
        .fetch_optional(&mut **transaction)
        .await?;
    if let Some(row) = row {
        let mut spec: Value = codec::json(&row, "spec")?;
        let env = spec["env"].take();
        spec["env"] = Value::Object(serde_json::Map::new());
        let env: BTreeMap<String, String> = serde_json::from_value(env).unwrap_or_default();
        let has_ended = codec::maybe_text(&row, "outcome")?.is_some();
        let sealed = if has_ended { None } else { seal.seal(codec::parsed(&row, "id")?, &env) };
        sqlx::query("update turns set spec = $1, sealed_env = $2 where id = $3")
            .bind(codec::to_json(&spec))
            .bind(sealed)
            .bind(turn)
            .execute(&mut **transaction)
            .await?;
    }
    sqlx::query("delete from unsealed_turns where turn_id = $1").bind(turn).execute(&mut **transaction).await?;
    Ok(())
}
