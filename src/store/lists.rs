//! Tenants' lists of sessions, kept in memory entry by entry.
//!
//! A list is long and little of it changes: clients that poll it ask for thousands of entries of which a few are new.
//! So each entry is kept as it was rendered, in the list's order. A write marks the session's entry, and the next
//! reader of the tenant's list reads the marked ones again, and no others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use tokio::sync::Mutex;

use super::{Store, StoreError};
use crate::domain::{SessionId, SessionOverview, TenantId, Timestamp};

/// Lists that are kept, and how long one that nobody asks for.
const LISTS: u64 = 256;
const IDLE: Duration = Duration::from_mins(10);

/// The lists that were read. Cheap to clone; all clones are one cache.
#[derive(Clone, Debug)]
pub(super) struct ListCache(Cache<TenantId, Arc<List>>);

/// One tenant's list.
#[derive(Debug, Default)]
struct List {
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
    /// The list as it was put together last, until an entry changes.
    body: Option<Bytes>,
}

impl ListCache {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(LISTS).time_to_idle(IDLE).build())
    }

    /// Marks the entry of a session that has just been written to, created or deleted.
    pub(super) fn mark(&self, tenant: TenantId, session: SessionId) {
        if let Some(list) = self.0.get(&tenant) {
            list.marked().insert(session);
        }
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
        self.places.insert(session.id, session.created_at);
        self.entries.insert((session.created_at, session.id), entry);
    }

    fn remove(&mut self, session: SessionId) {
        if let Some(created_at) = self.places.remove(&session) {
            self.entries.remove(&(created_at, session));
        }
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
    ) -> Result<Bytes, StoreError> {
        let list = self.lists.0.get_with(tenant, Arc::default);
        let mut kept = list.kept.lock().await;
        // Taken before the rows are read: what is written meanwhile is marked again.
        let marked = std::mem::take(&mut *list.marked());
        if !kept.is_complete {
            *kept = Kept::default();
            for overview in self.sessions().list(tenant).await? {
                kept.put(&overview, render(&overview));
            }
            kept.is_complete = true;
        } else if !marked.is_empty() {
            // If a read fails, all are read again by the next reader.
            kept.is_complete = false;
            kept.body = None;
            for session in marked {
                match self.sessions().find(tenant, session).await? {
                    Some(overview) => kept.put(&overview, render(&overview)),
                    None => kept.remove(session),
                }
            }
            kept.is_complete = true;
        }
        Ok(kept.body())
    }
}
