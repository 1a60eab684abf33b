//! Who gets the next permit: round robin between tenants, first come first served within one.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use super::gate::{Permit, Standing};
use crate::domain::TenantId;

/// The state of a gate.
#[derive(Debug)]
pub(super) struct Rounds {
    /// Permits that nobody holds.
    free: usize,
    /// Tickets that were issued; numbers them.
    issued: u64,
    /// The tenants that hold permits or wait for one.
    tenants: HashMap<TenantId, Line>,
    /// The tenants that wait, in the order in which the next permits are offered to them.
    round: VecDeque<TenantId>,
}

/// One tenant's line.
#[derive(Debug, Default)]
struct Line {
    /// Permits it holds.
    held: usize,
    /// The most it may hold, as its newest ticket says.
    max_held: usize,
    /// The weight of all that wait.
    weight: u64,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    weight: u64,
    sender: oneshot::Sender<Permit>,
}

/// Where a granted permit is sent.
pub(super) type Grant = (oneshot::Sender<Permit>, TenantId);

impl Rounds {
    pub(super) fn new(permits: usize) -> Self {
        Self { free: permits, issued: 0, tenants: HashMap::new(), round: VecDeque::new() }
    }

    pub(super) const fn free(&self) -> usize {
        self.free
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.tenants.is_empty() && self.round.is_empty()
    }

    /// How a tenant stands that may hold `max_held` permits.
    pub(super) fn standing(&self, tenant: TenantId, max_held: usize) -> Standing {
        let line = self.tenants.get(&tenant);
        let (held, waiting) = line.map_or((0, 0), |line| (line.held, line.waiting.len()));
        Standing {
            starts_at_once: self.free > 0 && waiting == 0 && held < max_held,
            waiting,
            weight: line.map_or(0, |line| line.weight),
        }
    }

    /// Lets a tenant wait for a permit. Returns the number of its ticket.
    pub(super) fn wait(
        &mut self,
        tenant: TenantId,
        max_held: usize,
        weight: u64,
        sender: oneshot::Sender<Permit>,
    ) -> u64 {
        self.issued += 1;
        let number = self.issued;
        let line = self.tenants.entry(tenant).or_default();
        line.max_held = max_held;
        line.weight = line.weight.saturating_add(weight);
        line.waiting.push_back(Waiter { number, weight, sender });
        if line.waiting.len() == 1 {
            self.round.push_back(tenant);
        }
        number
    }

    /// Takes the free permits for those who are next, round after round.
    pub(super) fn grant(&mut self) -> Vec<Grant> {
        let mut grants = Vec::new();
        let mut passed_over = 0;
        while self.free > 0 && passed_over < self.round.len() {
            let Some(tenant) = self.round.pop_front() else { break };
            let Some(line) = self.tenants.get_mut(&tenant) else { continue };
            if line.held >= line.max_held {
                passed_over += 1;
                self.round.push_back(tenant);
                continue;
            }
            if let Some(waiter) = line.waiting.pop_front() {
                line.held += 1;
                line.weight = line.weight.saturating_sub(waiter.weight);
                self.free -= 1;
                passed_over = 0;
                grants.push((waiter.sender, tenant));
            }
            if !line.waiting.is_empty() {
                self.round.push_back(tenant);
            }
        }
        grants
    }

    /// Removes the ticket `number`, if it still waits.
    pub(super) fn leave(&mut self, tenant: TenantId, number: u64) {
        if let Some(line) = self.tenants.get_mut(&tenant)
            && let Some(at) = line.waiting.iter().position(|waiter| waiter.number == number)
            && let Some(waiter) = line.waiting.remove(at)
        {
            line.weight = line.weight.saturating_sub(waiter.weight);
        }
        self.forget_if_idle(tenant);
    }

    /// Takes a permit back.
    pub(super) fn give_back(&mut self, tenant: TenantId) {
        self.free += 1;
        if let Some(line) = self.tenants.get_mut(&tenant) {
            line.held -= 1;
        }
        self.forget_if_idle(tenant);
    }

    /// How many permits are granted before the ticket `number` gets its own, counting that one, if nobody leaves; `None`
    /// when it does not wait. A tenant that holds all it may hold is counted as if it did not.
    pub(super) fn position(&self, tenant: TenantId, number: u64) -> Option<usize> {
        let line = self.tenants.get(&tenant)?;
        let ahead = line.waiting.iter().position(|waiter| waiter.number == number)?;
        let mine = self.round.iter().position(|waiting| *waiting == tenant)?;
        let others = self.round.iter().enumerate().filter(|(_, other)| **other != tenant).map(|(turn, other)| {
            let rounds = if turn < mine { ahead + 1 } else { ahead };
            self.tenants.get(other).map_or(0, |line| line.waiting.len().min(rounds))
        });
        Some(others.sum::<usize>() + ahead + 1)
    }

    /// Forgets a tenant that neither holds nor wants anything.
    fn forget_if_idle(&mut self, tenant: TenantId) {
        let Some(line) = self.tenants.get(&tenant) else { return };
        if line.waiting.is_empty() {
            self.round.retain(|waiting| *waiting != tenant);
            if line.held == 0 {
                self.tenants.remove(&tenant);
            }
        }
    }
}
