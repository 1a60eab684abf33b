//! Tenants' lists of sessions, kept in memory entry by entry.
//!
//! A list is long and little of it changes: clients that poll it ask for thousands of entries of which a few are new.
//! So each entry is kept as it was rendered, in the list's order. A write marks the session's entry, and the next
//! reader of the tenant's list reads the marked ones again, and no others. A list that is longer than a bound is not kept:
//! it is read page by page each time, by readers who wait for their turn.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use tokio::sync::Mutex;

use super::{Pieces, Store, StoreError};
use crate::domain::{SessionId, SessionOverview, TenantId, Timestamp};

/// Bytes of lists that are kept, of one and of all, and how long one that nobody asks for.
const LIST_BYTES: usize = 8 << 20;
const CAPACITY_BYTES: u64 = 64 << 20;
const IDLE: Duration = Duration::from_mins(10);

/// The lists that were read. Cheap to clone; all clones are one cache.
#[derive(Clone, Debug)]
pub(super) struct ListCache(Cache<TenantId, Arc<List>>);

/// Bytes an entry takes beside what was rendered, about.
const ENTRY_BYTES: usize = 160;

/// One tenant's list.
#[derive(Debug, Default)]
struct List {
    /// Bytes that are kept.
    bytes: AtomicUsize,
    /// Held while entries are read, so that no older entry can take the place of a newer one.
    kept: Mutex<Kept>,
    /// The sessions that were written to since their entries were read.
    marked: StdMutex<HashSet<SessionId>>,
}

/// The entries that were read.
#[derive(Debug, Default)]
struct Kept {
    /// Whether all were read once.
    is_complete: bool,
    /// The entries in the list's order.
    entries: BTreeMap<(Timestamp, SessionId), Bytes>,
    /// Where a session's entry is.
    places: HashMap<SessionId, Timestamp>,
    /// Bytes of all entries.
    bytes: usize,
    /// The list as it was put together last, until an entry changes.
    body: Option<Bytes>,
}

impl ListCache {
    pub(super) fn new() -> Self {
        let bytes = |list: &Arc<List>| u32::try_from(list.bytes.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        let cache = Cache::builder().max_capacity(CAPACITY_BYTES).time_to_idle(IDLE);
        Self(cache.weigher(move |_, list| bytes(list).saturating_add(1_024)).build())
    }

    /// Forgets every list.
    pub(super) fn clear(&self) {
        self.0.invalidate_all();
    }

    /// Marks the entry of a session that has just been written to, created or deleted.
    pub(super) fn mark(&self, tenant: TenantId, session: SessionId) {
        if let Some(list) = self.0.get(&tenant) {
            list.marked().insert(session);
        }
    }
}

#[cfg(test)]
impl ListCache {
    /// Bytes that are kept of a tenant's list.
    pub(super) fn kept_bytes(&self, tenant: TenantId) -> usize {
        self.0.get(&tenant).map_or(0, |list| list.bytes.load(Ordering::Relaxed))
    }
}

impl List {
    fn marked(&self) -> std::sync::MutexGuard<'_, HashSet<SessionId>> {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn put(&mut self, overview: &SessionOverview, entry: Bytes) {
        let session = &overview.session;
        self.remove(session.id);
        self.bytes += entry.len() + ENTRY_BYTES;
        self.places.insert(session.id, session.created_at);
        self.entries.insert((session.created_at, session.id), entry);
    }

    fn remove(&mut self, session: SessionId) {
        if let Some(created_at) = self.places.remove(&session)
            && let Some(entry) = self.entries.remove(&(created_at, session))
        {
            self.bytes -= entry.len() + ENTRY_BYTES;
        }
    }

    const fn is_too_long(&self) -> bool {
        self.bytes > LIST_BYTES
    }

    /// The entries as one JSON array.
    fn body(&mut self) -> Bytes {
        let entries = &self.entries;
        let body = self.body.get_or_insert_with(|| {
            let mut array = Vec::with_capacity(2 + entries.values().map(|entry| entry.len() + 1).sum::<usize>());
            array.push(b'[');
            for entry in entries.values() {
                if array.len() > 1 {
                    array.push(b',');
                }
                array.extend_from_slice(entry);
            }
            array.push(b']');
            array.into()
        });
        body.clone()
    }
}

impl Store {
    /// A tenant's sessions, oldest first, each made into JSON by `render`, as one JSON array. `render` must be the same
    /// at every call.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session_list(
        &self,
        tenant: TenantId,
        render: fn(&SessionOverview) -> Bytes,
    ) -> Result<Pieces, StoreError> {
        let list = self.lists.0.get_with(tenant, Arc::default);
        let kept = self.kept_list(tenant, &list, render).await;
        // Weighed anew.
        self.lists.0.insert(tenant, list);
        match kept? {
            Some(body) => Ok(self.whole(tenant, vec![body]).await),
            None => Ok(self.streamed(tenant, self.list_pages(tenant, render)).await),
        }
    }

    /// A tenant's list as it is kept, after what was written since was read again; `None` when it is too long to be kept.
    async fn kept_list(
        &self,
        tenant: TenantId,
        list: &List,
        render: fn(&SessionOverview) -> Bytes,
    ) -> Result<Option<Bytes>, StoreError> {
        let mut kept = list.kept.lock().await;
        // Taken before the rows are read: what is written meanwhile is marked again.
        let marked = std::mem::take(&mut *list.marked());
        // If a read fails, all are read again by the next reader.
        let was_complete = std::mem::take(&mut kept.is_complete);
        if !was_complete {
            self.fill(tenant, &mut kept, render).await?;
        } else if !marked.is_empty() {
            kept.body = None;
            for session in marked {
                match self.sessions().find_entry(tenant, session).await? {
                    Some(overview) => kept.put(&overview, render(&overview)),
                    None => kept.remove(session),
                }
            }
        }
        if kept.is_too_long() {
            *kept = Kept { bytes: kept.bytes, ..Kept::default() };
            list.bytes.store(0, Ordering::Relaxed);
            return Ok(None);
        }
        kept.is_complete = true;
        let body = kept.body();
        list.bytes.store(kept.bytes + body.len(), Ordering::Relaxed);
        Ok(Some(body))
    }

    /// Reads all entries of a list, until they are too many to be kept.
    async fn fill(
        &self,
        tenant: TenantId,
        kept: &mut Kept,
        render: fn(&SessionOverview) -> Bytes,
    ) -> Result<(), StoreError> {
        *kept = Kept::default();
        let bytes = usize::try_from(self.list_bytes(tenant).await?).unwrap_or(usize::MAX);
        if bytes > LIST_BYTES {
            kept.bytes = bytes;
            return Ok(());
        }
        let mut after = None;
        while !kept.is_too_long() {
            let page = self.list_page(tenant, after).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.session.created_at, last.session.id));
            for overview in &page {
                kept.put(overview, render(overview));
            }
        }
        Ok(())
    }
}
