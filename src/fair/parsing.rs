//! Reading large bodies: on threads of their own, a few at a time, and in turns between tenants.
//!
//! Megabytes of JSON take tens of milliseconds. On the threads that serve everybody they would delay whoever comes then.

use super::{FairGate, background};
use crate::domain::TenantId;

/// Bodies that are read at the same time. One tenant has at most one of them read.
const AT_ONCE: usize = 2;

/// A body up to this size is read at once: that takes about a millisecond at most.
const SMALL_BYTES: usize = 256 << 10;

/// Whose bodies are read now. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Parsing(FairGate);

impl Parsing {
    /// Nothing is read yet.
    pub fn new() -> Self {
        Self(FairGate::new(AT_ONCE))
    }

    /// What `parse` makes of a tenant's body of `bytes`; `None` when there is no thread for it.
    pub async fn run<T, F>(&self, tenant: TenantId, bytes: usize, parse: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if bytes <= SMALL_BYTES {
            return Some(parse());
        }
        background(self.0.acquire(tenant).await, parse).await
    }
}

impl Default for Parsing {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::FutureExt;

    use super::*;

    /// On one thread: a body that were read on it would keep it.
    #[tokio::test]
    async fn large_body_keeps_nobody_and_no_other_tenant_waiting() {
        let (parsing, hostile) = (Parsing::new(), TenantId::generate());
        let (release, released) = mpsc::channel::<()>();
        let mut large = Box::pin(parsing.run(hostile, SMALL_BYTES + 1, move || released.recv()));
        assert!((&mut large).now_or_never().is_none());
        let mut second = Box::pin(parsing.run(hostile, SMALL_BYTES + 1, || ()));
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(parsing.run(TenantId::generate(), SMALL_BYTES + 1, || 5).await, Some(5));
        assert!((&mut second).now_or_never().is_none(), "two of one tenant were read at once");
        assert_eq!(parsing.run(hostile, SMALL_BYTES, || 6).await, Some(6));
        release.send(()).unwrap();
        large.await.unwrap().unwrap();
        second.await.unwrap();
    }
}
