//! The places of connections: how many there are in total, and how many of them one peer may take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::state::State;

/// How long lies between two looks for a place when none is given back.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Places for connections.
#[derive(Debug)]
pub struct Pool {
    max: usize,
    members: Mutex<Members>,
    freed: Notify,
}

/// What of a pool may be taken by whoever has the same `owner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Who takes it: an address, a session, a tenant.
    pub owner: u128,
    /// The most places it may take.
    pub max: usize,
}

#[derive(Debug, Default)]
struct Members {
    next: u64,
    by_number: HashMap<u64, Member>,
    taken: HashMap<u128, usize>,
}

#[derive(Debug)]
struct Member {
    shares: Arc<[Share]>,
    state: Arc<State>,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pool: Arc<Pool>,
    number: u64,
}

/// There is no place, and nobody who could make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// All places are taken.
    Pool,
    /// A share is used up.
    Share,
}

impl Pool {
    /// A pool with `max` places.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max: max.max(1), members: Mutex::default(), freed: Notify::new() })
    }

    /// How many places there are.
    pub fn max(&self) -> usize {
        self.max
    }

    /// How many connections have one.
    pub fn taken(&self) -> usize {
        self.members().by_number.len()
    }

    /// A place for the connection with `state`. If there is none, the one that has waited longest for a request makes room.
    pub(super) fn admit(self: &Arc<Self>, shares: &Arc<[Share]>, state: &Arc<State>) -> Result<Place, Full> {
        let mut members = self.members();
        for share in shares.iter() {
            if members.taken(share.owner) >= share.max && !members.evict(Some(share.owner)) {
                return Err(Full::Share);
            }
        }
        if members.by_number.len() >= self.max && !members.evict(None) {
            return Err(Full::Pool);
        }
        let number = members.insert(Member { shares: Arc::clone(shares), state: Arc::clone(state) });
        Ok(Place { pool: Arc::clone(self), number })
    }

    /// Has the connection close that has waited longest for a request, because the process ran out of descriptors.
    pub(super) fn make_room(&self) {
        self.members().evict(None);
    }

    /// Waits until it is worth asking for a place again.
    pub(super) async fn changed(&self) {
        tokio::select! {
            () = self.freed.notified() => {}
            // A connection that becomes idle can make room, and tells nobody.
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn taken(&self, owner: u128) -> usize {
        self.taken.get(&owner).copied().unwrap_or(0)
    }

    fn insert(&mut self, member: Member) -> u64 {
        let number = self.next;
        self.next += 1;
        for share in member.shares.iter() {
            *self.taken.entry(share.owner).or_default() += 1;
        }
        self.by_number.insert(number, member);
        number
    }

    fn remove(&mut self, number: u64) -> Option<Member> {
        let member = self.by_number.remove(&number)?;
        for share in member.shares.iter() {
            if let Some(taken) = self.taken.get_mut(&share.owner) {
                *taken -= 1;
                if *taken == 0 {
                    self.taken.remove(&share.owner);
                }
            }
        }
        Some(member)
    }

    /// Closes the connection, of `owner` if one is named, that has waited longest for a request. Returns whether there is one.
    fn evict(&mut self, owner: Option<u128>) -> bool {
        let is_owned =
            |member: &Member| owner.is_none_or(|owner| member.shares.iter().any(|share| share.owner == owner));
        let waiting = self.by_number.iter().filter(|(_, member)| is_owned(member));
        let waiting = waiting.filter_map(|(number, member)| Some((member.state.waiting_since()?, *number)));
        let Some((_, number)) = waiting.min() else { return false };
        if let Some(member) = self.remove(number) {
            member.state.evict();
        }
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pool.members().remove(self.number);
        self.pool.freed.notify_one();
    }
}
