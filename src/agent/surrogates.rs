//! Halves of surrogate pairs. The agent cuts its tools' output anywhere, also in the middle of an emoji; such a half is no
//! character, and a JSON text that holds one can be read by nobody.

/// Replaces each half of a surrogate pair that stands alone in `json` by U+FFFD. Returns the text and how many there were.
pub(super) fn replace_lone(json: &str) -> (String, u64) {
    let (mut mended, mut count) = (String::with_capacity(json.len()), 0);
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match surrogate(rest) {
            None => rest.chars().take(2).map(char::len_utf8).sum(),
            Some(0xD800..=0xDBFF) if matches!(surrogate(&rest[6..]), Some(0xDC00..=0xDFFF)) => 12,
            Some(_) => {
                mended.push_str("\\ufffd");
                rest = &rest[6..];
                count += 1;
                continue;
            }
        };
        mended.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    mended.push_str(rest);
    (mended, count)
}

/// The surrogate that `text` begins with, as an escape.
fn surrogate(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok().filter(|unit| (0xD800..=0xDFFF).contains(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_half_that_stands_alone_is_replaced() {
        let (text, count) = replace_lone(r#"["\ud83d","\ud83d\ude00","\\ud83d","x\ude00\\"]"#);
        assert_eq!((&*text, count), (r#"["\ufffd","\ud83d\ude00","\\ud83d","x\ufffd\\"]"#, 2));
    }
}
