//! How far the agents' claims are from the ledger, looked up now and then: every turn of a day has to be read for it, and
//! nobody needs it by the second.

use tokio::sync::Mutex;

use crate::domain::{Drift, Timestamp};
use crate::store::{Store, StoreError};

/// How long a turn counts after its end.
const COMPARED_FOR_S: i64 = 24 * 60 * 60;

/// How long what was looked up is good enough.
const GOOD_FOR_MS: i64 = 30_000;

/// What was looked up last, and when.
#[derive(Debug, Default)]
pub struct DriftWatch(Mutex<Option<(Timestamp, Drift)>>);

impl DriftWatch {
    /// The drift of the last day's turns.
    ///
    /// # Errors
    /// When it has to be looked up and the store fails.
    pub(super) async fn get(&self, store: &Store, now: Timestamp) -> Result<Drift, StoreError> {
        let mut latest = self.0.lock().await;
        if let Some((at, drift)) = &*latest
            && now.millis_since(*at) < GOOD_FOR_MS
        {
            return Ok(*drift);
        }
        let drift = store.ledger().drift(now.minus_seconds(COMPARED_FOR_S)).await?;
        *latest = Some((now, drift));
        Ok(drift)
    }
}
