//! Prices, and what a usage costs at them: whole pico-dollars per token, so that no sum loses anything.

use std::collections::HashMap;

use super::price_modifiers::{Modifiers, Speed};
use crate::domain::{Timestamp, Usage, Usd};

/// Pico-dollars in a nano-dollar.
const PICOS_PER_NANO: u128 = 1_000;

/// What one token costs, in pico-dollars, by class. No class follows from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Price {
    /// Input that the cache has no part in.
    pub(super) input: u64,
    /// Output, thinking included.
    pub(super) output: u64,
    /// Input written to the cache for five minutes.
    pub(super) cache_write_5m: u64,
    /// Input written to the cache for an hour.
    pub(super) cache_write_1h: u64,
    /// Input read from the cache.
    pub(super) cache_read: u64,
}

/// A price for calls whose prompt is longer than a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tier {
    /// The longest prompt that is still too short for this tier.
    pub(super) above_prompt_tokens: u64,
    /// What its tokens cost.
    pub(super) price: Price,
}

/// What a model costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModelPrice {
    /// The model's name.
    pub(super) id: String,
    /// Its other names.
    pub(super) aliases: Vec<String>,
    /// The model's tiers by rising bound; the first has the bound 0.
    pub(super) tiers: Vec<Tier>,
    /// What its tokens cost in fast mode; `None` for a model that has none.
    pub(super) fast: Option<Price>,
    /// What bounds a call to it.
    pub(super) limits: ModelLimits,
}

/// What bounds the tokens of a call to a model, whatever the call says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ModelLimits {
    /// The most tokens of input that one step of a call can have.
    pub(super) context: u64,
    /// The longest answer, in tokens.
    pub(super) max_output: u64,
    /// The most tokens one image costs.
    pub(super) max_image: u64,
}

/// What every model costs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PriceTable {
    /// The table's name, kept with every call that was priced by it.
    pub(super) version: String,
    /// From when on these prices hold.
    pub(super) effective: Timestamp,
    /// What one web search costs, in pico-dollars.
    pub(super) web_search: u64,
    /// The factor on the price of tokens served from the US alone, in millionths.
    pub(super) us_geo: u64,
    /// The models, in the order of the file.
    pub(super) models: Vec<ModelPrice>,
    /// Where in `models` each id and each alias is.
    pub(super) names: HashMap<String, usize>,
}

impl Price {
    fn cost(&self, usage: &Usage) -> u128 {
        [
            (usage.input_tokens, self.input),
            (usage.output_tokens, self.output),
            (usage.cache_write_5m_tokens, self.cache_write_5m),
            (usage.cache_write_1h_tokens, self.cache_write_1h),
            (usage.cache_read_tokens, self.cache_read),
        ]
        .into_iter()
        .map(|(tokens, price)| u128::from(tokens) * u128::from(price))
        .fold(0, u128::saturating_add)
    }

    /// The dearer of two prices, class by class.
    pub(super) fn dearer(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cache_write_5m: self.cache_write_5m.max(other.cache_write_5m),
            cache_write_1h: self.cache_write_1h.max(other.cache_write_1h),
            cache_read: self.cache_read.max(other.cache_read),
        }
    }
}

impl ModelPrice {
    /// What its tokens cost after a prompt of `prompt_tokens`.
    pub(super) fn at(&self, prompt_tokens: u64) -> Price {
        let reached = self.tiers.iter().rev().find(|tier| tier.above_prompt_tokens < prompt_tokens);
        reached.unwrap_or(&self.tiers[0]).price
    }

    /// What its tokens cost at `speed` after a prompt of `prompt_tokens`.
    pub(super) fn at_speed(&self, prompt_tokens: u64, speed: Speed) -> Price {
        let standard = self.at(prompt_tokens);
        match speed {
            Speed::Standard => standard,
            Speed::Fast => self.fast.unwrap_or_else(|| standard.unlisted_fast()),
        }
    }
}

impl PriceTable {
    /// Whether calls to `model` can be priced.
    pub(super) fn knows(&self, model: &str) -> bool {
        self.find(model).is_some()
    }

    /// The one name under which the ledger, metrics and limits know a model, whatever alias, date or mark it is called by;
    /// `None` when it has no price.
    pub(super) fn canonical(&self, model: &str) -> Option<&str> {
        self.find(model).map(|found| found.id.as_str())
    }

    /// What a call costs whose usage is given in parts by model. It is rounded up once, to a whole nano-dollar. A model
    /// that is not in the table costs the dearest of every class.
    pub(super) fn cost_with<'a>(
        &self,
        parts: impl IntoIterator<Item = &'a (String, Usage)>,
        modifiers: Modifiers,
    ) -> Usd {
        let picos = parts.into_iter().map(|(model, usage)| self.picos_with(model, usage, modifiers));
        Usd::from_nanos(nanos(picos.fold(0, u128::saturating_add)))
    }

    /// What one part of a call costs with these modifiers, in pico-dollars.
    pub(super) fn picos_with(&self, model: &str, usage: &Usage, modifiers: Modifiers) -> u128 {
        let tokens = self.price(model, usage.prompt_tokens(), modifiers.speed).cost(usage);
        let searches = u128::from(usage.web_search_requests) * u128::from(self.web_search);
        self.in_region(tokens, modifiers.region).saturating_add(searches)
    }

    /// What one token of output costs after a prompt of `prompt_tokens` with these modifiers, in pico-dollars.
    pub(super) fn output_picos(&self, model: &str, prompt_tokens: u64, modifiers: Modifiers) -> u64 {
        let output = self.price(model, prompt_tokens, modifiers.speed).output;
        u64::try_from(self.in_region(output.into(), modifiers.region)).unwrap_or(u64::MAX)
    }

    fn price(&self, model: &str, prompt_tokens: u64, speed: Speed) -> Price {
        match (self.find(model), speed) {
            (Some(found), speed) => found.at_speed(prompt_tokens, speed),
            (None, Speed::Standard) => self.ceiling(),
            (None, Speed::Fast) => self.ceiling().unlisted_fast(),
        }
    }

    /// The model by one of its names, which may carry a date and the mark of the long context window.
    pub(super) fn find(&self, model: &str) -> Option<&ModelPrice> {
        self.names.get(model).or_else(|| self.names.get(plain_name(model))).map(|at| &self.models[*at])
    }

    fn ceiling(&self) -> Price {
        let nothing = Price { input: 0, output: 0, cache_write_5m: 0, cache_write_1h: 0, cache_read: 0 };
        let tiers = self.models.iter().flat_map(|model| &model.tiers);
        tiers.map(|tier| tier.price).fold(nothing, Price::dearer)
    }
}

/// Pico-dollars as whole nano-dollars, rounded up; the most there are for amounts beyond.
fn nanos(picos: u128) -> i64 {
    i64::try_from(picos.div_ceil(PICOS_PER_NANO)).unwrap_or(i64::MAX)
}

/// A model's name without the mark of the long context window and without the date of its release.
fn plain_name(model: &str) -> &str {
    let model = model.strip_suffix("[1m]").unwrap_or(model);
    match model.rsplit_once('-') {
        Some((name, date)) if date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::price_file;

    fn table() -> PriceTable {
        price_file::built_in().unwrap()
    }

    fn nanos(model: &str, usage: Usage) -> i64 {
        table().cost_with(&[(model.to_owned(), usage)], Modifiers::default()).as_nanos()
    }

    #[test]
    fn every_class_of_tokens_has_its_own_price() {
        let usage = Usage {
            input_tokens: 1_000,
            output_tokens: 50,
            cache_read_tokens: 3_000,
            cache_write_5m_tokens: 2_000,
            cache_write_1h_tokens: 700,
            web_search_requests: 3,
        };
        let searches = 30_000_000;
        assert_eq!(
            nanos("claude-opus-4-8", usage),
            5_000_000 + 1_250_000 + 1_500_000 + 12_500_000 + 7_000_000 + searches
        );
        assert_eq!(
            nanos("claude-opus-5-5", usage),
            4_000_000 + 1_000_000 + 600_000 + 10_000_000 + 5_600_000 + searches
        );
        assert_eq!(nanos("claude-sonnet-5-5", usage), 2_000_000 + 500_000 + 300_000 + 5_000_000 + 2_800_000 + searches);
        assert_eq!(
            nanos("claude-fable-5-1", usage),
            10_000_000 + 2_500_000 + 750_000 + 25_000_000 + 14_000_000 + searches
        );
        assert_eq!(nanos("claude-haiku-5-5", usage), 100_000 + 25_000 + 30_000 + 250_000 + 140_000 + searches);
    }

    #[test]
    fn a_tier_counts_the_whole_prompt_and_applies_to_the_whole_call() {
        let short = Usage {
            input_tokens: 10_000,
            cache_read_tokens: 60_000,
            cache_write_5m_tokens: 20_000,
            cache_write_1h_tokens: 10_000,
            output_tokens: 1_000,
            web_search_requests: 0,
        };
        assert_eq!(nanos("claude-haiku-5-5", short), 1_000_000 + 600_000 + 2_500_000 + 2_000_000 + 500_000);
        let long = Usage { input_tokens: 10_001, ..short };
        assert_eq!(nanos("claude-haiku-5-5", long), 5_000_500 + 3_000_000 + 12_500_000 + 10_000_000 + 2_500_000);
    }

    #[test]
    fn a_call_is_rounded_up_once() {
        let one_read = Usage { cache_read_tokens: 1, ..Usage::default() };
        assert_eq!(nanos("claude-haiku-4-5", one_read), 100);
        let tiny = "version = '1'\neffective = '2026-01-01T00:00:00Z'\nweb_search_per_1k = '10'\n[[model]]\nid = 'm'\n\
            [[model.tier]]\ninput = '0.0003'\noutput = '0.0003'\ncache_read = '0.0003'\ncache_write_5m = '0.0003'\n\
            cache_write_1h = '0.0003'";
        let table = price_file::parse(tiny).unwrap();
        let part = ("m".to_owned(), one_read);
        let cost = |parts: &[(String, Usage)]| table.cost_with(parts, Modifiers::default()).as_nanos();
        assert_eq!(cost(std::slice::from_ref(&part)), 1);
        assert_eq!(cost(&[part.clone(), part.clone(), part.clone()]), 1);
        assert_eq!(cost(&[part.clone(), part.clone(), part.clone(), part]), 2);
    }

    #[test]
    fn a_name_may_carry_a_date_and_the_long_context_mark() {
        let table = table();
        for known in [
            "claude-haiku-4-5",
            "claude-haiku-4-5-20251001",
            "claude-opus-4-5-20251101[1m]",
            "claude-opus-5-5[1m]",
            "claude-mythos-5-2",
        ] {
            assert!(table.knows(known), "{known} has no price");
        }
        for unknown in
            ["", "claude-opus-4-20250514", "claude-opus", "claude-opus-5-5-2026", "gpt-5", "[1m]", "-20250101"]
        {
            assert!(!table.knows(unknown), "{unknown} has a price");
        }
    }

    #[test]
    fn an_unknown_model_costs_the_dearest_of_every_class() {
        let usage = Usage { input_tokens: 1, output_tokens: 1, cache_read_tokens: 1, ..Usage::default() };
        assert_eq!(nanos("claude-next", usage), 10_000 + 50_000 + 1_000);
    }

    #[test]
    fn absurd_numbers_end_at_the_most_money_there_is() {
        let usage = Usage { input_tokens: u64::MAX, output_tokens: u64::MAX, ..Usage::default() };
        assert_eq!(nanos("claude-fable-5", usage), i64::MAX);
    }
}
