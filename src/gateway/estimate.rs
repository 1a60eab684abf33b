//! What a call used when the provider was not heard to the end: never less than what was seen.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_a_floor_and_so_is_what_was_seen() {
        assert_eq!(output_tokens(7, 1), 4);
        assert_eq!(output_tokens(7, 900), 900);
        assert_eq!(input_tokens(9), 3);
    }
}
