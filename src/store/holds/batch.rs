//! The unit that writes all requests that wait: together, or one by one when one of them cannot be written.

use std::fmt;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::{Acquire, Any, Transaction};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::open::Opening;
use super::queue::Waiting;
use super::settle::Settling;
use super::shrink::Shrinking;
use crate::store::writer::{Failure, Ran, Run, after_commit};
use crate::store::{Fault, StoreError};

/// A kind of request that is written for many calls at once.
pub(super) trait Request: Send + Sync + Sized + 'static {
    /// What its caller waits for.
    type Outcome: Send;

    /// Writes `requests` as if one came after the other. Returns the outcomes in the same order.
    fn write(
        transaction: &mut Transaction<'_, Any>,
        requests: &[&Self],
    ) -> impl Future<Output = Result<Vec<Self::Outcome>, StoreError>> + Send;
}

/// A request with its outcome, and the caller that waits for it.
pub(super) struct Entry<R: Request> {
    pub(super) request: R,
    pub(super) outcome: Option<Result<R::Outcome, StoreError>>,
    /// Called before the caller is answered, whatever the outcome is and whether the caller still waits.
    pub(super) after: Box<dyn FnOnce() + Send + Sync>,
    pub(super) answer: oneshot::Sender<Result<R::Outcome, StoreError>>,
    /// Given back once it is answered.
    pub(super) _place: OwnedSemaphorePermit,
}

/// Requests that are written together. Calls are opened before others are settled, so that a call of which both were
/// requested is opened first.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) opens: Vec<Entry<Opening>>,
    pub(super) shrinks: Vec<Entry<Shrinking>>,
    pub(super) settlements: Vec<Entry<Settling>>,
}

/// The unit that takes all requests that wait when it runs.
#[derive(Debug)]
pub(super) struct BatchUnit {
    waiting: Waiting,
    /// What was taken; `None` until the unit runs. Requests that came after that have a unit of their own.
    batch: Option<Batch>,
    /// Why none of it could be written.
    failure: Option<Failure>,
}

impl<R: Request> fmt::Debug for Entry<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Entry").field("has_outcome", &self.outcome.is_some()).finish_non_exhaustive()
    }
}

impl<R: Request> Entry<R> {
    fn answer(self, committed: Result<(), &Failure>) {
        let answer = after_commit(self.outcome, committed);
        (self.after)();
        // Nobody may wait for it any more.
        let _ = self.answer.send(answer);
    }
}

impl Batch {
    /// How many requests there are.
    pub(super) fn len(&self) -> usize {
        self.opens.len() + self.shrinks.len() + self.settlements.len()
    }

    async fn write_together(&mut self, transaction: &mut Transaction<'_, Any>) -> Result<(), StoreError> {
        together(transaction, &mut self.opens).await?;
        together(transaction, &mut self.shrinks).await?;
        together(transaction, &mut self.settlements).await
    }

    async fn write_each(&mut self, transaction: &mut Transaction<'_, Any>) -> Result<(), sqlx::Error> {
        each(transaction, &mut self.opens).await?;
        each(transaction, &mut self.shrinks).await?;
        each(transaction, &mut self.settlements).await
    }

    /// Writes every request that can be written. Fails only with what concerns all of them.
    async fn write(&mut self, transaction: &mut Transaction<'_, Any>) -> Result<(), sqlx::Error> {
        if self.len() > 1 {
            let mut savepoint = transaction.begin().await?;
            match caught(self.write_together(&mut savepoint)).await {
                Ok(()) => return savepoint.commit().await,
                Err(StoreError::Statement(error)) if Fault::of(&error).is_some() => return Err(error),
                Err(_) => savepoint.rollback().await?,
            }
        }
        self.write_each(transaction).await
    }

    fn answer(self, committed: Result<(), &Failure>) {
        self.opens.into_iter().for_each(|entry| entry.answer(committed));
        self.shrinks.into_iter().for_each(|entry| entry.answer(committed));
        self.settlements.into_iter().for_each(|entry| entry.answer(committed));
    }
}

/// Writes the requests of `entries` with one set of statements.
async fn together<R: Request>(
    transaction: &mut Transaction<'_, Any>,
    entries: &mut [Entry<R>],
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let requests: Vec<_> = entries.iter().map(|entry| &entry.request).collect();
    let outcomes = R::write(transaction, &requests).await?;
    for (entry, outcome) in entries.iter_mut().zip(outcomes) {
        entry.outcome = Some(Ok(outcome));
    }
    Ok(())
}

/// Writes the requests of `entries` one by one. One that cannot be written is rolled back alone.
async fn each<R: Request>(transaction: &mut Transaction<'_, Any>, entries: &mut [Entry<R>]) -> Result<(), sqlx::Error> {
    for entry in entries {
        let mut savepoint = transaction.begin().await?;
        match caught(R::write(&mut savepoint, &[&entry.request])).await {
            Ok(outcomes) => {
                savepoint.commit().await?;
                entry.outcome = outcomes.into_iter().next().map(Ok);
            }
            Err(StoreError::Statement(error)) if Fault::of(&error).is_some() => return Err(error),
            Err(error) => {
                savepoint.rollback().await?;
                entry.outcome = Some(Err(error));
            }
        }
    }
    Ok(())
}

/// What `statements` come to. A panic is contained.
async fn caught<T>(statements: impl Future<Output = Result<T, StoreError>> + Send) -> Result<T, StoreError> {
    AssertUnwindSafe(statements).catch_unwind().await.unwrap_or(Err(StoreError::Panicked))
}

impl BatchUnit {
    pub(super) fn new(waiting: Waiting) -> Self {
        Self { waiting, batch: None, failure: None }
    }
}

impl Run for BatchUnit {
    fn run<'t>(&'t mut self, transaction: &'t mut Transaction<'_, Any>) -> BoxFuture<'t, Ran> {
        let batch = self.batch.insert(self.waiting.take());
        let failure = &mut self.failure;
        Box::pin(async move {
            let Err(error) = batch.write(transaction).await else { return Ran::Keep };
            let fault = failure.insert(Failure::of(error)).fault;
            Ran::Discard(Some(fault))
        })
    }

    fn answer(mut self: Box<Self>, committed: Result<(), &Failure>) {
        let batch = self.batch.take().unwrap_or_else(|| self.waiting.take());
        // What is left for `drop` is what a unit that was not answered would have taken.
        self.batch = Some(Batch::default());
        batch.answer(self.failure.as_ref().map_or(committed, Err));
    }
}

impl Drop for BatchUnit {
    /// Nobody is kept waiting for a unit that never runs.
    fn drop(&mut self) {
        if self.batch.is_none() {
            drop(self.waiting.take());
        }
    }
}
