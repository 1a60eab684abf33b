//! A case: an answer, and what it is charged.

use std::sync::Arc;

use crate::domain::{Ask, EstimateReason, Usd};
use crate::gateway::metering::{Bill, Expected, Exposure, Meter};
use crate::gateway::price::PriceTable;
use crate::gateway::price_file;
use crate::gateway::price_modifiers::Modifiers;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// The model that is asked for: 4 dollars for a million tokens of input, 20 for output.
pub(super) const MODEL: &str = "claude-opus-5-5";

/// The longest answer that is asked for, in tokens.
pub(super) const MAX_TOKENS: u64 = 1_000;

/// What the input can cost at most, and what the output, in nano-dollars.
pub(super) const INPUT: i64 = 10_000_000;
pub(super) const OUTPUT: i64 = 20_000_000;

/// What 1000 tokens of input cost, and 50 of output.
pub(super) const KNOWN_INPUT: i64 = 4_000_000;
pub(super) const KNOWN_OUTPUT: i64 = 1_000_000;

/// What a whole answer of the tests costs.
pub(super) const WHOLE: i64 = KNOWN_INPUT + KNOWN_OUTPUT;

/// What is held once the input is known.
pub(super) const HELD: i64 = KNOWN_INPUT + OUTPUT;

/// An answer, and what it is charged.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: Vec<u8>,
    /// Why it did not come to its end.
    pub(super) broken: Option<EstimateReason>,
    pub(super) cost: i64,
    pub(super) estimated: Option<EstimateReason>,
    pub(super) model: &'static str,
}

impl Case {
    /// A stream that is charged `cost`, exactly.
    pub(super) fn stream(name: &'static str, events: &[String], cost: i64) -> Self {
        let headers = vec![("content-type", "text/event-stream; charset=utf-8")];
        let body = events.concat().into_bytes();
        Self { name, status: 200, headers, body, broken: None, cost, estimated: None, model: MODEL }
    }

    /// A document that is charged `cost`, exactly.
    pub(super) fn document(name: &'static str, status: u16, body: impl Into<Vec<u8>>, cost: i64) -> Self {
        let headers = vec![("content-type", "application/json")];
        Self { status, headers, body: body.into(), ..Self::stream(name, &[], cost) }
    }

    /// It is an estimate.
    pub(super) fn because(self, reason: EstimateReason) -> Self {
        Self { estimated: Some(reason), ..self }
    }

    /// It is charged as this model's.
    pub(super) fn of_model(self, model: &'static str) -> Self {
        Self { model, ..self }
    }

    /// It broke off.
    pub(super) fn broken(self, reason: EstimateReason) -> Self {
        Self { broken: Some(reason), ..self }
    }

    /// It has these headers instead.
    pub(super) fn with_headers(self, headers: &[(&'static str, &'static str)]) -> Self {
        Self { headers: headers.to_vec(), ..self }
    }

    /// Checks it, in pieces of several lengths.
    pub(super) fn check(&self) {
        for piece in [4_096, 1, 3, usize::MAX] {
            let mut meter = meter();
            meter.begin(StatusCode::from_u16(self.status).unwrap(), &headers(&self.headers));
            for piece in self.body.chunks(piece.min(self.body.len().max(1))) {
                if meter.is_over() {
                    break;
                }
                meter.read(piece);
            }
            let bill = meter.finish(self.broken);
            let shown = (cost(&bill).as_nanos(), bill.estimated, bill.model.as_str());
            assert_eq!(shown, (self.cost, self.estimated, self.model), "{} in pieces of {piece}: {bill:?}", self.name);
            if self.body.len() > 100_000 {
                break;
            }
        }
    }
}

pub(super) fn prices() -> Arc<PriceTable> {
    Arc::new(price_file::built_in().unwrap())
}

pub(super) fn meter() -> Meter {
    let modifiers = Modifiers::default();
    let expected = Expected { model: MODEL.to_owned(), max_tokens: MAX_TOKENS, steps: 1, modifiers };
    Meter::new(expected, prices())
}

pub(super) fn exposure() -> Exposure {
    let ask = Ask {
        input_picos: u128::from(INPUT.unsigned_abs()) * 1_000,
        output_picos: 20_000_000,
        max_tokens: MAX_TOKENS,
        least_tokens: MAX_TOKENS,
    };
    Exposure { ask, later_picos: 0, steps: 1, max_tokens: MAX_TOKENS, amount: Usd::from_nanos(INPUT + OUTPUT) }
}

pub(super) fn cost(bill: &Bill) -> Usd {
    exposure().cost(bill, &prices())
}

pub(super) fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    pairs.collect()
}
