//! The memory of request bodies: one sum for all of them, of which each owner gets a share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit in which memory is granted.
const GRAIN_BYTES: usize = 1024;

/// The part of the whole that one owner may have.
const OWNER_PART: usize = 4;

/// Memory for bodies.
#[derive(Debug)]
pub struct BodyMemory {
    whole: Arc<Semaphore>,
    grains: usize,
    share_grains: usize,
    largest: usize,
    shares: Mutex<HashMap<u128, Arc<Semaphore>>>,
}

/// Memory that a body may take, until this is dropped.
#[derive(Debug)]
pub struct Grant {
    _share: OwnedSemaphorePermit,
    _whole: OwnedSemaphorePermit,
}

impl BodyMemory {
    /// `bytes` of memory, for bodies of which the largest has `largest` bytes. There is room for at least one of those.
    pub fn new(bytes: usize, largest: usize) -> Arc<Self> {
        let largest_grains = grains(largest);
        let grains = (bytes / GRAIN_BYTES).clamp(largest_grains, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let share_grains = (grains / OWNER_PART).max(largest_grains);
        let whole = Arc::new(Semaphore::new(grains));
        Arc::new(Self { whole, grains, share_grains, largest, shares: Mutex::default() })
    }

    /// Memory for a body of `owner` that says it has `bytes`; of one that does not say, the largest is expected. Waits for
    /// bodies that came before it.
    pub async fn grant(self: Arc<Self>, owner: u128, bytes: Option<u64>) -> Option<Grant> {
        let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(self.largest).min(self.largest);
        let wanted = u32::try_from(grains(bytes).min(self.share_grains)).unwrap_or(u32::MAX);
        // The share first: who has to wait for its own bodies holds nothing that others wait for.
        let share = self.share(owner).acquire_many_owned(wanted).await.ok()?;
        let whole = Arc::clone(&self.whole).acquire_many_owned(wanted).await.ok()?;
        Some(Grant { _share: share, _whole: whole })
    }

    /// How many bytes are not granted.
    pub fn available(&self) -> usize {
        self.whole.available_permits() * GRAIN_BYTES
    }

    /// How many bytes there are in all.
    pub fn bytes(&self) -> usize {
        self.grains * GRAIN_BYTES
    }

    fn share(&self, owner: u128) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&owner) {
            return Arc::clone(share);
        }
        // Whoever has a permit, or waits for one, has the semaphore too.
        shares.retain(|_, share| Arc::strong_count(share) > 1);
        let share = Arc::new(Semaphore::new(self.share_grains));
        shares.insert(owner, Arc::clone(&share));
        share
    }
}

fn grains(bytes: usize) -> usize {
    bytes.div_ceil(GRAIN_BYTES).clamp(1, u32::MAX as usize)
}
