//! What changes the price of every token of a call beside its model: how fast and where it is served.

use super::price::{Price, PriceTable};

/// The unit in which factors on prices are kept: a millionth.
pub(super) const FACTOR_UNIT: u64 = 1_000_000;

/// The factor on the standard prices of a model that was served in fast mode and has no price for it: the largest ratio
/// there is between the two.
const UNLISTED_FAST_FACTOR: u64 = 6;

/// How fast a call is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Speed {
    /// At the standard price.
    #[default]
    Standard,
    /// At the price of fast mode.
    Fast,
}

/// Where a call is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Region {
    /// Anywhere, at the listed price.
    #[default]
    Global,
    /// In one region alone, which costs a factor.
    Us,
}

/// The modifiers of a call's price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Modifiers {
    /// How fast it is served.
    pub(super) speed: Speed,
    /// Where it is served.
    pub(super) region: Region,
}

impl Modifiers {
    /// The modifiers that `speed` and `inference_geo` name, in a request or in the usage of an answer. Absent values are the
    /// standard ones. Values that are not known count as the most expensive: `fast`, and `us`.
    pub(super) fn named(speed: Option<&str>, inference_geo: Option<&str>) -> Self {
        Self {
            speed: if matches!(speed, None | Some("standard")) { Speed::Standard } else { Speed::Fast },
            region: if matches!(inference_geo, None | Some("global" | "not_available" | "")) {
                Region::Global
            } else {
                Region::Us
            },
        }
    }
}

impl Price {
    /// The price in fast mode of a model that lists none, from its standard price.
    pub(super) fn unlisted_fast(self) -> Self {
        let by = |price: u64| price.saturating_mul(UNLISTED_FAST_FACTOR);
        Self {
            input: by(self.input),
            output: by(self.output),
            cache_write_5m: by(self.cache_write_5m),
            cache_write_1h: by(self.cache_write_1h),
            cache_read: by(self.cache_read),
        }
    }
}

impl PriceTable {
    /// Whether the table lists a price for calls to `model` with these modifiers.
    pub(super) fn has_price(&self, model: &str, modifiers: Modifiers) -> bool {
        self.find(model).is_some_and(|found| modifiers.speed == Speed::Standard || found.fast.is_some())
    }

    /// `picos` of tokens served from `region`, rounded up.
    pub(super) fn in_region(&self, picos: u128, region: Region) -> u128 {
        match region {
            Region::Global => picos,
            Region::Us => picos.saturating_mul(u128::from(self.us_geo)).div_ceil(u128::from(FACTOR_UNIT)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Usage;
    use crate::gateway::price_file;

    fn picos(model: &str, speed: Option<&str>, geo: Option<&str>) -> u128 {
        let usage = Usage { input_tokens: 10, output_tokens: 1, web_search_requests: 1, ..Usage::default() };
        let table = price_file::built_in().unwrap();
        table.picos_with(model, &usage, Modifiers::named(speed, geo)) - u128::from(table.web_search)
    }

    #[test]
    fn prices_speed_and_region_of_each_token_but_no_search() {
        let standard = 10 * 4_000_000 + 20_000_000;
        for (speed, geo, expected) in [
            (None, None, standard),
            (Some("standard"), Some("global"), standard),
            (None, Some("not_available"), standard),
            (Some("fast"), None, 2 * standard),
            (None, Some("us"), standard / 10 * 11),
            (Some("fast"), Some("us"), 2 * standard / 10 * 11),
            (Some("warp"), Some("moon"), 2 * standard / 10 * 11),
        ] {
            assert_eq!(picos("claude-opus-5-5", speed, geo), expected, "{speed:?} {geo:?}");
        }
    }

    #[test]
    fn prices_unlisted_fast_mode_above_every_listed_one() {
        let standard = 10 * 2_000_000 + 10_000_000;
        assert_eq!(picos("claude-sonnet-5-5", Some("fast"), None), 6 * standard);
        let table = price_file::built_in().unwrap();
        assert!(!table.has_price("claude-sonnet-5-5", Modifiers::named(Some("fast"), None)));
        assert!(table.has_price("claude-opus-5-5[1m]", Modifiers::named(Some("fast"), Some("us"))));
        for model in &table.models {
            let standard = model.tiers.last().unwrap().price;
            assert!(model.fast.is_none_or(|fast| fast.dearer(standard.unlisted_fast()) == standard.unlisted_fast()));
        }
    }

    #[test]
    fn rounds_the_regional_factor_up() {
        let table = price_file::built_in().unwrap();
        assert_eq!(table.in_region(1, Region::Us), 2);
        assert_eq!(table.in_region(10, Region::Us), 11);
        assert!(table.in_region(u128::MAX, Region::Us) > 0);
    }
}
