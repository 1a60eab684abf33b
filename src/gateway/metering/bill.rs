//! The bill of a call: what was read of its answer, as far as that can be true.

use super::meter::Expected;
use super::names;
use super::reading::{End, Reading};
use super::report::Named;
use crate::domain::{EstimateReason, Usage};
use crate::gateway::price::PriceTable;
use crate::gateway::price_modifiers::{Modifiers, Region, Speed};

/// Bytes of text that are never less than one token of output. English text has four, the densest scripts about two.
const BYTES_PER_OUTPUT_TOKEN: u64 = 2;

/// Bytes of text that are never more than one token of output, with some that are on the house.
const MAX_BYTES_PER_OUTPUT_TOKEN: u64 = 256;
const FREE_BYTES: u64 = 1024;

/// Searches of one call that are believed.
const MAX_SEARCHES: u64 = 1_000;

/// What a call is to be charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Bill {
    /// The model that answered, by its name in the price table.
    pub(in crate::gateway) model: String,
    /// What was used as far as it is known, in parts by model: a part may be another model's work.
    pub(in crate::gateway) parts: Vec<(String, Usage)>,
    /// What changes the price of all parts.
    pub(in crate::gateway) modifiers: Modifiers,
    /// What is known of it.
    pub(in crate::gateway) known: Known,
    /// Why the cost is an estimate; `None` when it is exact.
    pub(in crate::gateway) estimated: Option<EstimateReason>,
    /// What the answer names that has no price.
    pub(in crate::gateway) unpriced: Option<String>,
}

/// What is known of a call. What is not costs the most that it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Known {
    /// The input, as far as it was read.
    pub(in crate::gateway) input: bool,
    /// The output, to the end.
    pub(in crate::gateway) output: bool,
    /// Whether it is over, so that no further step can follow.
    pub(in crate::gateway) end: bool,
}

impl Known {
    const ALL: Self = Self { input: true, output: true, end: true };
    const NOTHING: Self = Self { input: false, output: false, end: false };

    /// Whether nothing is left to be estimated but the price.
    pub(super) fn is_all(self) -> bool {
        self == Self::ALL
    }
}

impl Bill {
    /// The bill of a call to `model` that certainly costs nothing.
    pub(in crate::gateway) fn free(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            parts: Vec::new(),
            modifiers: Modifiers::default(),
            known: Known::ALL,
            estimated: None,
            unpriced: None,
        }
    }

    /// The bill of a call to `model` of which nothing is known.
    pub(in crate::gateway) fn unknown(model: &str, reason: EstimateReason) -> Self {
        let parts = vec![(model.to_owned(), Usage::default())];
        Self { parts, known: Known::NOTHING, estimated: Some(reason), ..Self::free(model) }
    }

    /// The bill for what was read of an answer, which came to its end unless `broken` says why not.
    pub(super) fn of(reading: &Reading, asked: &Expected, prices: &PriceTable, broken: Option<EstimateReason>) -> Self {
        let is_over = reading.end == Some(End::Complete) || reading.has_stopped;
        let mut draft = Draft::of(reading, asked, prices);
        let (all_inputs, all_outputs) = reading.report.has_all_steps();
        let known = Known {
            input: reading.report.has_input() && all_inputs && draft.input_is_possible,
            output: is_over
                && reading.doubt.is_none()
                && reading.has_final_output
                && all_outputs
                && draft.output_is_possible,
            end: is_over && reading.doubt.is_none() && all_inputs && draft.input_is_possible,
        };
        draft.clear_impossible();
        if !known.output {
            draft.raise_output(reading.visible_bytes, asked);
        }
        let estimated = match reading.end {
            _ if reading.doubt.is_some() => reading.doubt,
            _ if !draft.input_is_possible || !draft.output_is_possible => Some(EstimateReason::InvalidUsage),
            Some(End::Error) if !is_over => Some(EstimateReason::ErrorInAnswer),
            _ if !is_over => Some(broken.unwrap_or(EstimateReason::Cut)),
            _ if !known.is_all() => Some(EstimateReason::NoUsage),
            _ => draft.unpriced.as_ref().map(|(reason, _)| *reason),
        };
        Self {
            model: draft.serving,
            parts: draft.parts,
            modifiers: draft.modifiers,
            known,
            estimated,
            unpriced: draft.unpriced.map(|(_, name)| name),
        }
    }
}

/// The parts of a bill, and what of them can be true.
struct Draft {
    serving: String,
    parts: Vec<(String, Usage)>,
    modifiers: Modifiers,
    unpriced: Option<(EstimateReason, String)>,
    input_is_possible: bool,
    output_is_possible: bool,
}

impl Draft {
    fn of(reading: &Reading, asked: &Expected, prices: &PriceTable) -> Self {
        let mut unpriced = None;
        let mut known_as = |name: Option<&str>, instead: &str| match name {
            None => instead.to_owned(),
            Some(name) => names::canonical(name, prices).map_or_else(
                || {
                    unpriced.get_or_insert((EstimateReason::UnknownModel, shortened(name)));
                    instead.to_owned()
                },
                str::to_owned,
            ),
        };
        let serving = known_as(reading.model.as_deref(), &asked.model);
        let parts = reading.report.parts().into_iter();
        let parts: Vec<_> = parts.map(|part| (known_as(part.model.as_deref(), &serving), part.usage)).collect();
        let modifiers = modifiers(&reading.report.named, asked.modifiers, |kind, value| {
            unpriced.get_or_insert((EstimateReason::UnknownModifier, format!("{kind} {}", shortened(value))));
        });
        if let Some((model, _)) = parts.iter().find(|(model, _)| !prices.has_price(model, modifiers)) {
            unpriced.get_or_insert((EstimateReason::UnknownModifier, format!("{model} in fast mode")));
        }
        let (invalid_input, invalid_output) = reading.report.invalid();
        // A report in steps is bounded step by step, one without them in sum.
        let steps = if reading.report.is_in_steps() { 1 } else { asked.steps };
        let input_is_possible = !invalid_input
            && parts.iter().all(|(model, usage)| {
                let window = prices.find(model).map_or(u64::MAX, |found| found.limits.context);
                usage.prompt_tokens() <= window.saturating_mul(steps) && usage.web_search_requests <= MAX_SEARCHES
            });
        let output: u64 = parts.iter().map(|(_, usage)| usage.output_tokens).fold(0, u64::saturating_add);
        let most_text = output.saturating_mul(MAX_BYTES_PER_OUTPUT_TOKEN).saturating_add(FREE_BYTES);
        let is_too_little = reading.has_final_output && reading.visible_bytes > most_text;
        let output_is_possible = !invalid_output
            && !is_too_little
            && parts.iter().all(|(_, usage)| usage.output_tokens <= asked.max_tokens.saturating_mul(steps));
        Self { serving, parts, modifiers, unpriced, input_is_possible, output_is_possible }
    }

    /// Takes out numbers that cannot be true.
    fn clear_impossible(&mut self) {
        for (_, usage) in &mut self.parts {
            if !self.input_is_possible {
                *usage = Usage { output_tokens: usage.output_tokens, ..Usage::default() };
            }
            if !self.output_is_possible {
                usage.output_tokens = 0;
            }
        }
    }

    /// Raises the output to what the text that was seen is at the least.
    fn raise_output(&mut self, visible_bytes: u64, asked: &Expected) {
        let reported = self.parts.iter().map(|(_, usage)| usage.output_tokens).fold(0, u64::saturating_add);
        let most = asked.max_tokens.saturating_mul(asked.steps);
        let seen = visible_bytes.div_ceil(BYTES_PER_OUTPUT_TOKEN).min(most);
        if let Some((_, last)) = self.parts.last_mut() {
            last.output_tokens = last.output_tokens.saturating_add(seen.saturating_sub(reported));
        }
    }
}

/// The most expensive modifiers a report names, which are those that were `asked` for where it names none. Values that are
/// not known are given to `on_unknown`; they count as the most expensive there is of their kind.
fn modifiers(named: &Named, asked: Modifiers, mut on_unknown: impl FnMut(&str, &str)) -> Modifiers {
    let mut modifiers = asked;
    for speed in &named.speeds {
        if !matches!(speed.as_str(), "" | "standard" | "fast") {
            on_unknown("speed", speed);
        }
        if !matches!(speed.as_str(), "" | "standard") {
            modifiers.speed = Speed::Fast;
        }
    }
    for region in &named.regions {
        if !matches!(region.as_str(), "" | "global" | "not_available" | "us") {
            on_unknown("inference_geo", region);
        }
        if Modifiers::named(None, Some(region)).region == Region::Us {
            modifiers.region = Region::Us;
        }
    }
    // No tier but the standard one has a price. Batches, which are cheaper, cannot be asked for.
    for tier in named.tiers.iter().filter(|tier| !matches!(tier.as_str(), "" | "standard")) {
        on_unknown("service_tier", tier);
    }
    modifiers
}

/// A name for the log, which is not ours.
fn shortened(name: &str) -> String {
    name.chars().take(100).collect()
}
