//! A request's body: it keeps a minimum rate, and takes its memory before its first byte is read.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::limits::Pace;
use super::{BodyMemory, Grant, Limits};

/// Who a request's body is charged to, and what it was granted: an extension of each request.
#[derive(Clone, Debug, Default)]
pub struct BodyClaim(Arc<Claimed>);

#[derive(Debug, Default)]
struct Claimed {
    owner: OnceLock<u128>,
    grant: Mutex<Option<Grant>>,
    failure: OnceLock<BodyError>,
    is_read: AtomicBool,
}

/// Why a body cannot be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It came too slowly.
    #[error("the body came too slowly")]
    TooSlow,
    /// There was no memory for it.
    #[error("too many large bodies are being read; try again in a moment")]
    NoMemory,
}

/// A body under its deadlines.
pub(super) struct GuardedBody {
    inner: Incoming,
    limits: Limits,
    claim: BodyClaim,
    memory: Option<Arc<BodyMemory>>,
    step: Step,
}

/// How far a body is.
enum Step {
    Unread,
    /// Memory is waited for.
    Waiting(Pin<Box<dyn Future<Output = Option<Grant>> + Send>>, Pin<Box<Sleep>>),
    /// It is being read.
    Reading(Pace, Pin<Box<Sleep>>),
    Failed,
}

impl BodyClaim {
    /// Charges the body to `owner`. Of several the first one counts.
    pub fn charge_to(&self, owner: u128) {
        let _ = self.0.owner.set(owner);
    }

    /// The memory that was granted, for whoever keeps the body longer than its request lasts.
    pub fn take(&self) -> Option<Grant> {
        self.grant().take()
    }

    /// Why the body could not be read, if it could not.
    pub fn failure(&self) -> Option<BodyError> {
        self.0.failure.get().copied()
    }

    /// Whether the body was read to its end.
    pub(super) fn is_read(&self) -> bool {
        self.0.is_read.load(Ordering::Relaxed)
    }

    fn grant(&self) -> MutexGuard<'_, Option<Grant>> {
        self.0.grant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GuardedBody {
    pub(super) fn new(inner: Incoming, limits: Limits, memory: Option<Arc<BodyMemory>>, claim: BodyClaim) -> Self {
        let body = Self { inner, limits, claim, memory, step: Step::Unread };
        body.note_end();
        body
    }

    fn note_end(&self) {
        if self.inner.is_end_stream() {
            self.claim.0.is_read.store(true, Ordering::Relaxed);
        }
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.step = Step::Failed;
        let _ = self.claim.0.failure.set(error);
        Poll::Ready(Some(Err(axum::Error::new(error))))
    }

    fn begin(&mut self) -> Step {
        let Some(memory) = self.memory.take() else { return self.read() };
        let owner = self.claim.0.owner.get().copied().unwrap_or_default();
        Step::Waiting(Box::pin(memory.grant(owner, self.inner.size_hint().exact())), timer(self.limits.pace()))
    }

    fn read(&self) -> Step {
        let pace = self.limits.pace();
        Step::Reading(pace, timer(pace))
    }
}

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        loop {
            match &mut this.step {
                Step::Unread => {
                    if this.inner.is_end_stream() {
                        return Poll::Ready(None);
                    }
                    this.step = this.begin();
                }
                Step::Waiting(grant, timer) => match grant.as_mut().poll(cx) {
                    Poll::Ready(Some(grant)) => {
                        *this.claim.grant() = Some(grant);
                        this.step = this.read();
                    }
                    Poll::Ready(None) => return this.fail(BodyError::NoMemory),
                    Poll::Pending => {
                        ready!(timer.as_mut().poll(cx));
                        return this.fail(BodyError::NoMemory);
                    }
                },
                Step::Reading(pace, timer) => match Pin::new(&mut this.inner).poll_frame(cx) {
                    Poll::Ready(frame) => {
                        if frame.is_none() {
                            this.claim.0.is_read.store(true, Ordering::Relaxed);
                        }
                        if let Some(Ok(frame)) = &frame {
                            pace.note(frame.data_ref().map_or(0, Bytes::len));
                            if let Some(deadline) = pace.deadline() {
                                timer.as_mut().reset(deadline);
                            }
                        }
                        this.note_end();
                        return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
                    }
                    Poll::Pending => {
                        ready!(timer.as_mut().poll(cx));
                        return this.fail(BodyError::TooSlow);
                    }
                },
                Step::Failed => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn timer(pace: Pace) -> Pin<Box<Sleep>> {
    // A deadline beyond the clock's end is as far away as the farthest it can tell.
    let far = || Instant::now() + std::time::Duration::from_hours(24 * 365);
    Box::pin(sleep_until(pace.deadline().unwrap_or_else(far)))
}
