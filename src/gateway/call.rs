//! One call of the model, from the hold to the settlement: a task of its own, which outlives a caller that leaves.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::ask::{self, Asked};
use super::client::Client;
use super::forward::Outgoing;
use super::metering::{Bill, Meter};
use super::opening;
use super::patience::{GaveUp, Patience};
use super::price::PriceTable;
use super::relay::{Relay, UnderWay};
use super::reply::Refusal;
use super::server::Shared;
use super::traced;
use super::watch::{self, Watch};
use crate::admission::NoMoney;
use crate::domain::{EstimateReason, Timestamp};
use crate::metrics::catalogue::GATEWAY_OVERHEAD;
use crate::sandbox::Caller;

/// A call to be made.
pub(super) struct Call {
    /// What calls are made with.
    pub(super) gateway: Arc<Shared>,
    /// Who pays.
    pub(super) caller: Caller,
    /// What is asked for, which has a price.
    pub(super) asked: Asked,
    /// What it is priced by, from its opening to its settlement.
    pub(super) prices: Arc<PriceTable>,
    /// What is sent.
    pub(super) outgoing: Outgoing,
    /// Who waits for the answer.
    pub(super) client: Client,
    /// When it was read.
    pub(super) taken_at: Instant,
}

impl Call {
    /// Makes the call, and settles it.
    pub(super) async fn run(self) {
        let Self { gateway, caller, mut asked, prices, mut outgoing, client, taken_at } = self;
        let limits = gateway.limits.clone();
        let patience = Patience::new(limits.clone(), caller.tenant);
        let mut relay = Relay { client, patience, activity: caller.activity.clone(), limits };
        let opened = opening::open(&gateway, &caller, &mut asked, &outgoing, prices, relay.left()).await;
        let hold = match opened {
            Ok(hold) => hold,
            Err(refused) => {
                let refusal = refusal(&refused, &caller, gateway.books.now());
                return relay.refuse(refusal.counted(caller.tenant));
            }
        };
        if relay.left().now_or_never().is_some() {
            let bill = Bill::free(hold.model());
            return hold.settle(bill).await;
        }
        GATEWAY_OVERHEAD.took([], taken_at.elapsed().saturating_sub(hold.waited()));
        if let Some(max_tokens) = hold.lowered_max_tokens() {
            outgoing.body = ask::with_max_tokens(&outgoing.body, max_tokens);
        }
        let meter = Meter::new(hold.expected(&asked), Arc::clone(hold.prices()));
        let watch = Watch::new(&asked.model, hold.prices());
        let mut call = UnderWay { hold, meter, watch };
        let answer = gateway.upstream.call(outgoing, &call.hold);
        match relay.patience.wait(&mut relay.client, relay.limits.response, answer).await {
            Ok(Ok(answer)) => relay.carry(answer, call).await,
            Ok(Err(error)) => {
                warn!(error = &error as &dyn std::error::Error, "model call failed");
                let refusal = if error.is_connect() { Refusal::unreachable() } else { Refusal::broken() };
                watch::note_failure(&error);
                // Once a connection is there, nobody knows how much of the request the model API received.
                let bill = if error.is_connect() {
                    Bill::free(call.hold.model())
                } else {
                    call.meter.finish(Some(EstimateReason::Cut))
                };
                call.settle(bill).await;
                relay.refuse(refusal);
            }
            Err(reason) => {
                traced::gave_up(reason);
                warn!(?reason, "model call given up before its answer began");
                watch::note_given_up(reason);
                let bill = call.meter.finish(Some(reason.estimate(false)));
                call.settle(bill).await;
                let late = Refusal::no_answer(relay.limits.response);
                relay.refuse(if reason == GaveUp::Silent { late } else { Refusal::ended() });
            }
        }
    }
}

/// What a call without money is told.
fn refusal(refused: &NoMoney, caller: &Caller, now: Timestamp) -> Refusal {
    match refused {
        NoMoney::Spent(standing) => {
            info!(budget = %standing.budget.id, "model call refused: the budget is spent");
            caller.activity.out_of_money();
            Refusal::spent(standing, now)
        }
        NoMoney::Held(standing) => Refusal::held(standing),
        NoMoney::Excessive(amount) => Refusal::excessive(*amount),
        NoMoney::Store(error) => {
            error!(error = error as &dyn std::error::Error, "a call cannot be opened");
            Refusal::no_ledger()
        }
    }
}
