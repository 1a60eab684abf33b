//! From what a request says to the most it can cost.

use super::body::Contents;
use super::tally::Cached;
use crate::domain::{Ask, Usage, Usd};
use crate::gateway::price::{ModelPrice, PriceTable};
use crate::gateway::price_modifiers::Modifiers;
use crate::gateway::reply::Refusal;

/// The shortest limit of an answer that is still of use to the agent, in tokens.
const MIN_USEFUL_TOKENS: u64 = 4_096;

/// The most that is held for one call, in nano-dollars: no call costs so much, so that a table that says so is wrong.
const MAX_HOLD: Usd = Usd::from_nanos(1_000_000_000_000_000);

/// Bounds of fewer tokens are not worth asking the provider for its count.
const MIN_COUNTED_TOKENS: u64 = 20_000;

/// The most a call can cost, and how that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Bound {
    /// What is held for it.
    pub(in crate::gateway) ask: Ask,
    /// What of the input the steps after the first may cost, with the searches, in pico-dollars.
    pub(in crate::gateway) later_picos: u128,
    /// How many steps there may be.
    pub(in crate::gateway) steps: u64,
}

impl Contents {
    /// Whether the provider is asked to count the input before anything is held: nothing else bounds it.
    pub(in crate::gateway) fn must_be_counted(&self) -> bool {
        self.is_unbounded && self.is_countable
    }

    /// Whether a count of the input can be much below its bound.
    pub(in crate::gateway) fn may_be_counted(&self) -> bool {
        self.is_countable && (self.is_unbounded || self.input_tokens >= MIN_COUNTED_TOKENS)
    }

    /// The most the call of `model` can cost; its input is no more than what the provider `counted`, if it did.
    ///
    /// # Errors
    /// When that is more than any call costs.
    pub(in crate::gateway) fn ask(
        &self,
        model: &ModelPrice,
        counted: Option<u64>,
        prices: &PriceTable,
    ) -> Result<Bound, Refusal> {
        let context = model.limits.context;
        let bound = if self.is_unbounded { context } else { self.input_tokens.min(context) };
        let input = counted.map_or(bound, |counted| bound.min(with_margin(counted)));
        // What is found is read by the model again, with all that was found before.
        let later_input = if self.searches > 0 { context } else { input };
        let later_steps = self.searches + u64::from(self.compacts);
        let cost = |usage: &Usage| prices.picos_with(&model.id, usage, Modifiers::default());
        let searched = Usage { web_search_requests: self.searches, ..Usage::default() };
        let later_picos =
            cost(&self.usage(later_input)).saturating_mul(later_steps.into()).saturating_add(cost(&searched));
        let prompt = if later_steps > 0 { later_input.max(input) } else { input };
        let output_picos = prices.output_picos(&model.id, prompt, Modifiers::default());
        let max_tokens = self.max_tokens.min(model.limits.max_output);
        let ask = Ask {
            input_picos: cost(&self.usage(input)).saturating_add(later_picos),
            output_picos: output_picos.saturating_mul(1 + later_steps),
            max_tokens,
            least_tokens: MIN_USEFUL_TOKENS.max(self.thinking_tokens.saturating_add(1)).min(max_tokens),
        };
        if ask.amount(max_tokens) > MAX_HOLD {
            return Err(Refusal::not_accepted(format_args!(
                "the call could cost more than ${MAX_HOLD}: lower `max_tokens` or `max_uses`"
            )));
        }
        Ok(Bound { ask, later_picos, steps: 1 + later_steps })
    }

    /// So many tokens of input, in the most expensive class the request asks for.
    fn usage(&self, tokens: u64) -> Usage {
        match self.cached {
            Cached::Never => Usage { input_tokens: tokens, ..Usage::default() },
            Cached::Minutes => Usage { cache_write_5m_tokens: tokens, ..Usage::default() },
            Cached::Hour => Usage { cache_write_1h_tokens: tokens, ..Usage::default() },
        }
    }
}

/// The provider's count is an estimate of its own.
fn with_margin(counted: u64) -> u64 {
    counted.saturating_add(counted.div_ceil(20)).saturating_add(1_000)
}
