//! A hold: a call the ledger knows of. Without one no call can be made, and each is settled exactly once.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, error, warn};

use super::meter::Bill;
use super::price::PriceTable;
use super::prices::Prices;
use super::traced;
use super::waiting::alive;
use crate::admission::{Granted, Money, NoMoney};
use crate::domain::{Ask, CallId, Clock, EstimateReason, Timestamp, Usage, Usd};
use crate::metrics::catalogue::{OVERRUN_HOLDS, SETTLEMENT_RATIO, UNPRICED_CALLS};
use crate::sandbox::Caller;
use crate::store::{CallRef, NewCall, Settlement, StoreError};

/// How often settling is tried; each pause between two tries is twice the one before.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Where holds are taken.
#[derive(Debug)]
pub(super) struct Books {
    money: Money,
    /// When calls are opened and settled.
    clock: Arc<dyn Clock>,
    /// What they cost.
    prices: Prices,
}

/// A call that is open in the ledger.
#[must_use = "an open call must be settled"]
#[derive(Debug)]
pub(super) struct Hold {
    books: Arc<Books>,
    call: CallRef,
    ask: Ask,
    granted: Granted,
    /// What the call is priced by until it is settled, whatever is loaded meanwhile.
    prices: Arc<PriceTable>,
    settled: bool,
}

impl Books {
    /// Opens the books.
    pub(super) fn new(money: Money, clock: Arc<dyn Clock>, prices: Prices) -> Self {
        Self { money, clock, prices }
    }

    /// The present moment.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What calls cost.
    pub(super) fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Opens a call to `model` in the ledger, which asks for what `ask` says at `prices`, once every budget has room for
    /// it. Nothing is waited for any more once `gone` returns.
    ///
    /// # Errors
    /// When no budget will have room soon or the ledger cannot be written: the call must not be made then.
    pub(super) async fn open(
        self: &Arc<Self>,
        caller: &Caller,
        model: &str,
        ask: Ask,
        prices: Arc<PriceTable>,
        gone: impl Future<Output = ()>,
    ) -> Result<Hold, NoMoney> {
        let call =
            CallRef { id: CallId::generate(), tenant: caller.tenant, session: caller.session, turn: caller.turn };
        let new =
            NewCall { call, model: model.to_owned(), price_version: prices.version.clone(), at: self.clock.now() };
        let granted = alive(&caller.activity, self.money.hold(&new, &ask, gone)).await?;
        Ok(Hold { books: Arc::clone(self), call, ask, granted, prices, settled: false })
    }
}

impl Hold {
    /// The longest answer that is paid for, in tokens, when it is shorter than the one asked for.
    pub(super) fn lowered_max_tokens(&self) -> Option<u64> {
        (self.granted.max_tokens < self.ask.max_tokens).then_some(self.granted.max_tokens)
    }

    /// What the call is priced by.
    pub(super) fn prices(&self) -> &PriceTable {
        &self.prices
    }

    /// How long others' money was waited for.
    pub(super) fn waited(&self) -> Duration {
        self.granted.waited
    }

    /// Gives back what is not needed, once the provider has told the input. `input` is what was used so far.
    pub(super) async fn shrink(&self, input: &[(String, Usage)]) {
        let output = Ask { input_picos: 0, ..self.ask }.amount(self.granted.max_tokens);
        let amount = self.prices.cost(input) + output;
        if amount < self.granted.amount
            && let Err(error) = self.books.money.shrink(self.call, amount).await
        {
            warn!(error = &error as &dyn std::error::Error, call = %self.call.id, "a hold could not be lowered");
        }
    }

    /// Writes what the call cost. A store that fails for long does not lose it: it is in the log, to be written by hand,
    /// and what the call holds stays held.
    pub(super) async fn settle(mut self, bill: Bill) {
        self.settled = true;
        let prices = &self.prices;
        let unpriced = bill.parts.iter().map(|(model, _)| model).find(|model| !prices.knows(model));
        if let Some(model) = unpriced {
            UNPRICED_CALLS.one([]);
            warn!(call = %self.call.id, model, "a model without a price answered; the call is charged the dearest prices");
        }
        let settlement = Settlement {
            cost: prices.cost(&bill.parts),
            usage: total(&bill.parts),
            model: bill.model,
            estimated: (!bill.exact).then_some(EstimateReason::Cut),
            at: self.books.clock.now(),
        };
        if self.granted.amount > Usd::ZERO {
            SETTLEMENT_RATIO.note([], settlement.cost.to_approximate() / self.granted.amount.to_approximate());
        }
        traced::settled(&settlement);
        if settlement.cost > self.granted.amount {
            OVERRUN_HOLDS.one([]);
            error!(
                call = %self.call.id, cost = %settlement.cost, held = %self.granted.amount,
                "a call cost more than was held for it: the price table or the bound of its input is wrong"
            );
        }
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
            match self.books.money.settle(self.call, settlement).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    debug!(error = &error as &dyn std::error::Error, call = %self.call.id, "settling is tried again");
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.books.money.settle(self.call, settlement).await
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
