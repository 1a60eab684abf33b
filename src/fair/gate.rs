//! The gate: permits, and tickets for those who wait for one.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::rounds::{Grant, Rounds};
use crate::domain::TenantId;

/// A bounded number of permits, granted round robin between tenants. Cheap to clone; all clones are one gate.
#[derive(Clone, Debug)]
pub struct FairGate {
    rounds: Arc<Mutex<Rounds>>,
    /// The most permits one tenant may hold when [`Self::acquire`] is called.
    share: usize,
}

/// A permit; dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    gate: FairGate,
    tenant: TenantId,
}

/// A place in line: a future that resolves to a [`Permit`]. Cancel-safe: dropping it leaves the line, and a permit that was
/// granted but not received is given back.
#[derive(Debug)]
#[must_use = "a ticket that is dropped leaves the line"]
pub struct Ticket {
    gate: FairGate,
    tenant: TenantId,
    number: u64,
    granted: oneshot::Receiver<Permit>,
}

/// How a tenant stands at a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it would get a permit without waiting.
    pub starts_at_once: bool,
    /// How many of its tickets wait.
    pub waiting: usize,
    /// The sum of their weights.
    pub weight: u64,
}

impl FairGate {
    /// A gate with `permits` permits. One tenant never holds all of them, if there are two or more: a quarter, and at least
    /// one, stays free for others, so that long work of one tenant does not keep another from beginning.
    pub fn new(permits: usize) -> Self {
        let reserved = if permits > 1 { (permits / 4).max(1) } else { 0 };
        Self::with_share(permits, permits - reserved)
    }

    /// A gate with `permits` permits of which one tenant may hold `share`.
    pub fn with_share(permits: usize, share: usize) -> Self {
        Self { rounds: Arc::new(Mutex::new(Rounds::new(permits))), share }
    }

    /// Waits for a permit on behalf of a tenant.
    pub fn acquire(&self, tenant: TenantId) -> Ticket {
        self.join(tenant, self.share, 0, self.lock())
    }

    /// Joins the line of a tenant that may hold `max_held` permits, if `admit` allows it. `weight` is added up over the
    /// tickets of the tenant that wait.
    ///
    /// # Errors
    /// What `admit` returns.
    pub fn enter<E>(
        &self,
        tenant: TenantId,
        max_held: usize,
        weight: u64,
        admit: impl FnOnce(Standing) -> Result<(), E>,
    ) -> Result<Ticket, E> {
        let rounds = self.lock();
        admit(rounds.standing(tenant, max_held))?;
        Ok(self.join(tenant, max_held, weight, rounds))
    }

    /// How many permits are granted before the ticket `number` of a tenant gets its own, counting that one; `None` when it
    /// does not wait.
    pub fn position(&self, tenant: TenantId, number: u64) -> Option<usize> {
        self.lock().position(tenant, number)
    }

    /// Permits that nobody holds.
    pub fn free(&self) -> usize {
        self.lock().free()
    }

    fn join(&self, tenant: TenantId, max_held: usize, weight: u64, mut rounds: MutexGuard<'_, Rounds>) -> Ticket {
        let (sender, granted) = oneshot::channel();
        let number = rounds.wait(tenant, max_held, weight, sender);
        let grants = rounds.grant();
        drop(rounds);
        self.deliver(grants);
        Ticket { gate: self.clone(), tenant, number, granted }
    }

    /// Sends permits with the gate unlocked: one whose ticket was dropped comes right back.
    fn deliver(&self, grants: Vec<Grant>) {
        for (sender, tenant) in grants {
            let _ = sender.send(Permit { gate: self.clone(), tenant });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Rounds> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody holds or waits for anything.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.lock().is_empty()
    }
}

impl Ticket {
    /// What names it at its gate.
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl Future for Ticket {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Permit> {
        match self.granted.poll_unpin(context) {
            Poll::Ready(Ok(permit)) => Poll::Ready(permit),
            // The gate keeps every sender until it grants a permit.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.gate.lock().leave(self.tenant, self.number);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut rounds = self.gate.lock();
        rounds.give_back(self.tenant);
        let grants = rounds.grant();
        drop(rounds);
        self.gate.deliver(grants);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_never_holds_every_permit() {
        for (permits, held) in [(1, 1), (2, 1), (3, 2), (4, 3), (8, 6), (64, 48)] {
            let (gate, tenant) = (FairGate::new(permits), TenantId::generate());
            let mut tickets: Vec<_> = (0..permits).map(|_| gate.acquire(tenant)).collect();
            let granted: Vec<_> = tickets.iter_mut().filter_map(FutureExt::now_or_never).collect();
            assert_eq!(granted.len(), held, "{permits} permits");
            assert_eq!(gate.acquire(TenantId::generate()).now_or_never().is_some(), permits > 1, "{permits} permits");
        }
    }

    #[test]
    fn permits_go_round_between_tenants_that_wait() {
        let (gate, many, one) = (FairGate::new(1), TenantId::generate(), TenantId::generate());
        let mut flood: Vec<_> = (0..1_000).map(|_| gate.acquire(many)).collect();
        let mut single = gate.acquire(one);
        drop((&mut flood[0]).now_or_never().unwrap());
        assert!((&mut single).now_or_never().is_none(), "one of the flood was ahead of it");
        drop((&mut flood[1]).now_or_never().unwrap());
        assert!((&mut single).now_or_never().is_some());
        assert!((&mut flood[2]).now_or_never().is_some(), "the single permit came back");
    }

    #[test]
    fn dropped_ticket_leaves_line_and_returns_permit() {
        let (gate, tenant) = (FairGate::new(1), TenantId::generate());
        let mut tickets: Vec<_> = (0..3).map(|_| gate.acquire(tenant)).collect();
        // The first was granted a permit it never received.
        drop(tickets.remove(0));
        drop(tickets.remove(0));
        assert!((&mut tickets[0]).now_or_never().is_some());
        drop(tickets);
        assert_eq!(gate.free(), 1);
        assert!(gate.is_idle());
    }

    #[test]
    fn weight_counts_what_waits_and_nothing_else() {
        let (gate, tenant) = (FairGate::with_share(1, 1), TenantId::generate());
        let enter = |weight| {
            let mut seen = None;
            let admit = |standing| {
                seen = Some(standing);
                Ok::<_, ()>(())
            };
            (gate.enter(tenant, 1, weight, admit).unwrap(), seen.unwrap())
        };
        let (mut first, standing) = enter(5);
        assert_eq!(standing, Standing { starts_at_once: true, waiting: 0, weight: 0 });
        let (second, standing) = enter(7);
        assert_eq!(standing, Standing { starts_at_once: false, waiting: 0, weight: 0 });
        let (third, standing) = enter(11);
        assert_eq!((standing.waiting, standing.weight), (1, 7));
        drop(second);
        let (fourth, standing) = enter(1);
        assert_eq!((standing.waiting, standing.weight), (1, 11));
        drop((&mut first).now_or_never().unwrap());
        let (_, standing) = enter(1);
        assert_eq!((standing.waiting, standing.weight), (1, 1), "the third holds the permit");
        drop((third, fourth));
    }

    #[test]
    fn refused_entry_takes_no_place() {
        let (gate, tenant) = (FairGate::new(1), TenantId::generate());
        assert_eq!(gate.enter(tenant, 1, 1, |_| Err("full")).unwrap_err(), "full");
        assert!(gate.is_idle());
    }
}
