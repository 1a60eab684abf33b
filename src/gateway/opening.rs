//! Opens a call in the ledger with a bound that is as low as it has to be.
//!
//! The bound by bytes costs nothing to find, and is about four times the truth. Where a budget has no room for it, or it says
//! nothing because of a document, the provider is asked for its own count, which is free and takes a moment.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;

use super::ask::Asked;
use super::forward::Outgoing;
use super::hold::Hold;
use super::price::PriceTable;
use super::request;
use super::server::Shared;
use crate::admission::NoMoney;
use crate::domain::{Ask, Usd};
use crate::sandbox::Caller;

/// Bytes of text that one token never has more of on average: a count cannot be lower than the bound divided by this.
const MAX_BYTES_PER_TOKEN: u128 = 8;

/// Opens the call that is `asked` for, once every budget has room for it. Nothing is waited for any more once `gone` returns.
///
/// # Errors
/// When no budget will have room soon or the ledger cannot be written: the call must not be made then.
pub(super) async fn open(
    gateway: &Shared,
    caller: &Caller,
    asked: &mut Asked,
    outgoing: &Outgoing,
    prices: Arc<PriceTable>,
    gone: impl Future<Output = ()>,
) -> Result<Hold, NoMoney> {
    let books = &gateway.books;
    if !asked.contents.may_be_counted() {
        return books.open(caller, asked, prices, gone).await;
    }
    // It is asked again after it has come.
    let mut gone = pin!(gone.fuse());
    if !asked.contents.must_be_counted() {
        match books.open(caller, asked, Arc::clone(&prices), &mut gone).await {
            Err(NoMoney::Spent(standing)) if may_fit(&asked.ask, asked.later_picos, standing.unspent()) => {}
            Err(NoMoney::Held(standing)) if may_fit(&asked.ask, asked.later_picos, standing.unspent()) => {}
            opened => return opened,
        }
    }
    let counted = tokio::select! {
        counted = request::count(&gateway.upstream, outgoing) => counted,
        () = &mut gone => return books.open(caller, asked, prices, ready(())).await,
    };
    if let Some(tokens) = counted {
        asked.bound_by(tokens, &prices);
    }
    books.open(caller, asked, prices, gone).await
}

/// Whether the call could fit into `unspent` money with the lowest count there may be.
fn may_fit(ask: &Ask, later_picos: u128, unspent: Usd) -> bool {
    let first_picos = ask.input_picos.saturating_sub(later_picos) / MAX_BYTES_PER_TOKEN;
    let lowest = Ask { input_picos: first_picos.saturating_add(later_picos), ..*ask };
    lowest.amount(ask.least_tokens) <= unspent
}
