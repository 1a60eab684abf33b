//! Work that takes long: on a thread of its own with a low priority, so that what is short goes first where the processor is.

use std::thread::Builder;

use rustix::process::setpriority_process;
use tokio::sync::oneshot;
use tracing::{Span, error};

use super::Permit;

/// The niceness of such a thread: it gets a tenth of what one that serves requests gets, and all of it when that has nothing to do.
const NICENESS: i32 = 10;

/// Runs `work` on a thread of its own. It runs to its end even if this future is dropped, and gives `permit` back then, so
/// that the gate bounds how many such threads there are. `None` when it panicked, or there is no thread for it.
pub async fn background<T: Send + 'static>(permit: Permit, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    let span = Span::current();
    let thread = Builder::new().name("background".to_owned()).spawn(move || {
        // Linux keeps priorities for each thread. One that cannot be lowered does the work as well.
        let _ = setpriority_process(None, NICENESS);
        let done = span.in_scope(work);
        drop(permit);
        // Nobody may wait for it any more.
        let _ = answer.send(done);
    });
    if let Err(error) = thread {
        error!(%error, "no thread for background work");
        return None;
    }
    answered.await.ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::FutureExt;
    use rustix::process::getpriority_process;

    use super::super::FairGate;
    use super::*;
    use crate::domain::TenantId;

    #[tokio::test]
    async fn background_work_has_a_low_priority_of_its_own() {
        let (gate, before) = (FairGate::new(1), getpriority_process(None).unwrap());
        let permit = gate.acquire(TenantId::generate()).await;
        let during = background(permit, || getpriority_process(None).unwrap()).await;
        assert_eq!(during, Some(NICENESS.max(before)));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }

    #[tokio::test]
    async fn work_that_panics_has_no_result_and_keeps_no_permit() {
        let gate = FairGate::new(1);
        let permit = gate.acquire(TenantId::generate()).await;
        assert_eq!(background(permit, || panic!("on purpose")).await, None::<()>);
        drop(gate.acquire(TenantId::generate()).await);
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_keeps_its_permit() {
        let (gate, (release, released)) = (FairGate::new(1), mpsc::channel::<()>());
        let permit = gate.acquire(TenantId::generate()).await;
        let mut work = Box::pin(background(permit, move || released.recv()));
        assert!((&mut work).now_or_never().is_none());
        drop(work);
        let mut next = gate.acquire(TenantId::generate());
        assert!((&mut next).now_or_never().is_none(), "a permit was given back while its work went on");
        release.send(()).unwrap();
        drop(next.await);
    }
}
