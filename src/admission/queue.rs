//! Who may have a sandbox now, and who waits for one.
//!
//! Within a tenant it is first come, first served; between tenants a place goes round, so that the thousand sessions
//! of one do not delay the single one of another. A tenant that has all the places it may have is passed over.

use crate::domain::TenantId;
use crate::fair::{FairGate, Permit, Ticket};

/// The installation's places for live sessions. Cheap to clone; all clones are one queue.
#[derive(Clone, Debug)]
pub struct Queue(FairGate);

/// A place, given back when dropped.
pub type Slot = Permit;

/// What one tenant may have of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Sessions with a sandbox at the same time.
    pub running: usize,
    /// Sessions that wait.
    pub waiting: usize,
    /// Bytes of the requests of sessions that wait.
    pub waiting_bytes: u64,
}

/// The tenant has as much waiting as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// As many sessions.
    #[error("{waiting} sessions are waiting already; try again when some have ended")]
    Sessions {
        /// How many.
        waiting: usize,
    },
    /// As many bytes.
    #[error(
        "the requests that wait hold {used} bytes; with this one of {asked} they would hold more than the {allowed} that \
         are allowed; try again when some have started"
    )]
    Bytes {
        /// Bytes that wait.
        used: u64,
        /// Bytes of the request.
        asked: u64,
        /// Bytes that may wait.
        allowed: u64,
    },
}

/// Where somebody stands who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How many places are given out before and with this one's, if nobody leaves: 1 is the next.
    pub position: usize,
}

impl Queue {
    /// A queue for `places` places.
    pub fn new(places: usize) -> Self {
        Self(FairGate::with_share(places, places))
    }

    /// Stands in line for a place with a request of `bytes`.
    ///
    /// # Errors
    /// When the tenant has as much waiting as it may.
    pub fn enter(&self, tenant: TenantId, bounds: Bounds, bytes: u64) -> Result<Ticket, Full> {
        self.0.enter(tenant, bounds.running, bytes, |standing| {
            if standing.starts_at_once {
                return Ok(());
            }
            if standing.waiting >= bounds.waiting {
                return Err(Full::Sessions { waiting: standing.waiting });
            }
            if standing.weight.saturating_add(bytes) > bounds.waiting_bytes {
                return Err(Full::Bytes { used: standing.weight, asked: bytes, allowed: bounds.waiting_bytes });
            }
            Ok(())
        })
    }

    /// Where the ticket `number` of a tenant stands; `None` when it does not wait any more. A tenant that has all it may
    /// have is counted as if it had not.
    pub fn place(&self, tenant: TenantId, number: u64) -> Option<Place> {
        self.0.position(tenant, number).map(|position| Place { position })
    }

    /// Places that nobody has.
    pub fn free(&self) -> usize {
        self.0.free()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use futures_util::FutureExt;

    use super::*;

    const BOUNDS: Bounds = Bounds { running: 9, waiting: 9, waiting_bytes: u64::MAX };

    fn is_ready(ticket: &mut Ticket) -> Option<Slot> {
        ticket.now_or_never()
    }

    #[test]
    fn places_are_given_in_the_order_they_were_asked_for() {
        let (queue, tenant) = (Queue::new(1), TenantId::generate());
        let mut tickets: Vec<_> = (0..3).map(|_| queue.enter(tenant, BOUNDS, 0).unwrap()).collect();
        let held = is_ready(&mut tickets[0]).unwrap();
        assert!(is_ready(&mut tickets[1]).is_none() && is_ready(&mut tickets[2]).is_none());
        drop(held);
        assert!(is_ready(&mut tickets[2]).is_none(), "the third was served before the second");
        assert!(is_ready(&mut tickets[1]).is_some());
    }

    #[test]
    fn a_thousand_sessions_of_one_tenant_do_not_delay_the_one_of_another() {
        let (queue, many, one) = (Queue::new(1), TenantId::generate(), TenantId::generate());
        let bounds = Bounds { waiting: 1_000, ..BOUNDS };
        let mut flood: Vec<_> = (0..1_000).map(|_| queue.enter(many, bounds, 0).unwrap()).collect();
        let mut single = queue.enter(one, BOUNDS, 0).unwrap();
        drop(is_ready(&mut flood[0]).unwrap());
        // One more of the flood stood before it in the round, and no more than that.
        drop(is_ready(&mut flood[1]).unwrap());
        let held = is_ready(&mut single);
        assert!(held.is_some());
        assert!(is_ready(&mut flood[2]).is_none());
    }

    #[test]
    fn a_tenant_has_no_more_places_than_it_may_and_stands_in_nobody_s_way() {
        let (queue, bounded, other) = (Queue::new(3), TenantId::generate(), TenantId::generate());
        let bounds = Bounds { running: 1, waiting: 2, ..BOUNDS };
        let mut tickets: Vec<_> = (0..3).map(|_| queue.enter(bounded, bounds, 0).unwrap()).collect();
        assert_eq!(queue.enter(bounded, bounds, 0).unwrap_err(), Full::Sessions { waiting: 2 });
        let held = is_ready(&mut tickets[0]).unwrap();
        assert!(is_ready(&mut tickets[1]).is_none());
        assert!(is_ready(&mut queue.enter(other, BOUNDS, 0).unwrap()).is_some());
        drop(held);
        assert!(is_ready(&mut tickets[1]).is_some());
    }

    #[test]
    fn who_waits_can_be_told_how_many_come_before() {
        let (queue, many, one) = (Queue::new(1), TenantId::generate(), TenantId::generate());
        let mut flood: Vec<_> = (0..5).map(|_| queue.enter(many, BOUNDS, 0).unwrap()).collect();
        let single = queue.enter(one, BOUNDS, 0).unwrap();
        let position = |tenant, ticket: &Ticket| queue.place(tenant, ticket.number()).map(|place| place.position);
        assert_eq!(position(many, &flood[0]), None, "it has its place");
        assert_eq!(position(many, &flood[1]), Some(1));
        assert_eq!(position(one, &single), Some(2));
        assert_eq!(position(many, &flood[4]), Some(5));
        let held = is_ready(&mut flood[0]).unwrap();
        drop(held);
        assert_eq!(position(one, &single), Some(1));
    }

    #[test]
    fn who_leaves_gives_up_the_place_in_line_and_the_place() {
        let (queue, tenant) = (Queue::new(1), TenantId::generate());
        let mut tickets: VecDeque<_> = (0..3).map(|_| queue.enter(tenant, BOUNDS, 0).unwrap()).collect();
        let held = is_ready(&mut tickets[0]).unwrap();
        drop(tickets.remove(1));
        drop(held);
        drop(tickets.pop_front());
        assert!(is_ready(&mut tickets[0]).is_some());
        drop(tickets);
        assert_eq!(queue.free(), 1);
        assert!(queue.0.is_idle());
    }

    #[test]
    fn refuses_request_when_waiting_bytes_are_used_up() {
        let (queue, tenant) = (Queue::new(1), TenantId::generate());
        let bounds = Bounds { waiting_bytes: 10, ..BOUNDS };
        let mut running = queue.enter(tenant, bounds, 1_000).unwrap();
        assert!(is_ready(&mut running).is_some_and(|slot| {
            // What has its place waits no more, so its bytes do not count.
            let waiting = queue.enter(tenant, bounds, 6).unwrap();
            let refused = queue.enter(tenant, bounds, 5).unwrap_err();
            assert_eq!(refused, Full::Bytes { used: 6, asked: 5, allowed: 10 });
            assert!(refused.to_string().contains("6 bytes") && refused.to_string().contains("the 10 that"));
            let last = queue.enter(tenant, bounds, 4).unwrap();
            drop((waiting, last));
            assert!(queue.enter(tenant, bounds, 10).is_ok(), "the bytes of who left count no more");
            drop(slot);
            true
        }));
    }
}
