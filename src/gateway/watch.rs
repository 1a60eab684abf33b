//! Watches one call of the model for the metrics: how long each part of it takes, and how it ends.

use http::StatusCode;
use tokio::time::Instant;

use super::metering::Bill;
use super::patience::GaveUp;
use super::price::PriceTable;
use crate::metrics::Raised;
use crate::metrics::catalogue::{
    GATEWAY_CALLS, GATEWAY_DURATION, GATEWAY_FIRST_TOKEN, GATEWAY_IN_FLIGHT, UPSTREAM_ERRORS,
};

/// A call that is under way at the model API.
#[derive(Debug)]
pub(super) struct Watch {
    sent_at: Instant,
    /// The model asked for, as a label.
    model: String,
    status: Option<StatusCode>,
    has_begun: bool,
    _under_way: Raised,
}

impl Watch {
    /// A call to `model` goes out now.
    pub(super) fn new(model: &str, prices: &PriceTable) -> Self {
        let model = label(model, prices).to_owned();
        Self {
            sent_at: Instant::now(),
            model,
            status: None,
            has_begun: false,
            _under_way: GATEWAY_IN_FLIGHT.raised([]),
        }
    }

    /// The head of the answer is there.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
        let kind = match status.as_u16() {
            429 => "rate_limited",
            529 => "overloaded",
            500.. => "server_error",
            400.. => "client_error",
            _ => return,
        };
        UPSTREAM_ERRORS.one([kind]);
    }

    /// A piece of the answer is there.
    pub(super) fn piece(&mut self) {
        if !self.has_begun && self.status.is_some_and(|status| status.is_success()) {
            GATEWAY_FIRST_TOKEN.took([&self.model], self.sent_at.elapsed());
        }
        self.has_begun = true;
    }

    /// It is over, and is to be charged `bill`.
    pub(super) fn over(self, bill: &Bill, prices: &PriceTable) {
        let status = match self.status {
            None => "none",
            Some(status) => match status.as_u16() / 100 {
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                _ => "5xx",
            },
        };
        let usage = match bill {
            Bill { parts, .. } if parts.is_empty() => "none",
            Bill { estimated: None, .. } => "exact",
            Bill { .. } => "estimated",
        };
        let model = if prices.knows(&bill.model) { label(&bill.model, prices) } else { &self.model };
        GATEWAY_CALLS.one([model, status, usage]);
        GATEWAY_DURATION.took([model], self.sent_at.elapsed());
    }
}

/// A call could not be sent, or broke off.
pub(super) fn note_failure(error: &reqwest::Error) {
    UPSTREAM_ERRORS.one([if error.is_connect() { "connect" } else { "cut" }]);
}

/// A call was given up: the model API's doing only when it was silent.
pub(super) fn note_given_up(reason: GaveUp) {
    if reason == GaveUp::Silent {
        UPSTREAM_ERRORS.one(["timeout"]);
    }
}

/// A model as a label: only what has a price is one, or whoever calls could make as many series as it likes.
fn label<'a>(model: &str, prices: &'a PriceTable) -> &'a str {
    prices.canonical(model).unwrap_or("other")
}
