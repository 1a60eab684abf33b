//! Readiness: whether the store reads and writes, found out by doing both.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::time::{Instant, timeout_at};

use super::writer::Answer;
use super::{Store, StoreError};

/// How long a result is repeated: whoever asks more often does not make the store write more often.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Bytes that a heartbeat writes. More than the pages of a request that starts a session or of a call that is settled, so
/// that it does not fit where these no longer do.
const BEAT_BYTES: usize = 256 << 10;

/// How long the store may take.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Why the store is not ready.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unready {
    /// It cannot be read.
    #[error("the store cannot be read: {0}")]
    Read(String),
    /// It cannot be written.
    #[error("the store cannot be written: {0}")]
    Write(String),
    /// It does not answer.
    #[error("the store did not answer within {} s: a write before takes long, or another process holds the lock", .0.as_secs())]
    Silent(Duration),
}

/// The last result. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Probe(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: Option<(Instant, Result<(), Unready>)>,
    /// The heartbeat that was sent and has not been answered: there is never more than one.
    beat: Option<Answer<()>>,
}

impl Store {
    /// Checks that the store can be read and written: reads a row, and waits until as much as a request usually
    /// writes has been committed, in the place of what the check before wrote. Several callers share one check, and a result is
    /// repeated for a second.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub async fn check(&self) -> Result<(), Unready> {
        let mut state = self.probe.0.lock().await;
        if let Some((at, result)) = &state.last
            && at.elapsed() < MAX_AGE
        {
            return result.clone();
        }
        let deadline = Instant::now() + MAX_WAIT;
        let result = timeout_at(deadline, self.beat(&mut state.beat)).await.unwrap_or(Err(Unready::Silent(MAX_WAIT)));
        state.last = Some((Instant::now(), result.clone()));
        result
    }

    async fn beat(&self, pending: &mut Option<Answer<()>>) -> Result<(), Unready> {
        self.keys().has_operator_key().await.map_err(|error| Unready::Read(reason(&error)))?;
        // Answered since an earlier check gave up on it: that says nothing of now.
        if pending.as_mut().is_some_and(|answer| !matches!(answer.try_recv(), Err(TryRecvError::Empty))) {
            *pending = None;
        }
        let answer = match pending {
            Some(answer) => answer,
            None => pending.insert(self.send_beat().await.map_err(|error| Unready::Write(reason(&error)))?),
        };
        let written = answer.await;
        *pending = None;
        written.unwrap_or(Err(StoreError::Closed)).map_err(|error| Unready::Write(reason(&error)))
    }

    /// Writes the one row again, with another content: SQLite leaves out pages that do not change.
    async fn send_beat(&self) -> Result<Answer<()>, StoreError> {
        let beat = "update heartbeat set beats = beats + 1, content = $1";
        let content = uuid::Uuid::new_v4().simple().to_string();
        let content = content.repeat(BEAT_BYTES / content.len());
        self.writer
            .send(
                move |transaction| {
                    Box::pin(async move {
                        sqlx::query(beat).bind(content).execute(&mut **transaction).await?;
                        Ok(())
                    })
                },
                || (),
            )
            .await
    }
}

/// What is wrong, without the words around it.
fn reason(error: &StoreError) -> String {
    error.fault().map_or_else(|| error.to_string(), |fault| fault.to_string())
}
