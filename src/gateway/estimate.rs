//! What a call may use at most, before it is made.

use crate::domain::Usage;

/// Tokens the provider adds to a prompt by itself, for tools.
const ADDED_TOKENS: u64 = 2_000;

/// How a request asks that its prompt is cached, and for an hour, which are the dearer classes of input.
const CACHED: &[u8] = br#""cache_control""#;
const CACHED_FOR_AN_HOUR: &[u8] = br#""1h""#;

/// The most input a request can be: a token has at least one byte, and all of it may be written to the cache.
/// `for_tools` are tokens that tools add which are not in the request.
pub(super) fn most_input(request: &[u8], for_tools: u64) -> Usage {
    let tokens = ADDED_TOKENS.saturating_add(for_tools).saturating_add(request.len() as u64);
    if contains(request, CACHED_FOR_AN_HOUR) {
        Usage { cache_write_1h_tokens: tokens, ..Usage::default() }
    } else if contains(request, CACHED) {
        Usage { cache_write_5m_tokens: tokens, ..Usage::default() }
    } else {
        Usage { input_tokens: tokens, ..Usage::default() }
    }
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_no_more_input_than_its_bytes_at_the_dearest_class_it_asks_for() {
        assert_eq!(most_input(br#"{"a":1}"#, 0).input_tokens, 2_007);
        assert_eq!(most_input(br#"{"cache_control":{}}"#, 500).cache_write_5m_tokens, 2_520);
        assert_eq!(most_input(br#"{"cache_control":{"ttl": "1h"}}"#, 0).cache_write_1h_tokens, 2_031);
    }
}
