//! Money: a call waits here until every budget on its path has room for it, or is told why there will be none.
//!
//! What others hold is given back within seconds, so it is waited for: first come, first served, within a session for
//! its own budget and within a tenant for all others. What is spent is not waited for.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::domain::{Ask, Decision, Scope, SessionId, Standing, TenantId, Usd};
use crate::metrics::catalogue::{HOLD_WAIT, LEDGER_ERRORS, LEDGER_WRITES};
use crate::store::{CallRef, Crossing, NewCall, Settlement, Store, StoreError};

/// How long a call waits for money that others hold.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the queue of a tenant or session is kept that nobody stands in.
const QUEUE_IDLE: Duration = Duration::from_mins(2);

/// Where money is held, given back and spent.
#[derive(Debug)]
pub struct Money {
    store: Store,
    /// Told whenever money is given back.
    freed: Notify,
    tenants: Cache<TenantId, Arc<Mutex<()>>>,
    sessions: Cache<SessionId, Arc<Mutex<()>>>,
    /// How long a call waits.
    pub(super) patience: Duration,
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
    /// The ledger cannot be written, so nothing may be spent.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Money {
    /// The money of the installation whose ledger `store` keeps.
    pub fn new(store: Store) -> Self {
        let tenants = Cache::builder().time_to_idle(QUEUE_IDLE).build();
        let sessions = Cache::builder().time_to_idle(QUEUE_IDLE).build();
        Self { store, freed: Notify::new(), tenants, sessions, patience: PATIENCE }
    }

    /// Opens a call in the ledger with the most it can cost, once there is room for that. Nothing is waited for any more
    /// once `gone` returns.
    ///
    /// # Errors
    /// When there is none and will be none soon, or the ledger cannot be written; the call must not be made then.
    pub async fn hold(&self, new: &NewCall, ask: &Ask, gone: impl Future<Output = ()>) -> Result<Granted, NoMoney> {
        let enough = async {
            tokio::select! {
                () = sleep(self.patience) => {}
                () = gone => {}
            }
        };
        let mut enough = std::pin::pin!(enough);
        let (mut blocked, began) = (None, Instant::now());
        let outcome = match self.wait(new, ask, &mut blocked, &mut enough).await {
            Some(outcome) => outcome,
            None => match blocked {
                Some(standing) => Err(NoMoney::Held(standing)),
                // It never came to its turn: the queue itself is what it waited for.
                None => self.try_once(new, ask).await,
            },
        };
        let waited = match &outcome {
            Ok((_, at)) => *at - began,
            Err(_) => began.elapsed(),
        };
        HOLD_WAIT.took([], waited);
        outcome.map(|(granted, _)| Granted { waited, ..granted })
    }

    /// Waits in the queues; `None` when there was `enough` of it. That ends the waiting alone, never a transaction: one
    /// that was written and not heard of would hold its money for ever.
    async fn wait(
        &self,
        new: &NewCall,
        ask: &Ask,
        blocked: &mut Option<Box<Standing>>,
        enough: &mut (impl Future<Output = ()> + Unpin),
    ) -> Option<Result<(Granted, Instant), NoMoney>> {
        let session = self.sessions.get_with(new.call.session, Arc::default);
        let tenant = self.tenants.get_with(new.call.tenant, Arc::default);
        let _before_my_session = unless(enough, session.lock()).await?;
        loop {
            let before_my_tenant = unless(enough, tenant.lock()).await?;
            loop {
                let mut freed = std::pin::pin!(self.freed.notified());
                // Before the look, so that what is given back right after it is not missed.
                freed.as_mut().enable();
                let standing = match self.try_once(new, ask).await {
                    Err(NoMoney::Held(standing)) => standing,
                    outcome => return Some(outcome),
                };
                let is_my_own = matches!(standing.budget.scope, Scope::Session(..));
                *blocked = Some(standing);
                if is_my_own {
                    // The rest of the tenant has nothing to do with it.
                    drop(before_my_tenant);
                    unless(enough, freed).await?;
                    break;
                }
                unless(enough, freed).await?;
            }
        }
    }

    /// Tries once, and answers with the moment at which that began.
    async fn try_once(&self, new: &NewCall, ask: &Ask) -> Result<(Granted, Instant), NoMoney> {
        let began = Instant::now();
        match written("open", self.store.ledger().open(new, ask)).await? {
            Decision::Hold { max_tokens, amount } => {
                Ok((Granted { max_tokens, amount, waited: Duration::ZERO }, began))
            }
            Decision::Refuse(standing) => Err(NoMoney::Spent(standing)),
            Decision::Wait(standing) => Err(NoMoney::Held(standing)),
        }
    }

    /// Gives back what a call will not need of what it holds.
    ///
    /// # Errors
    /// When the store fails: the call holds what it held then.
    pub async fn shrink(&self, call: CallRef, amount: Usd) -> Result<(), StoreError> {
        written("shrink", self.store.ledger().shrink(call, amount)).await?;
        self.freed.notify_waiters();
        Ok(())
    }

    /// Settles a call: its cost takes the place of what it held.
    ///
    /// # Errors
    /// When the store fails: the call stays open then.
    pub async fn settle(&self, call: CallRef, settlement: &Settlement) -> Result<(), StoreError> {
        let crossings = written("settle", self.store.ledger().settle(call, settlement)).await?;
        self.freed.notify_waiters();
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

/// What `future` comes to, unless there is `enough` before.
async fn unless<T>(enough: &mut (impl Future<Output = ()> + Unpin), future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = enough => None,
    }
}
