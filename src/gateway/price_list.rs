//! The price table as it is shown to people: exact decimal dollars, as the file has them.

use std::path::{Path, PathBuf};

use rust_decimal::Decimal;

use super::price::{ModelLimits, ModelPrice, PriceTable, Tier};
use crate::domain::Timestamp;

/// Decimals between a pico-dollar a token and a dollar a million tokens.
const TOKEN_SCALE: u32 = 6;

/// Decimals between a pico-dollar a search and a dollar a thousand searches.
const SEARCH_SCALE: u32 = 9;

/// Decimals of a factor on prices.
const FACTOR_SCALE: u32 = 6;

/// Every price of one table. Prices are decimal US dollars as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceList {
    /// The table's version.
    pub version: String,
    /// From when on the prices hold.
    pub effective: Timestamp,
    /// The file they were read from; `None` for those innkeeper was built with.
    pub file: Option<PathBuf>,
    /// What a thousand web searches cost.
    pub web_search_per_1k: String,
    /// The factor on the price of tokens served from the US alone.
    pub us_geo: String,
    /// The models, in the order of the file.
    pub models: Vec<ListedModel>,
}

/// A model's prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedModel {
    /// The model's name.
    pub id: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// Its tiers by rising bound; the first holds for every prompt that no later one holds for.
    pub tiers: Vec<ListedTier>,
    /// Its prices in fast mode, if it has one.
    pub fast: Option<ListedTier>,
    /// The most tokens of input a step of a call to it can have.
    pub context_tokens: u64,
    /// Its longest answer, in tokens.
    pub max_output_tokens: u64,
    /// The most tokens an image costs.
    pub max_image_tokens: u64,
}

/// A tier's prices, of a million tokens each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTier {
    /// The longest prompt, in tokens, that is still too short for this tier.
    pub above_prompt_tokens: u64,
    /// Input that the cache has no part in.
    pub input: String,
    /// Output, thinking included.
    pub output: String,
    /// Input written to the cache for five minutes.
    pub cache_write_5m: String,
    /// Input written to the cache for an hour.
    pub cache_write_1h: String,
    /// Input read from the cache.
    pub cache_read: String,
}

impl PriceList {
    /// Everything in `table`, which was read from `file`.
    pub(super) fn of(table: &PriceTable, file: Option<&Path>) -> Self {
        Self {
            version: table.version.clone(),
            effective: table.effective,
            file: file.map(Path::to_owned),
            web_search_per_1k: per_1k_searches(table.web_search),
            us_geo: decimal(table.us_geo, FACTOR_SCALE),
            models: table.models.iter().map(ListedModel::of).collect(),
        }
    }
}

impl ListedModel {
    fn of(model: &ModelPrice) -> Self {
        let ModelLimits { context, max_output, max_image } = model.limits;
        Self {
            id: model.id.clone(),
            aliases: model.aliases.clone(),
            tiers: model.tiers.iter().map(ListedTier::of).collect(),
            fast: model.fast.map(|price| ListedTier::of(&Tier { above_prompt_tokens: 0, price })),
            context_tokens: context,
            max_output_tokens: max_output,
            max_image_tokens: max_image,
        }
    }
}

impl ListedTier {
    fn of(tier: &Tier) -> Self {
        let price = &tier.price;
        Self {
            above_prompt_tokens: tier.above_prompt_tokens,
            input: per_million_tokens(price.input),
            output: per_million_tokens(price.output),
            cache_write_5m: per_million_tokens(price.cache_write_5m),
            cache_write_1h: per_million_tokens(price.cache_write_1h),
            cache_read: per_million_tokens(price.cache_read),
        }
    }
}

/// A price of one token in pico-dollars, as dollars of a million.
pub(super) fn per_million_tokens(picos: u64) -> String {
    decimal(picos, TOKEN_SCALE)
}

/// A price of one web search in pico-dollars, as dollars of a thousand.
pub(super) fn per_1k_searches(picos: u64) -> String {
    decimal(picos, SEARCH_SCALE)
}

fn decimal(whole: u64, scale: u32) -> String {
    Decimal::from_i128_with_scale(i128::from(whole), scale).normalize().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::price_file;

    #[test]
    fn every_price_is_shown_as_its_file_has_it() {
        let file: toml::Value = toml::from_str(include_str!("../../config/prices.toml")).unwrap();
        let list = PriceList::of(&price_file::built_in().unwrap(), None);
        let number = |text: &str| text.parse::<Decimal>().unwrap();
        let written = |value: &toml::Value| number(value.as_str().unwrap());
        assert_eq!(list.version, file["version"].as_str().unwrap());
        assert_eq!(list.web_search_per_1k, "10");
        let models = file["model"].as_array().unwrap();
        assert_eq!(list.models.len(), models.len());
        for (shown, model) in list.models.iter().zip(models) {
            assert_eq!(shown.id, model["id"].as_str().unwrap());
            let aliases = model.get("aliases").map_or(0, |aliases| aliases.as_array().unwrap().len());
            assert_eq!(shown.aliases.len(), aliases);
            let tiers = model["tier"].as_array().unwrap();
            assert_eq!(shown.tiers.len(), tiers.len());
            for (shown, tier) in shown.tiers.iter().zip(tiers) {
                let above = tier.get("above_prompt_tokens").map_or(0, |above| above.as_integer().unwrap());
                assert_eq!(i64::try_from(shown.above_prompt_tokens).unwrap(), above);
                assert_eq!(number(&shown.input), written(&tier["input"]));
                assert_eq!(number(&shown.output), written(&tier["output"]));
                assert_eq!(number(&shown.cache_write_5m), written(&tier["cache_write_5m"]));
                assert_eq!(number(&shown.cache_write_1h), written(&tier["cache_write_1h"]));
                assert_eq!(number(&shown.cache_read), written(&tier["cache_read"]));
            }
        }
        assert_eq!(list.us_geo, "1.1");
        let fast = list.models.iter().find(|model| model.id == "claude-opus-5-5").unwrap();
        assert_eq!(fast.fast.as_ref().unwrap().cache_read, "0.4");
        assert_eq!((fast.context_tokens, fast.max_output_tokens, fast.max_image_tokens), (1_000_000, 128_000, 4_784));
        let cheap = list.models.iter().find(|model| model.id == "claude-haiku-5-5").unwrap();
        assert_eq!((cheap.tiers[0].cache_write_5m.as_str(), cheap.tiers[1].cache_write_1h.as_str()), ("0.125", "1"));
    }
}
