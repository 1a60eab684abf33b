//! Holds: the money a call may cost, taken out of every budget on its path before it is made, and given back after.
//!
//! What arrives while the writer is busy is written together: one set of statements opens, shrinks and settles however many
//! calls there are. Within it calls decide one after the other, each on what those before it left, so that no budget is
//! passed; and a crash leaves all of it or nothing.
//!
//! No sum leaves its bounds: amounts are bounded before they are written, and what they are added to stops at its bound.

mod batch;
mod open;
mod path;
mod queue;
mod rows;
mod settle;
mod shrink;
mod thresholds;
mod windows;

use super::StoreError;
use super::ledger::{CallRef, Ledger, NewCall, Settlement};
use crate::domain::{Ask, BudgetId, Decision, Share, Usd};

pub use thresholds::{Crossing, Reached};

pub(super) use path::windows_of_key;
pub(super) use queue::HoldQueue;
pub(super) use windows::charge;

/// How a call comes to its decision, besides the budgets.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How budgets are divided among tenants.
    pub share: Share,
    /// Budgets that others have waited for longer: nothing may be held of them.
    pub claimed: Vec<BudgetId>,
}

impl Ledger<'_> {
    /// Opens a call in the ledger and holds the most it can cost, if every budget on its path has room for that, whoever
    /// waits for it and whatever its tenant holds.
    ///
    /// # Errors
    /// When the store fails: the call must not be made then.
    pub async fn open(&self, new: &NewCall, ask: &Ask) -> Result<Decision, StoreError> {
        self.open_within(new, ask, Terms { share: Share::ALL, claimed: Vec::new() }).await
    }

    /// The same, if the terms allow it too.
    ///
    /// # Errors
    /// When the store fails: the call must not be made then.
    pub async fn open_within(&self, new: &NewCall, ask: &Ask, terms: Terms) -> Result<Decision, StoreError> {
        self.0.holds.open(open::Opening { new: new.clone(), ask: *ask, terms }).await
    }

    /// Lowers what an open call holds to `amount`, once more is known of what it will cost.
    ///
    /// # Errors
    /// When the store fails: the call holds what it held then.
    pub async fn shrink(&self, call: CallRef, amount: Usd) -> Result<(), StoreError> {
        self.0.holds.shrink(shrink::Shrinking { call: call.id, amount: amount.bounded_call() }).await
    }

    /// Settles an open call: its cost takes the place of what it held, in the windows it was held in, and is added to
    /// its turn. A call that was settled stays as it was. Returns the budgets that have reached a threshold by it.
    ///
    /// # Errors
    /// When the store fails: the call stays open then.
    pub async fn settle(&self, call: CallRef, settlement: &Settlement) -> Result<Vec<Crossing>, StoreError> {
        let settlement = Settlement {
            usage: settlement.usage.bounded(),
            cost: settlement.cost.bounded_call(),
            ..settlement.clone()
        };
        let (cache, lists) = (self.0.cache.clone(), self.0.lists.clone());
        let written = move || {
            cache.mark(call.session);
            lists.mark(call.tenant, call.session);
        };
        self.0.holds.settle(settle::Settling { call, settlement }, written).await
    }
}
