//! A hold: a call the ledger knows of. Without one no call can be made, and each is settled exactly once.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::ask::Asked;
use super::metering::{Bill, Expected, Exposure};
use super::price::PriceTable;
use super::prices::Prices;
use super::settlement::Unwritten;
use super::traced;
use super::waiting::alive;
use crate::admission::{Granted, Money, NoMoney};
use crate::domain::{CallId, Clock, EstimateReason, Timestamp, Usage, Usd};
use crate::lifecycle::Tasks;
use crate::metrics::catalogue::{OVERRUN_HOLDS, SETTLEMENT_RATIO, UNPRICED_CALLS};
use crate::sandbox::Caller;
use crate::store::{CallRef, NewCall, Settlement};

/// The pause before lowering a hold is tried again.
const SHRINK_PAUSE: Duration = Duration::from_secs(1);

/// Where holds are taken.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) money: Money,
    /// When calls are opened and settled.
    clock: Arc<dyn Clock>,
    /// What they cost.
    prices: Prices,
    /// Where settlements go on that failed.
    pub(super) tasks: Tasks,
}

/// A call that is open in the ledger.
#[must_use = "an open call must be settled"]
#[derive(Debug)]
pub(super) struct Hold {
    books: Arc<Books>,
    call: CallRef,
    /// The model asked for, by its name in the price table.
    model: String,
    exposure: Exposure,
    granted: Granted,
    /// What the call is priced by until it is settled, whatever is loaded meanwhile.
    prices: Arc<PriceTable>,
    /// What it still has to hold.
    held: Usd,
    /// What the store has as held, and when that is to be lowered again if it failed.
    written: Usd,
    retry_at: Option<Instant>,
    settled: bool,
}

impl Books {
    /// Opens the books.
    pub(super) fn new(money: Money, clock: Arc<dyn Clock>, prices: Prices, tasks: Tasks) -> Self {
        Self { money, clock, prices, tasks }
    }

    /// The present moment.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What calls cost.
    pub(super) fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Opens the call that is `asked` for in the ledger at `prices`, once every budget has room for it. Nothing is waited for
    /// any more once `gone` returns.
    ///
    /// # Errors
    /// When no budget will have room soon or the ledger cannot be written: the call must not be made then.
    pub(super) async fn open(
        self: &Arc<Self>,
        caller: &Caller,
        asked: &Asked,
        prices: Arc<PriceTable>,
        gone: impl Future<Output = ()>,
    ) -> Result<Hold, NoMoney> {
        let call =
            CallRef { id: CallId::generate(), tenant: caller.tenant, session: caller.session, turn: caller.turn };
        let model = prices.canonical(&asked.model).unwrap_or(&asked.model).to_owned();
        let new = NewCall { call, model: model.clone(), price_version: prices.version.clone(), at: self.clock.now() };
        let granted = alive(&caller.activity, self.money.hold(&new, &asked.ask, gone)).await?;
        let exposure = Exposure {
            ask: asked.ask,
            later_picos: asked.later_picos,
            steps: asked.steps,
            max_tokens: granted.max_tokens,
            amount: granted.amount,
        };
        let (books, amount) = (Arc::clone(self), granted.amount);
        Ok(Hold {
            books,
            call,
            model,
            exposure,
            granted,
            prices,
            held: amount,
            written: amount,
            retry_at: None,
            settled: false,
        })
    }
}

impl Hold {
    /// The longest answer that is paid for, in tokens, when it is shorter than the one asked for.
    pub(super) fn lowered_max_tokens(&self) -> Option<u64> {
        (self.granted.max_tokens < self.exposure.ask.max_tokens).then_some(self.granted.max_tokens)
    }

    /// The model asked for, by its name in the price table.
    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// What a report of the call can say.
    pub(super) fn expected(&self, asked: &Asked) -> Expected {
        let limits = self.prices.find(&self.model).map(|model| model.limits);
        let max_tokens = match self.granted.max_tokens {
            // A call without a limit is refused, or has the model's own.
            0 => limits.map_or(u64::MAX, |limits| limits.max_output),
            limit => limit,
        };
        Expected { model: self.model.clone(), max_tokens, steps: asked.steps, modifiers: asked.modifiers }
    }

    /// What the call is priced by.
    pub(super) fn prices(&self) -> &Arc<PriceTable> {
        &self.prices
    }

    /// How long others' money was waited for.
    pub(super) fn waited(&self) -> Duration {
        self.granted.waited
    }

    /// Gives back what is not needed, once the provider has reported the input. `bill` is what is known so far; what later
    /// steps of the call may cost stays held.
    pub(super) async fn shrink(&mut self, bill: &Bill) {
        self.held = self.held.min(self.exposure.cost(bill, &self.prices));
        self.write_shrink().await;
    }

    /// Writes a lowered hold, again if that failed a while ago. Cheap when there is nothing to write.
    pub(super) async fn write_shrink(&mut self) {
        if self.held >= self.written || self.retry_at.is_some_and(|retry_at| Instant::now() < retry_at) {
            return;
        }
        match self.books.money.shrink(self.call, self.held).await {
            Ok(()) => (self.written, self.retry_at) = (self.held, None),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                if self.retry_at.is_none() {
                    warn!(error, call = %self.call.id, "hold not lowered: it is retried while the call lasts");
                } else {
                    debug!(error, call = %self.call.id, "hold not lowered again");
                }
                self.retry_at = Some(Instant::now() + SHRINK_PAUSE);
            }
        }
    }

    /// Writes what the call cost. A store that fails loses no bill: writing goes on in the background, and what the call
    /// holds stays held until then.
    pub(super) async fn settle(mut self, bill: Bill) {
        self.settled = true;
        let settlement = self.settlement(bill);
        traced::settled(&settlement);
        self.unwritten(settlement).write().await;
    }

    fn settlement(&self, bill: Bill) -> Settlement {
        let call = self.call.id;
        if let Some(name) = &bill.unpriced {
            UNPRICED_CALLS.one([]);
            warn!(%call, name, model = bill.model, "answer names something without a price");
        }
        let cost = self.exposure.cost(&bill, &self.prices);
        if let Some(reason) = bill.estimated {
            warn!(%call, %reason, %cost, held = %self.held, "call settled by estimate");
        }
        if self.granted.amount > Usd::ZERO {
            SETTLEMENT_RATIO.note([], cost.to_approximate() / self.granted.amount.to_approximate());
        }
        if cost > self.granted.amount {
            OVERRUN_HOLDS.one([]);
            error!(
                %call, %cost, held = %self.granted.amount,
                "call billed above its hold: the price table or the bound of its input is wrong"
            );
        }
        let usage = total(&bill.parts);
        Settlement { model: bill.model, usage, cost, estimated: bill.estimated, at: self.books.clock.now() }
    }

    fn unwritten(&self, settlement: Settlement) -> Unwritten {
        Unwritten { books: Arc::clone(&self.books), call: self.call, settlement }
    }
}

/// A call that is given up without being settled, because what carried it ended, is charged what it holds.
impl Drop for Hold {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        error!(call = ?self.call, held = %self.held, "call given up without being settled: it is charged what it holds");
        if Handle::try_current().is_ok() {
            let bill = Bill { estimated: Some(EstimateReason::Crash), ..Bill::free(&self.model) };
            let cost = self.held;
            let settlement = Settlement { cost, ..self.settlement(bill) };
            self.unwritten(settlement).write_in_background(0, SHRINK_PAUSE);
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
