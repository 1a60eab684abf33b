//! Money: a call waits here until every budget on its path has room for it, or is told why there will be none.
//!
//! What others hold is given back when their calls end, so it is waited for, in the order of `line.rs`. What is spent is not
//! waited for.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::warn;

use super::line::Line;
use crate::domain::{Ask, Decision, Share, Standing, Usd};
use crate::metrics::catalogue::{HOLD_WAIT, LEDGER_ERRORS, LEDGER_WRITES};
use crate::store::{CallRef, Crossing, NewCall, Settlement, Store, StoreError, Terms};

/// How long a call waits for money that others hold, when nothing else is set.
const WAIT: Duration = Duration::from_mins(9);

/// What a tenant may hold of a budget that tenants share, when nothing else is set.
const SHARE: Share = Share { percent: 50 };

/// Where money is held, given back and spent.
#[derive(Debug)]
pub struct Money {
    store: Store,
    /// Who waits.
    line: Line,
    /// How long a call waits.
    wait: Duration,
    share: Share,
}

/// Money that is held for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The longest answer it pays for, in tokens.
    pub max_tokens: u64,
    /// How much it is.
    pub amount: Usd,
    /// How long others' money was waited for.
    pub waited: Duration,
}

/// Why no money is held for a call.
#[derive(Debug, thiserror::Error)]
pub enum NoMoney {
    /// A budget is spent.
    #[error("a budget is spent")]
    Spent(Box<Standing>),
    /// Calls under way hold what is left of a budget, for longer than is waited.
    #[error("calls under way hold what is left of a budget")]
    Held(Box<Standing>),
    /// It could cost more than any call may.
    #[error("the call could cost ${0}, and no call may cost more than ${max}", max = Usd::MAX_CALL)]
    Excessive(Usd),
    /// The ledger cannot be written, so nothing may be spent.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Money {
    /// The money of the installation whose ledger `store` keeps.
    pub fn new(store: Store) -> Self {
        Self { store, line: Line::default(), wait: WAIT, share: SHARE }
    }

    /// The same, with other bounds: how long a call waits, and what a tenant may hold of a budget that tenants share.
    #[must_use]
    pub fn within(self, wait: Duration, share: Share) -> Self {
        Self { wait, share, ..self }
    }

    /// Opens a call in the ledger with the most it can cost, once there is room for that. Nothing is waited for any more
    /// once `gone` returns. A call that is told to come again finds its place in the line kept for a while.
    ///
    /// # Errors
    /// When there is none and will be none soon, or the ledger cannot be written; the call must not be made then.
    pub async fn hold(&self, new: &NewCall, ask: &Ask, gone: impl Future<Output = ()>) -> Result<Granted, NoMoney> {
        let enough = async {
            tokio::select! {
                () = sleep(self.wait) => {}
                () = gone => {}
            }
        };
        let began = Instant::now();
        let outcome = self.wait_in_line(new, ask, began, enough).await;
        let waited = match &outcome {
            Ok((_, at)) => *at - began,
            Err(_) => began.elapsed(),
        };
        HOLD_WAIT.took([], waited);
        outcome.map(|(granted, _)| Granted { waited, ..granted })
    }

    /// Tries until there is room, or there was `enough` of it. That ends the waiting alone, never a transaction: one that was
    /// written and not heard of would hold its money for ever.
    async fn wait_in_line(
        &self,
        new: &NewCall,
        ask: &Ask,
        began: Instant,
        enough: impl Future<Output = ()>,
    ) -> Result<(Granted, Instant), NoMoney> {
        let mut enough = std::pin::pin!(enough);
        let place = self.line.enter(new.call.tenant, new.call.session);
        let mut blocked: Option<Box<Standing>> = None;
        loop {
            let mut moved = std::pin::pin!(self.line.moved());
            // Before the look, so that what is given back right after it is not missed.
            moved.as_mut().enable();
            if !place.is_behind() {
                let tried_at = Instant::now();
                // It is opened now, in the windows of now, and not when it came.
                let waited_ms = i64::try_from((tried_at - began).as_millis()).unwrap_or(i64::MAX);
                let new = NewCall { at: new.at.plus_millis(waited_ms), ..new.clone() };
                let terms = Terms { share: self.share, claimed: place.claimed() };
                match written("open", self.store.ledger().open_within(&new, ask, terms)).await? {
                    Decision::Hold { max_tokens, amount } => {
                        return Ok((Granted { max_tokens, amount, waited: Duration::ZERO }, tried_at));
                    }
                    Decision::Refuse(standing) => return Err(NoMoney::Spent(standing)),
                    Decision::Excessive(amount) => return Err(NoMoney::Excessive(amount)),
                    Decision::Wait { standing, is_share } => {
                        place.wait_for(standing.budget.id, is_share);
                        blocked = Some(standing);
                    }
                }
            }
            let is_over = tokio::select! {
                biased;
                () = moved => false,
                () = &mut enough => true,
            };
            if let Some(standing) = blocked.take_if(|_| is_over) {
                place.keep();
                return Err(NoMoney::Held(standing));
            }
        }
    }

    /// Gives back what a call will not need of what it holds.
    ///
    /// # Errors
    /// When the store fails: the call holds what it held then.
    pub async fn shrink(&self, call: CallRef, amount: Usd) -> Result<(), StoreError> {
        written("shrink", self.store.ledger().shrink(call, amount)).await?;
        self.line.freed();
        Ok(())
    }

    /// Settles a call: its cost takes the place of what it held.
    ///
    /// # Errors
    /// When the store fails: the call stays open then.
    pub async fn settle(&self, call: CallRef, settlement: &Settlement) -> Result<(), StoreError> {
        let crossings = written("settle", self.store.ledger().settle(call, settlement)).await?;
        self.line.freed();
        for Crossing { percent, standing } in crossings {
            let Standing { budget, spent, .. } = standing;
            warn!(
                budget = %budget.id, scope = ?budget.scope, period = budget.period.as_str(), percent,
                spent = %spent, limit = %budget.limit, "a budget has reached a threshold"
            );
        }
        Ok(())
    }
}

/// What a transaction of the ledger comes to, which is counted as `operation`.
async fn written<T>(
    operation: &'static str,
    transaction: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let began = Instant::now();
    let outcome = transaction.await.inspect_err(|_| LEDGER_ERRORS.one([operation]));
    LEDGER_WRITES.took([operation], began.elapsed());
    outcome
}

#[cfg(test)]
impl Money {
    /// How many calls wait.
    pub(super) fn waiting(&self) -> usize {
        self.line.waiting()
    }
}
