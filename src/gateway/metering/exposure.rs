//! What a call may cost, given what is known of it: what is held for it at any time, and what an unknown end costs.

use super::bill::Bill;
use crate::domain::{Ask, Usage, Usd};
use crate::gateway::price::PriceTable;

/// The most a call can cost, in the parts that become known one by one.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Exposure {
    /// What the call asked for.
    pub(in crate::gateway) ask: Ask,
    /// What the steps after the first may cost beside their output, in pico-dollars: they read their input again, and search.
    pub(in crate::gateway) later_picos: u128,
    /// How many steps it may take.
    pub(in crate::gateway) steps: u64,
    /// The longest answer that is paid for, in tokens.
    pub(in crate::gateway) max_tokens: u64,
    /// What was held at first.
    pub(in crate::gateway) amount: Usd,
}

impl Exposure {
    /// What a call costs of which `bill` is known: all that was seen at its price, and for what is not known the most that
    /// it can cost. That is never more than what was held at first, unless what was seen is.
    pub(in crate::gateway) fn cost(&self, bill: &Bill, prices: &PriceTable) -> Usd {
        let seen = prices.cost_with(&bill.parts, bill.modifiers);
        if bill.known.is_all() {
            return seen;
        }
        let (mut inputs, mut outputs) = (0_u128, 0_u128);
        for (model, usage) in &bill.parts {
            let input = prices.picos_with(model, &Usage { output_tokens: 0, ..*usage }, bill.modifiers);
            inputs = inputs.saturating_add(input);
            outputs = outputs.saturating_add(prices.picos_with(model, usage, bill.modifiers).saturating_sub(input));
        }
        let input = match (bill.known.input, bill.known.end) {
            (true, true) => inputs,
            (true, false) => inputs.saturating_add(self.later_picos),
            (false, _) => self.ask.input_picos,
        };
        let output = if bill.known.output {
            outputs
        } else {
            u128::from(self.max_tokens).saturating_mul(self.output_picos(bill, prices).into())
        };
        let most = Ask { input_picos: input.saturating_add(output), ..self.ask }.amount(0);
        most.min(self.amount).max(seen)
    }

    /// What a token of output costs at most. It is not the most expensive tier any more once the whole prompt is known.
    fn output_picos(&self, bill: &Bill, prices: &PriceTable) -> u64 {
        match bill.parts.as_slice() {
            [(model, usage)] if bill.known.input && self.steps == 1 => {
                prices.output_picos(model, usage.prompt_tokens(), bill.modifiers)
            }
            _ => self.ask.output_picos,
        }
    }
}
