//! Writes down what became of each connection a sandbox asked for, without letting the sandbox fill the store.
//!
//! The first of a sort is written at once. Those of the same host, port and reason that follow within a while are counted, and
//! written as one. A sandbox that asks for ever other hosts has the rest of them counted together, as the host `*`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::reason::{Ended, Refused};
use crate::domain::Clock;
use crate::lifecycle::Tasks;
use crate::sandbox::Caller;
use crate::store::{EgressRecord, Store};

/// How long those of a sort are counted together.
const WHILE: Duration = Duration::from_secs(1);

/// The same, for a sandbox of which [`MANY`] records were written.
const LONG_WHILE: Duration = Duration::from_mins(1);
const MANY: u64 = 256;

/// Sorts that are told apart at the same time.
const SORTS: usize = 16;

/// The longest name that is written.
const MAX_HOST_BYTES: usize = 253;

/// The records of one sandbox.
#[derive(Debug)]
pub(super) struct Records {
    store: Store,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    caller: Caller,
    closed: CancellationToken,
    open: Mutex<Open>,
}

/// What is being counted.
#[derive(Debug, Default)]
struct Open {
    sorts: HashMap<Sort, Tally>,
    written: u64,
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sort {
    host: String,
    port: u16,
    reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reason {
    Refused(Refused),
    Ended(Ended),
}

/// What connections come to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    pub(super) duration_ms: u64,
}

impl Records {
    /// Nothing was asked for yet by the sandbox of `caller`.
    pub(super) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        tasks: Tasks,
        caller: Caller,
        closed: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self { store, clock, tasks, caller, closed, open: Mutex::default() })
    }

    /// A host was refused.
    pub(super) fn refused(self: &Arc<Self>, host: &str, port: u16, refused: Refused, duration_ms: u64) {
        let tally = Tally { count: 1, duration_ms, ..Tally::default() };
        self.note(host, port, Reason::Refused(refused), tally);
    }

    /// A connection ended that was let through.
    pub(super) fn ended(self: &Arc<Self>, host: &str, port: u16, ended: Ended, tally: Tally) {
        self.note(host, port, Reason::Ended(ended), tally);
    }

    fn note(self: &Arc<Self>, host: &str, port: u16, reason: Reason, tally: Tally) {
        let host = host.char_indices().take_while(|(at, _)| *at < MAX_HOST_BYTES).map(|(_, letter)| letter).collect();
        let mut sort = Sort { host, port, reason };
        {
            let mut open = self.open();
            if !open.sorts.contains_key(&sort) && open.sorts.len() >= SORTS {
                sort = Sort { host: "*".to_owned(), port: 0, reason };
            }
            if let Some(waiting) = open.sorts.get_mut(&sort) {
                return waiting.add(tally);
            }
            open.sorts.insert(sort.clone(), Tally::default());
        }
        let records = Arc::clone(self);
        self.tasks.spawn("egress record", async move { records.write_all(sort, tally).await });
    }

    /// Writes `first`, and then what else comes of its sort, until nothing does for a while.
    async fn write_all(&self, sort: Sort, first: Tally) {
        let mut tally = first;
        loop {
            self.write(&sort, tally).await;
            let stopping = self.tasks.stopping();
            tokio::select! {
                () = sleep(self.window()) => {}
                () = self.closed.cancelled() => {}
                () = stopping.cancelled() => {}
            }
            let mut open = self.open();
            match open.sorts.get_mut(&sort) {
                Some(waiting) if waiting.count > 0 => tally = std::mem::take(waiting),
                _ => {
                    open.sorts.remove(&sort);
                    return;
                }
            }
        }
    }

    fn window(&self) -> Duration {
        let mut open = self.open();
        open.written += 1;
        if open.written < MANY { WHILE } else { LONG_WHILE }
    }

    async fn write(&self, sort: &Sort, tally: Tally) {
        let (allowed, reason) = match sort.reason {
            Reason::Refused(refused) => (false, refused.as_str()),
            Reason::Ended(ended) => (true, ended.as_str()),
        };
        let record = EgressRecord {
            tenant: self.caller.tenant,
            session: self.caller.session,
            turn: self.caller.turn,
            host: sort.host.clone(),
            port: sort.port,
            allowed,
            reason,
            sent_bytes: tally.sent_bytes,
            received_bytes: tally.received_bytes,
            duration_ms: tally.duration_ms,
            count: tally.count,
            at: self.clock.now(),
        };
        if let Err(error) = self.store.egress().record(&record).await {
            error!(
                error = &error as &dyn std::error::Error,
                host = record.host,
                port = record.port,
                allowed,
                reason,
                count = record.count,
                "what a sandbox reached is not recorded"
            );
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.sent_bytes = self.sent_bytes.saturating_add(other.sent_bytes);
        self.received_bytes = self.received_bytes.saturating_add(other.received_bytes);
        self.duration_ms = self.duration_ms.max(other.duration_ms);
    }
}
