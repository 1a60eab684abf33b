//! The handle of the writer: sends units, and waits for their outcome.

use futures_util::future::BoxFuture;
use sqlx::{Any, AnyConnection, Transaction};
use tokio::sync::mpsc;

use super::reconnect::Reconnect;
use super::task::Task;
use super::unit::{Answer, BoxedUnit, unit};
use crate::lifecycle::Tasks;
use crate::store::StoreError;
use crate::store::sqlite::SqliteFile;

/// Units that wait. Whoever comes then waits for a place in the queue, in order.
pub(super) const MAX_WAITING: usize = 1_024;

/// Sends units to the writer. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::store) struct Writer {
    units: mpsc::Sender<BoxedUnit>,
    tasks: Tasks,
}

impl Writer {
    /// Starts the writer's task, which begins with `connection` and opens others to `file`.
    pub(in crate::store) fn start(file: SqliteFile, connection: AnyConnection) -> Self {
        let (units, queue) = mpsc::channel(MAX_WAITING);
        let tasks = Tasks::new();
        let task = Task::new(queue, Reconnect::new(file, connection), tasks.draining().clone());
        tasks.spawn("store writer", task.run());
        Self { units, tasks }
    }

    /// A place in the queue for a unit that is sent later.
    ///
    /// # Errors
    /// When the writer was closed.
    pub(in crate::store) async fn reserve(&self) -> Result<mpsc::Permit<'_, BoxedUnit>, StoreError> {
        self.units.reserve().await.map_err(|_| StoreError::Closed)
    }

    /// Sends a unit, and returns where its outcome arrives. It runs from then on, whether or not anybody waits for it.
    /// `after` is called when it was committed or discarded.
    ///
    /// # Errors
    /// When the writer was closed.
    pub(in crate::store) async fn send<T, F, A>(&self, statements: F, after: A) -> Result<Answer<T>, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Transaction<'_, Any>) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
        A: FnOnce() + Send + 'static,
    {
        let (unit, answer) = unit(statements, after);
        self.units.send(unit).await.map_err(|_| StoreError::Closed)?;
        Ok(answer)
    }

    /// Sends a unit and waits for its outcome.
    ///
    /// # Errors
    /// The unit's own, or those of the transaction it was in.
    pub(in crate::store) async fn write<T, F, A>(&self, statements: F, after: A) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Transaction<'_, Any>) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
        A: FnOnce() + Send + 'static,
    {
        self.send(statements, after).await?.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Takes no further units, and waits until those that were sent are written.
    pub(in crate::store) async fn close(&self) {
        self.tasks.stop().await;
    }
}
