//! A hold: a call the ledger knows of. Without one no call can be made, and each is settled exactly once.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, error, warn};

use super::meter::Bill;
use super::price::PriceTable;
use crate::domain::{CallId, Clock, Usage, Usd};
use crate::sandbox::Caller;
use crate::store::{OpenCall, Settlement, Store, StoreError};

/// How often settling is tried; each pause between two tries is twice the one before.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Where holds are taken.
#[derive(Debug)]
pub(super) struct Books {
    /// Where the ledger is kept.
    store: Store,
    /// When calls are opened and settled.
    clock: Arc<dyn Clock>,
    /// What they cost.
    prices: PriceTable,
}

/// A call that is open in the ledger.
#[must_use = "an open call must be settled"]
#[derive(Debug)]
pub(super) struct Hold {
    books: Arc<Books>,
    call: OpenCall,
    settled: bool,
}

impl Books {
    /// Opens the books.
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>, prices: PriceTable) -> Self {
        Self { store, clock, prices }
    }

    /// What calls cost.
    pub(super) fn prices(&self) -> &PriceTable {
        &self.prices
    }

    /// Opens a call to `model` in the ledger, which can cost `held` at most. When that fails the call must not be made.
    pub(super) async fn open(self: &Arc<Self>, caller: &Caller, model: &str, held: Usd) -> Result<Hold, StoreError> {
        let call = OpenCall {
            id: CallId::generate(),
            tenant: caller.tenant,
            session: caller.session,
            turn: caller.turn,
            model: model.to_owned(),
            price_version: self.prices.version.clone(),
            held,
            at: self.clock.now(),
        };
        self.store.ledger().open(&call).await?;
        Ok(Hold { books: Arc::clone(self), call, settled: false })
    }
}

impl Hold {
    /// Writes what the call cost. A store that fails for long does not lose it: it is in the log, to be written by hand.
    pub(super) async fn settle(mut self, bill: Bill) {
        self.settled = true;
        let prices = &self.books.prices;
        let unpriced = bill.parts.iter().map(|(model, _)| model).find(|model| !prices.knows(model));
        if let Some(model) = unpriced {
            warn!(call = %self.call.id, model, "a model without a price answered; the call is charged the dearest prices");
        }
        let settlement = Settlement {
            cost: prices.cost(&bill.parts),
            usage: total(&bill.parts),
            model: bill.model,
            exact: bill.exact,
            at: self.books.clock.now(),
        };
        match self.write(&settlement).await {
            Ok(()) => {
                debug!(call = %self.call.id, model = settlement.model, cost = %settlement.cost, "a call is settled");
            }
            Err(error) => error!(
                error = &error as &dyn std::error::Error,
                call = ?self.call,
                settlement = ?settlement,
                "a call could not be settled: it stays open in the ledger until it is corrected by hand"
            ),
        }
    }

    async fn write(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match self.books.store.ledger().settle(&self.call, settlement).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, call = %self.call.id, "settling is tried again");
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.books.store.ledger().settle(&self.call, settlement).await
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.settled {
            error!(call = ?self.call, "a call was given up without being settled: it stays open in the ledger");
        }
    }
}

fn total(parts: &[(String, Usage)]) -> Usage {
    let mut total = Usage::default();
    for (_, usage) in parts {
        total += *usage;
    }
    total
}
