//! How many sessions may have a sandbox at the same time; the others wait in the order they came.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The installation's places for live sessions.
#[derive(Clone, Debug)]
pub struct Slots(Arc<Semaphore>);

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    /// `count` places.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))))
    }

    /// Waits for a place. Who asked first gets it first; who stops waiting loses the place in the queue.
    ///
    /// # Panics
    /// Never: the places are not closed.
    pub async fn take(&self) -> Slot {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        Slot { _permit: permit.expect("the places are never closed") }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn places_are_given_in_the_order_they_were_asked_for() {
        let slots = Slots::new(1);
        let held = slots.take().await;
        let (mut first, mut second) = (Box::pin(slots.take()), Box::pin(slots.take()));
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        drop(held);
        assert!((&mut second).now_or_never().is_none(), "the second was served before the first");
        assert!((&mut first).now_or_never().is_some());
    }
}
