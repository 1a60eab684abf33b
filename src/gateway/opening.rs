//! Opens a call in the ledger with a bound that is as low as it has to be.
//!
//! The bound by bytes costs nothing to find, and is about four times the truth. Where it leaves no room for the whole answer,
//! or says nothing because of a document, the provider is asked for its own count first, which is free and takes a moment.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;

use super::ask::Asked;
use super::forward::Outgoing;
use super::hold::Hold;
use super::price::PriceTable;
use super::request;
use super::server::Shared;
use crate::admission::NoMoney;
use crate::domain::Ask;
use crate::sandbox::Caller;

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
    if !asked.contents.must_be_counted() {
        let usual = asked.ask;
        // The whole answer, at once, or not at all.
        asked.ask = Ask { least_tokens: usual.max_tokens, ..usual };
        let opened = books.open(caller, asked, Arc::clone(&prices), ready(())).await;
        asked.ask = usual;
        if !matches!(opened, Err(NoMoney::Spent(_) | NoMoney::Held(_))) {
            return opened;
        }
    }
    let mut gone = pin!(gone);
    let counted = tokio::select! {
        counted = request::count(&gateway.upstream, outgoing) => counted,
        () = &mut gone => return books.open(caller, asked, prices, ready(())).await,
    };
    if let Some(tokens) = counted {
        asked.bound_by(tokens, &prices);
    }
    books.open(caller, asked, prices, gone).await
}
