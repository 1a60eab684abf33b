//! Who may have a sandbox now, and who waits for one.
//!
//! Within a tenant it is first come, first served; between tenants a place goes round, so that the thousand sessions
//! of one do not delay the single one of another. A tenant that has all the places it may have is passed over.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use crate::domain::TenantId;

/// The installation's places for live sessions.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Mutex<State>>);

/// How many places a tenant may have, and how many of its sessions may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Sessions with a sandbox at the same time.
    pub running: usize,
    /// Sessions that wait.
    pub waiting: usize,
}

/// So many sessions wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{waiting} sessions are waiting already; try again when some have ended")]
pub struct Full {
    /// How many.
    pub waiting: usize,
}

/// Where somebody stands who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How many places are given out before and with this one's, if nobody leaves: 1 is the next.
    pub position: usize,
}

/// A turn in the queue: a future that comes to its [`Slot`]. Who drops it leaves the queue.
#[derive(Debug)]
pub struct Ticket {
    queue: Queue,
    tenant: TenantId,
    number: u64,
    given: oneshot::Receiver<Slot>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Slot {
    queue: Queue,
    tenant: TenantId,
}

#[derive(Debug)]
struct State {
    /// Places that are free.
    free: usize,
    /// Tickets that were given out.
    tickets: u64,
    /// The tenants that have or want places.
    tenants: HashMap<TenantId, Line>,
    /// The tenants that wait, in the order in which the next places are offered to them.
    round: VecDeque<TenantId>,
}

/// One tenant's line.
#[derive(Debug, Default)]
struct Line {
    running: usize,
    /// The most it may have, as its newest ticket says.
    most: usize,
    waiting: VecDeque<(u64, oneshot::Sender<Slot>)>,
}

impl Queue {
    /// A queue for `places` places.
    pub fn new(places: usize) -> Self {
        let state = State { free: places, tickets: 0, tenants: HashMap::new(), round: VecDeque::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Stands in line for a place.
    ///
    /// # Errors
    /// When the tenant has as many sessions waiting as it may.
    pub fn enter(&self, tenant: TenantId, bounds: Bounds) -> Result<Ticket, Full> {
        let mut state = self.lock();
        let (give, given) = oneshot::channel();
        state.tickets += 1;
        let number = state.tickets;
        let has_room = state.free > 0;
        let line = state.tenants.entry(tenant).or_default();
        line.most = bounds.running;
        let starts_at_once = has_room && line.waiting.is_empty() && line.running < line.most;
        if !starts_at_once && line.waiting.len() >= bounds.waiting {
            return Err(Full { waiting: line.waiting.len() });
        }
        line.waiting.push_back((number, give));
        if line.waiting.len() == 1 {
            state.round.push_back(tenant);
        }
        let given_out = state.give(self);
        drop(state);
        deliver(given_out);
        Ok(Ticket { queue: self.clone(), tenant, number, given })
    }

    /// Where the ticket `number` of a tenant stands; `None` when it does not wait any more. A tenant that has all it may
    /// have is counted as if it had not.
    pub fn place(&self, tenant: TenantId, number: u64) -> Option<Place> {
        let state = self.lock();
        let line = state.tenants.get(&tenant)?;
        let ahead = line.waiting.iter().position(|(waiting, _)| *waiting == number)?;
        let mine = state.round.iter().position(|waiting| *waiting == tenant)?;
        let others = state.round.iter().enumerate().filter(|(_, other)| **other != tenant).map(|(turn, other)| {
            let rounds = if turn < mine { ahead + 1 } else { ahead };
            state.tenants.get(other).map_or(0, |line| line.waiting.len().min(rounds))
        });
        Some(Place { position: others.sum::<usize>() + ahead + 1 })
    }

    /// Places that nobody has.
    pub fn free(&self) -> usize {
        self.lock().free
    }

    fn leave(&self, tenant: TenantId, number: u64) {
        let mut state = self.lock();
        if let Some(line) = state.tenants.get_mut(&tenant) {
            line.waiting.retain(|(waiting, _)| *waiting != number);
        }
        state.tidy(tenant);
    }

    fn give_back(&self, tenant: TenantId) {
        let mut state = self.lock();
        state.free += 1;
        if let Some(line) = state.tenants.get_mut(&tenant) {
            line.running -= 1;
        }
        state.tidy(tenant);
        let given_out = state.give(self);
        drop(state);
        deliver(given_out);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands out slots with the queue unlocked: one whose ticket was dropped comes right back.
fn deliver(given_out: Vec<(oneshot::Sender<Slot>, Slot)>) {
    for (give, slot) in given_out {
        let _ = give.send(slot);
    }
}

impl State {
    /// Takes the free places for those who are next, round after round.
    fn give(&mut self, queue: &Queue) -> Vec<(oneshot::Sender<Slot>, Slot)> {
        let mut given_out = Vec::new();
        let mut passed_over = 0;
        while self.free > 0 && passed_over < self.round.len() {
            let Some(tenant) = self.round.pop_front() else { break };
            let Some(line) = self.tenants.get_mut(&tenant) else { continue };
            if line.running >= line.most {
                passed_over += 1;
                self.round.push_back(tenant);
                continue;
            }
            if let Some((_, give)) = line.waiting.pop_front() {
                line.running += 1;
                self.free -= 1;
                passed_over = 0;
                given_out.push((give, Slot { queue: queue.clone(), tenant }));
            }
            if !line.waiting.is_empty() {
                self.round.push_back(tenant);
            }
        }
        given_out
    }

    /// Forgets a tenant that neither has nor wants anything.
    fn tidy(&mut self, tenant: TenantId) {
        let Some(line) = self.tenants.get(&tenant) else { return };
        if line.waiting.is_empty() {
            self.round.retain(|waiting| *waiting != tenant);
            if line.running == 0 {
                self.tenants.remove(&tenant);
            }
        }
    }
}

impl Ticket {
    /// What names it in the queue.
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl Future for Ticket {
    type Output = Slot;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Slot> {
        match self.given.poll_unpin(context) {
            Poll::Ready(Ok(slot)) => Poll::Ready(slot),
            // The queue keeps every sender until it gives a slot.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.queue.leave(self.tenant, self.number);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.queue.give_back(self.tenant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { running: 9, waiting: 9 };

    fn is_ready(ticket: &mut Ticket) -> Option<Slot> {
        ticket.now_or_never()
    }

    #[test]
    fn places_are_given_in_the_order_they_were_asked_for() {
        let (queue, tenant) = (Queue::new(1), TenantId::generate());
        let mut tickets: Vec<_> = (0..3).map(|_| queue.enter(tenant, BOUNDS).unwrap()).collect();
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
        let mut flood: Vec<_> = (0..1_000).map(|_| queue.enter(many, bounds).unwrap()).collect();
        let mut single = queue.enter(one, BOUNDS).unwrap();
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
        let bounds = Bounds { running: 1, waiting: 2 };
        let mut tickets: Vec<_> = (0..3).map(|_| queue.enter(bounded, bounds).unwrap()).collect();
        assert_eq!(queue.enter(bounded, bounds).unwrap_err(), Full { waiting: 2 });
        let held = is_ready(&mut tickets[0]).unwrap();
        assert!(is_ready(&mut tickets[1]).is_none());
        assert!(is_ready(&mut queue.enter(other, BOUNDS).unwrap()).is_some());
        drop(held);
        assert!(is_ready(&mut tickets[1]).is_some());
    }

    #[test]
    fn who_waits_can_be_told_how_many_come_before() {
        let (queue, many, one) = (Queue::new(1), TenantId::generate(), TenantId::generate());
        let mut flood: Vec<_> = (0..5).map(|_| queue.enter(many, BOUNDS).unwrap()).collect();
        let single = queue.enter(one, BOUNDS).unwrap();
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
        let mut tickets: VecDeque<_> = (0..3).map(|_| queue.enter(tenant, BOUNDS).unwrap()).collect();
        let held = is_ready(&mut tickets[0]).unwrap();
        drop(tickets.remove(1));
        drop(held);
        drop(tickets.pop_front());
        assert!(is_ready(&mut tickets[0]).is_some());
        drop(tickets);
        assert_eq!(queue.lock().free, 1);
        assert!(queue.lock().tenants.is_empty() && queue.lock().round.is_empty());
    }
}
