//! Units: statements that are written together or not at all, each with the caller that waits for its outcome.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::{Any, Transaction};
use tokio::sync::oneshot;

use crate::store::{Fault, StoreError};

/// What the writer runs: a [`Unit`] whatever its value.
pub(in crate::store) type BoxedUnit = Box<dyn Run>;

/// What a caller waits for.
pub(in crate::store) type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

/// Why a transaction failed.
#[derive(Clone, Debug)]
pub(in crate::store) struct Failure {
    /// What is wrong.
    pub(in crate::store) fault: Fault,
    /// What the database said.
    pub(in crate::store) source: Arc<sqlx::Error>,
}

/// What a caller is answered: its own error, else the one that kept the transaction from being committed, else its outcome.
pub(in crate::store) fn after_commit<T>(
    outcome: Option<Result<T, StoreError>>,
    committed: Result<(), &Failure>,
) -> Result<T, StoreError> {
    match (outcome, committed) {
        (Some(outcome @ Err(_)), _) | (Some(outcome), Ok(())) => outcome,
        (_, Err(failure)) => Err(failure.to_error()),
        (None, Ok(())) => Err(StoreError::Closed),
    }
}

impl Failure {
    /// The failure of a transaction by `error`.
    pub(in crate::store) fn of(error: sqlx::Error) -> Self {
        Self { fault: Fault::of(&error).unwrap_or(Fault::Connection), source: Arc::new(error) }
    }

    /// What each of those is answered whose writes were in the transaction.
    pub(in crate::store) fn to_error(&self) -> StoreError {
        StoreError::Unavailable { fault: self.fault, source: Some(Arc::clone(&self.source)) }
    }
}

/// Whether a unit is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Ran {
    /// It succeeded.
    Keep,
    /// It failed, perhaps because of a fault of the database.
    Discard(Option<Fault>),
}

/// A unit as the writer sees it.
pub(in crate::store) trait Run: Send {
    /// Runs the statements. A panic is contained.
    fn run<'t>(&'t mut self, transaction: &'t mut Transaction<'_, Any>) -> BoxFuture<'t, Ran>;

    /// Answers the caller, once the transaction was committed, or with why it was not.
    fn answer(self: Box<Self>, committed: Result<(), &Failure>);
}

/// A unit with its value.
struct Unit<T, F, A> {
    /// The statements, until they run.
    statements: Option<F>,
    /// What they came to.
    outcome: Option<Result<T, StoreError>>,
    /// Called before the caller is answered, whatever came of the unit and whether the caller still waits.
    after: A,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

/// A unit of `statements`, and where its outcome arrives. `after` is called when it has been committed or discarded.
pub(super) fn unit<T, F, A>(statements: F, after: A) -> (BoxedUnit, Answer<T>)
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t mut Transaction<'_, Any>) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    A: FnOnce() + Send + 'static,
{
    let (sender, answer) = oneshot::channel();
    (Box::new(Unit { statements: Some(statements), outcome: None, after, answer: sender }), answer)
}

impl<T, F, A> Run for Unit<T, F, A>
where
    T: Send,
    F: for<'t> FnOnce(&'t mut Transaction<'_, Any>) -> BoxFuture<'t, Result<T, StoreError>> + Send,
    A: FnOnce() + Send,
{
    fn run<'t>(&'t mut self, transaction: &'t mut Transaction<'_, Any>) -> BoxFuture<'t, Ran> {
        let statements = self.statements.take();
        let run = async move {
            let statements = statements?;
            let outcome = AssertUnwindSafe(async { statements(transaction).await }).catch_unwind().await;
            Some(outcome.unwrap_or(Err(StoreError::Panicked)))
        };
        Box::pin(async move {
            self.outcome = run.await;
            match &self.outcome {
                Some(Ok(_)) => Ran::Keep,
                Some(Err(error)) => Ran::Discard(error.fault()),
                None => Ran::Discard(None),
            }
        })
    }

    fn answer(self: Box<Self>, committed: Result<(), &Failure>) {
        let answer = after_commit(self.outcome, committed);
        (self.after)();
        // Nobody may wait for it any more.
        let _ = self.answer.send(answer);
    }
}
