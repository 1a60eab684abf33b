//! Where requests wait for the writer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

use super::batch::{Batch, BatchUnit, Entry, Request};
use super::open::Opening;
use super::settle::Settling;
use super::shrink::Shrinking;
use super::thresholds::Crossing;
use crate::domain::Decision;
use crate::store::StoreError;
use crate::store::writer::Writer;

/// The most requests that wait or are being written. Whoever comes then waits for a place, in order.
const MAX_REQUESTS: usize = 256;

/// Requests that are written together once the writer is free. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::store) struct HoldQueue {
    writer: Writer,
    places: Arc<Semaphore>,
    waiting: Waiting,
}

/// The requests that no unit has taken yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(Arc<Mutex<Batch>>);

impl HoldQueue {
    /// A queue in front of `writer`.
    pub(in crate::store) fn new(writer: Writer) -> Self {
        Self { writer, places: Arc::new(Semaphore::new(MAX_REQUESTS)), waiting: Waiting::default() }
    }

    pub(super) async fn open(&self, request: Opening) -> Result<Decision, StoreError> {
        self.send(request, || (), |batch| &mut batch.opens).await
    }

    pub(super) async fn shrink(&self, request: Shrinking) -> Result<(), StoreError> {
        self.send(request, || (), |batch| &mut batch.shrinks).await
    }

    pub(super) async fn settle(
        &self,
        request: Settling,
        after: impl FnOnce() + Send + Sync + 'static,
    ) -> Result<Vec<Crossing>, StoreError> {
        self.send(request, after, |batch| &mut batch.settlements).await
    }

    /// Adds a request to `list` and waits for its outcome. It is written from then on, whether or not anybody waits for it.
    /// `after` is called when it was committed or discarded.
    async fn send<R: Request>(
        &self,
        request: R,
        after: impl FnOnce() + Send + Sync + 'static,
        list: impl FnOnce(&mut Batch) -> &mut Vec<Entry<R>>,
    ) -> Result<R::Outcome, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        // Reserved first: nothing is awaited between adding a request and sending the unit that takes it, so a caller that
        // goes away leaves no request behind.
        let unit = self.writer.reserve().await?;
        let (answer, outcome) = oneshot::channel();
        let entry = Entry { request, outcome: None, after: Box::new(after), answer, _place: place };
        let is_first = {
            let mut batch = self.waiting.lock();
            let is_first = batch.len() == 0;
            list(&mut batch).push(entry);
            is_first
        };
        if is_first {
            unit.send(Box::new(BatchUnit::new(self.waiting.clone())));
        }
        outcome.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Waiting {
    /// Takes all requests. Those that come later need another unit.
    pub(super) fn take(&self) -> Batch {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Batch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
