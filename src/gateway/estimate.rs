//! What a call may use at most before it is made, and what it used at least when the provider was not heard to the end.

use crate::domain::Usage;

/// Tokens the provider adds to a prompt by itself, for tools.
const ADDED_TOKENS: u64 = 2_000;

/// How a request asks that its prompt is cached for an hour, which is the dearest class of input.
const CACHED_FOR_AN_HOUR: &[u8] = br#""1h""#;

/// Bytes of text that are never less than one token of output. English text has four, the densest scripts about two.
const BYTES_PER_OUTPUT_TOKEN: u64 = 2;

/// Bytes of a request that are about one token of input.
const BYTES_PER_INPUT_TOKEN: u64 = 4;

/// Output of which `visible_bytes` were seen and `reported` tokens were told at last.
pub(super) fn output_tokens(visible_bytes: u64, reported: u64) -> u64 {
    visible_bytes.div_ceil(BYTES_PER_OUTPUT_TOKEN).max(reported)
}

/// Input of a request of `request_bytes`, of which the provider told nothing.
pub(super) fn input_tokens(request_bytes: u64) -> u64 {
    request_bytes.div_ceil(BYTES_PER_INPUT_TOKEN)
}

/// The most a request can use: a token has at least one byte, and all input may be written to the cache.
pub(super) fn most(request: &[u8], max_tokens: u64) -> Usage {
    let input = ADDED_TOKENS.saturating_add(request.len() as u64);
    let long = request.windows(CACHED_FOR_AN_HOUR.len()).any(|window| window == CACHED_FOR_AN_HOUR);
    let (short, long) = if long { (0, input) } else { (input, 0) };
    Usage { cache_write_5m_tokens: short, cache_write_1h_tokens: long, output_tokens: max_tokens, ..Usage::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_uses_no_more_than_its_bytes_and_what_it_asks_for() {
        let plain = most(br#"{"cache_control":{"type":"ephemeral"}}"#, 500);
        assert_eq!((plain.cache_write_5m_tokens, plain.output_tokens), (2_038, 500));
        assert_eq!(most(br#"{"ttl": "1h"}"#, 1).cache_write_1h_tokens, 2_013);
    }

    #[test]
    fn what_was_told_is_a_floor_and_so_is_what_was_seen() {
        assert_eq!(output_tokens(7, 1), 4);
        assert_eq!(output_tokens(7, 900), 900);
        assert_eq!(input_tokens(9), 3);
    }
}
