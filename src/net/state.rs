//! What a connection is doing, and until when it may go on like that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Limits;

/// How long a connection stays idle before it can be closed to make room for another.
const MIN_IDLE: Duration = Duration::from_millis(250);

/// The part of the head's deadline that a connection gets in any case: a peer whose processor is busy has connected, and
/// sends its request a moment later.
const MIN_HEAD_DIVISOR: u32 = 10;

/// The state of a connection, shared by its stream, its requests and the pool.
#[derive(Debug)]
pub(super) struct State {
    limits: Limits,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    since: Instant,
    /// Requests that are being answered.
    active: usize,
    /// Whether requests are multiplexed, so that bytes between requests are no head.
    is_http2: bool,
    /// Since when nothing of a response could be written.
    write_stalled: Option<Instant>,
    is_evicted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A request's head is awaited or arrives.
    Head,
    /// A request was answered, the next has not begun.
    Idle,
    /// A request is being answered, or the connection was handed over.
    Active,
    /// The unread rest of a request is discarded.
    Discarding,
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct ActiveRequest(Arc<State>);

impl State {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        let inner = Inner {
            phase: Phase::Head,
            since: Instant::now(),
            active: 0,
            is_http2: false,
            write_stalled: None,
            is_evicted: false,
        };
        Arc::new(Self { limits, inner: Mutex::new(inner), changed: Notify::new() })
    }

    /// Bytes arrived.
    pub(super) fn note_read(&self) {
        let mut inner = self.lock();
        if inner.phase == Phase::Idle && !inner.is_http2 {
            self.enter(&mut inner, Phase::Head);
        }
    }

    /// A response's bytes were written, or could not be.
    pub(super) fn note_write(&self, is_stalled: bool) {
        let mut inner = self.lock();
        if is_stalled != inner.write_stalled.is_some() {
            inner.write_stalled = is_stalled.then(Instant::now);
            self.changed.notify_one();
        }
    }

    /// A request's head is there.
    pub(super) fn begin_request(self: &Arc<Self>, is_http2: bool) -> ActiveRequest {
        let mut inner = self.lock();
        inner.active += 1;
        inner.is_http2 = is_http2;
        self.enter(&mut inner, Phase::Active);
        ActiveRequest(Arc::clone(self))
    }

    /// The connection belongs to its handler from now on.
    pub(super) fn hand_over(&self) {
        self.enter(&mut self.lock(), Phase::Active);
    }

    /// The rest of a request is being discarded.
    pub(super) fn discard(&self) {
        self.enter(&mut self.lock(), Phase::Discarding);
    }

    /// Since when the connection has been without a request that is being answered, if that is long enough to close it for
    /// another. One that has just begun, or has just been answered, is about to be used.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let inner = self.lock();
        let min_wait = match inner.phase {
            Phase::Active => return None,
            Phase::Head => (self.limits.head / MIN_HEAD_DIVISOR).max(MIN_IDLE),
            Phase::Idle | Phase::Discarding => MIN_IDLE,
        };
        (!inner.is_evicted && inner.since.elapsed() >= min_wait).then_some(inner.since)
    }

    /// Has the connection close, to make room for another.
    pub(super) fn evict(&self) {
        self.lock().is_evicted = true;
        self.changed.notify_one();
    }

    pub(super) fn is_evicted(&self) -> bool {
        self.lock().is_evicted
    }

    /// When the connection is to be closed if nothing changes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let inner = self.lock();
        let by_phase = match inner.phase {
            Phase::Head => inner.since.checked_add(self.limits.head),
            Phase::Idle => inner.since.checked_add(self.limits.idle),
            Phase::Active | Phase::Discarding => None,
        };
        let by_write = inner.write_stalled.and_then(|since| since.checked_add(self.limits.write));
        by_phase.into_iter().chain(by_write).min()
    }

    /// Whether the connection is to be closed now.
    pub(super) fn is_overdue(&self) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Waits for a change of the deadline, or an eviction.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn enter(&self, inner: &mut Inner, phase: Phase) {
        (inner.phase, inner.since) = (phase, Instant::now());
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.active -= 1;
        if inner.active == 0 {
            self.0.enter(&mut inner, Phase::Idle);
        }
    }
}
