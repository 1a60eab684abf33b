//! What a model call used, in tokens by class. The classes are disjoint: they add up to all that is paid.

use std::ops::AddAssign;

/// Tokens and server tools of one model call, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    /// Input tokens that were neither read from nor written to the cache.
    pub input_tokens: u64,
    /// Output tokens, thinking included.
    pub output_tokens: u64,
    /// Input tokens read from the cache.
    pub cache_read_tokens: u64,
    /// Input tokens written to the cache for five minutes.
    pub cache_write_5m_tokens: u64,
    /// Input tokens written to the cache for an hour.
    pub cache_write_1h_tokens: u64,
    /// Web searches the provider ran.
    pub web_search_requests: u64,
}

impl Usage {
    /// The most of each count that a call's row holds: more than any model reads or writes.
    pub const MAX_COUNT: u64 = 1_000_000_000_000;

    /// The usage as a call's row holds it.
    #[must_use]
    pub fn bounded(self) -> Self {
        Self {
            input_tokens: self.input_tokens.min(Self::MAX_COUNT),
            output_tokens: self.output_tokens.min(Self::MAX_COUNT),
            cache_read_tokens: self.cache_read_tokens.min(Self::MAX_COUNT),
            cache_write_5m_tokens: self.cache_write_5m_tokens.min(Self::MAX_COUNT),
            cache_write_1h_tokens: self.cache_write_1h_tokens.min(Self::MAX_COUNT),
            web_search_requests: self.web_search_requests.min(Self::MAX_COUNT),
        }
    }

    /// All input tokens: what decides the tier of a price.
    pub const fn prompt_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.cache_read_tokens)
            .saturating_add(self.cache_write_5m_tokens)
            .saturating_add(self.cache_write_1h_tokens)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cache_read_tokens = self.cache_read_tokens.saturating_add(other.cache_read_tokens);
        self.cache_write_5m_tokens = self.cache_write_5m_tokens.saturating_add(other.cache_write_5m_tokens);
        self.cache_write_1h_tokens = self.cache_write_1h_tokens.saturating_add(other.cache_write_1h_tokens);
        self.web_search_requests = self.web_search_requests.saturating_add(other.web_search_requests);
    }
}
