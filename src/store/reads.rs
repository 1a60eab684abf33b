//! What was read of sessions at rest, kept in memory until somebody writes to them.
//!
//! A client that polls a finished session asks the same question again and again, and the answer is the same until the
//! session is written to. Every write in this module's siblings ends with [`ReadCache::forget`]. A reader that began
//! before a write must not keep what it read: it remembers the count of writes it began at, and its copy is refused
//! when the count has moved on.

use std::sync::{Arc, Mutex};

use moka::sync::Cache;

use super::{Store, StoreError};
use crate::domain::{Event, SessionId, SessionOverview, SessionState, TenantId};

/// Bytes of conversations that are kept at most.
const CAPACITY_BYTES: u64 = 64 * 1024 * 1024;

/// A session and its messages as they were read together.
#[derive(Debug)]
pub struct Conversation<T> {
    /// The session with its latest turn.
    pub overview: SessionOverview,
    /// What the reader made of its messages.
    pub messages: T,
}

/// The copies. Cheap to clone; all clones are one cache.
#[derive(Clone, Debug)]
pub struct ReadCache {
    copies: Cache<SessionId, Arc<Conversation<bytes::Bytes>>>,
    writes: Arc<Mutex<u64>>,
}

impl ReadCache {
    pub(super) fn new() -> Self {
        let copies = Cache::builder()
            .max_capacity(CAPACITY_BYTES)
            .weigher(|_, copy: &Arc<Conversation<bytes::Bytes>>| {
                let prompt = copy.overview.session.prompt.len() + copy.overview.turn.prompt.len();
                u32::try_from(copy.messages.len() + prompt + 1024).unwrap_or(u32::MAX)
            })
            .build();
        Self { copies, writes: Arc::default() }
    }

    /// Drops what was read of a session that has just been written to.
    pub(super) fn forget(&self, session: SessionId) {
        let mut writes = self.lock();
        *writes += 1;
        self.copies.invalidate(&session);
    }

    fn keep(&self, begun_at: u64, copy: &Arc<Conversation<bytes::Bytes>>) {
        let writes = self.lock();
        if *writes == begun_at {
            self.copies.insert(copy.overview.session.id, Arc::clone(copy));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, u64> {
        self.writes.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Store {
    /// A tenant's session with its messages, made into bytes by `render`; kept for the next reader while the session
    /// rests.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn conversation(
        &self,
        tenant: TenantId,
        id: SessionId,
        render: fn(&[Event]) -> bytes::Bytes,
    ) -> Result<Option<Arc<Conversation<bytes::Bytes>>>, StoreError> {
        if let Some(copy) = self.cache.copies.get(&id) {
            return Ok((copy.overview.session.tenant == tenant).then_some(copy));
        }
        let begun_at = *self.cache.lock();
        let Some(overview) = self.sessions().find(tenant, id).await? else { return Ok(None) };
        let messages = render(&self.events().messages(tenant, id).await?);
        let copy = Arc::new(Conversation { overview, messages });
        if copy.overview.session.state == SessionState::Idle {
            self.cache.keep(begun_at, &copy);
        }
        Ok(Some(copy))
    }
}
