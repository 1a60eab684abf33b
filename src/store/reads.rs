//! Conversations that were read, kept in memory as they were rendered.
//!
//! A client that polls a session asks the same question again and again, and most of the answer is the same. So the
//! messages are kept as bytes; a write marks the session, and the next reader reads its row and the messages that came
//! after the last one kept, and no others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use moka::sync::Cache;
use tokio::sync::Mutex;

use super::{Store, StoreError};
use crate::domain::{Event, EventKind, SessionId, SessionOverview, TenantId, TurnId, TurnSpec};

/// Bytes of conversations that are kept at most, of all and of one. A longer one is read page by page each time.
const CAPACITY_BYTES: u64 = 64 << 20;
const CONVERSATION_BYTES: u64 = 8 << 20;

/// Bytes a copy takes beside its messages and prompts, about.
const COPY_BYTES: usize = 1_024;

/// Makes bytes of the messages of a session: of those before as they were made, and of further ones.
pub type Render = fn(earlier: &[u8], events: &[Event]) -> Bytes;

/// A session and its messages as they were read together.
#[derive(Debug)]
pub struct Conversation {
    /// The session with its latest turn.
    pub overview: SessionOverview,
    /// Its messages as they were rendered; `None` when they are too many to be kept in memory.
    pub messages: Option<Bytes>,
    /// The last turn in which processes were killed for want of memory, and how many.
    kills: Option<(TurnId, u64)>,
    /// The last message of all, as the agent said it, and its turn.
    last: Option<(TurnId, Arc<str>)>,
    /// The `seq` of the last event that was looked at.
    seen: i64,
}

impl Conversation {
    /// How many processes were killed for want of memory in the latest turn; `None` when none was.
    pub fn out_of_memory_kills(&self) -> Option<u64> {
        self.kills.filter(|(turn, _)| *turn == self.overview.turn.id).map(|(_, killed)| killed)
    }

    /// The last message of the latest turn, as the agent said it; `None` while there is none.
    pub fn last_message(&self) -> Option<&str> {
        self.last.as_ref().filter(|(turn, _)| *turn == self.overview.turn.id).map(|(_, line)| &**line)
    }
}

/// The copies. Cheap to clone; all clones are one cache.
#[derive(Clone, Debug)]
pub struct ReadCache(Cache<SessionId, Arc<Kept>>);

/// One session's copy.
#[derive(Debug, Default)]
struct Kept {
    /// Held while rows are read, so that no older copy can take the place of a newer one.
    copy: Mutex<Option<Arc<Conversation>>>,
    /// Whether the session was written to since its copy was read.
    is_stale: AtomicBool,
    /// Bytes of the copy.
    bytes: AtomicUsize,
}

impl ReadCache {
    pub(super) fn new() -> Self {
        let bytes = |kept: &Arc<Kept>| u32::try_from(kept.bytes.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(CAPACITY_BYTES).weigher(move |_, kept| bytes(kept)).build())
    }

    /// Forgets every copy.
    pub(super) fn clear(&self) {
        self.0.invalidate_all();
    }

    /// Marks the copy of a session that has just been written to.
    pub(super) fn mark(&self, session: SessionId) {
        if let Some(kept) = self.0.get(&session) {
            kept.is_stale.store(true, Ordering::SeqCst);
        }
    }
}

impl Store {
    /// A tenant's session with its messages, made into bytes by `render`, which must be the same at every call.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn conversation(
        &self,
        tenant: TenantId,
        id: SessionId,
        render: Render,
    ) -> Result<Option<Arc<Conversation>>, StoreError> {
        let kept = self.cache.0.get_with(id, Arc::default);
        let mut copy = kept.copy.lock().await;
        // Asked before the rows are read: what is written meanwhile is marked again.
        let is_stale = kept.is_stale.swap(false, Ordering::SeqCst);
        let earlier = copy.take();
        if let Some(fresh) = earlier.as_ref().filter(|_| !is_stale) {
            let fresh = Arc::clone(fresh);
            *copy = earlier;
            return Ok((fresh.overview.session.tenant == tenant).then_some(fresh));
        }
        // Should a read fail, there is no copy, and the next reader begins anew.
        let Some(mut overview) = self.sessions().find(tenant, id).await? else {
            if earlier.is_none() {
                self.cache.0.invalidate(&id);
            }
            *copy = earlier;
            kept.is_stale.fetch_or(is_stale, Ordering::SeqCst);
            return Ok(None);
        };
        // Of what was asked for, no view shows more.
        overview.turn.spec = TurnSpec { limits: overview.turn.spec.limits, ..TurnSpec::default() };
        if overview.session.event_bytes > CONVERSATION_BYTES {
            drop(copy);
            self.cache.0.invalidate(&id);
            let kills = self.events().kills(tenant, id, overview.turn.id).await?;
            let (turn, seen) = (overview.turn.id, overview.session.last_seq);
            let kills = kills.map(|killed| (turn, killed));
            let last = self.events().last_message(tenant, id, seen).await?.map(last_of);
            return Ok(Some(Arc::new(Conversation { overview, messages: None, kills, last, seen })));
        }
        let (seen, messages) =
            earlier.as_ref().and_then(|copy| Some((copy.seen, copy.messages.clone()?))).unwrap_or_default();
        let mut further = self.events().shown_after(tenant, id, seen).await?;
        let seen = further.last().map_or(seen, |event| event.seq);
        let kills = further.iter().fold(earlier.as_ref().and_then(|copy| copy.kills), with_kills);
        further.retain(|event| event.kind == EventKind::Message);
        let last = further.last().cloned().map(last_of).or_else(|| earlier.as_ref()?.last.clone());
        let messages = if further.is_empty() && earlier.is_some() { messages } else { render(&messages, &further) };
        let last_bytes = last.as_ref().map_or(0, |(_, line)| line.len());
        kept.bytes.store(messages.len() + last_bytes + COPY_BYTES, Ordering::Relaxed);
        let fresh = Arc::new(Conversation { overview, messages: Some(messages), kills, last, seen });
        *copy = Some(Arc::clone(&fresh));
        drop(copy);
        // Weighed anew.
        self.cache.0.insert(id, kept);
        Ok(Some(fresh))
    }
}

fn last_of(message: Event) -> (TurnId, Arc<str>) {
    (message.turn, message.payload.into())
}

/// Adds what an event tells of kills; those of an earlier turn are forgotten.
fn with_kills(kills: Option<(TurnId, u64)>, event: &Event) -> Option<(TurnId, u64)> {
    if event.kind != EventKind::OutOfMemory {
        return kills;
    }
    let payload: serde_json::Value = serde_json::from_str(&event.payload).unwrap_or_default();
    let killed = payload["killed"].as_u64().unwrap_or_default();
    let before = kills.filter(|(turn, _)| *turn == event.turn).map_or(0, |(_, killed)| killed);
    Some((event.turn, before + killed))
}
