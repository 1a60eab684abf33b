//! How long JSON text is once it is parsed, however it is spelled, and what it refers to.
//!
//! The texts were checked by the JSON library before, so that only well-formed JSON comes here. They are scanned without
//! recursion, because what a tool was called with may be nested as deep as a model likes.

use serde_json::value::RawValue;

/// How deep JSON that is carried along may be nested.
pub(super) const MAX_DEPTH: usize = 1_000;

/// The longest form in which a number with a fraction or an exponent is written again.
const FLOAT_BYTES: u64 = 25;

/// Keys of a JSON schema whose value names another schema.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// The longest spelling of a key that is looked at, with every letter escaped.
const MAX_KEY_SPELLING: usize = 128;

/// How long a value is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// As compact JSON whose strings are as they are: a bound for text that is handed on as text.
    pub(super) plain: u64,
    /// As JSON with spaces after separators and everything outside of ASCII escaped: a bound for values that are written as
    /// JSON again, by whichever library.
    pub(super) escaped: u64,
    /// How deep it is nested.
    pub(super) depth: usize,
}

/// A token of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    Comma,
    Colon,
    /// A string, as it is spelled between its quotes.
    Text(&'a str),
    /// A number, `true`, `false` or `null`.
    Word(&'a str),
}

/// Cuts JSON into tokens.
struct Scanner<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.json.as_bytes();
        while bytes.get(self.at)?.is_ascii_whitespace() {
            self.at += 1;
        }
        let start = self.at;
        self.at += 1;
        Some(match bytes[start] {
            b'{' | b'[' => Token::Open,
            b'}' | b']' => Token::Close,
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => {
                while let Some(byte) = bytes.get(self.at).filter(|byte| **byte != b'"') {
                    self.at += if *byte == b'\\' { 2 } else { 1 };
                }
                let end = self.at.min(bytes.len());
                self.at = end + 1;
                Token::Text(self.json.get(start + 1..end).unwrap_or_default())
            }
            _ => {
                let ends = |byte: &u8| byte.is_ascii_whitespace() || b",:{}[]\"".contains(byte);
                self.at = bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length);
                Token::Word(self.json.get(start..self.at).unwrap_or_default())
            }
        })
    }
}

/// How long `raw` is.
pub(super) fn size(raw: &RawValue) -> Size {
    let (mut size, mut depth) = (Size::default(), 0_usize);
    for token in (Scanner { json: raw.get(), at: 0 }) {
        let (plain, escaped) = match token {
            Token::Open => {
                depth += 1;
                size.depth = size.depth.max(depth);
                (1, 1)
            }
            Token::Close => {
                depth = depth.saturating_sub(1);
                (1, 1)
            }
            Token::Comma | Token::Colon => (1, 2),
            Token::Text(spelling) => {
                let (plain, escaped) = text_size(spelling);
                (plain + 2, escaped + 2)
            }
            Token::Word(word) => {
                let is_plain = word
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'-' || byte.is_ascii_lowercase() && byte != b'e')
                    || matches!(word, "true" | "false");
                let length = if is_plain { word.len() as u64 } else { FLOAT_BYTES.max(word.len() as u64) };
                (length, length)
            }
        };
        size.plain = size.plain.saturating_add(plain);
        size.escaped = size.escaped.saturating_add(escaped);
    }
    size
}

/// The bytes of a string in UTF-8, and of the string with everything escaped that a JSON library may escape.
fn text_size(spelling: &str) -> (u64, u64) {
    let (mut plain, mut escaped) = (0, 0);
    let mut letters = spelling.chars();
    while let Some(letter) = letters.next() {
        let (bytes, written) = match letter {
            '\\' => match letters.next() {
                Some('u') => unit_size(&mut letters),
                Some('/') => (1, 1),
                _ => (1, 2),
            },
            _ => letter_size(letter),
        };
        plain += bytes;
        escaped += written;
    }
    (plain, escaped)
}

/// The same for one letter.
fn letter_size(letter: char) -> (u64, u64) {
    let bytes = letter.len_utf8() as u64;
    match letter {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => (bytes, 2),
        ' '..='~' => (bytes, 1),
        '\u{10000}'.. => (bytes, 12),
        _ => (bytes, 6),
    }
}

/// The same for a letter spelled as `\uXXXX`, of which the `\u` was read.
fn unit_size(letters: &mut std::str::Chars<'_>) -> (u64, u64) {
    let unit = |letters: &mut std::str::Chars<'_>| {
        let digits = letters.as_str().get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        letters.nth(3);
        digits.unwrap_or(0xFFFD)
    };
    let first = unit(letters);
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first).map_or((3, 6), letter_size);
    }
    let mut ahead = letters.clone();
    if ahead.next() == Some('\\') && ahead.next() == Some('u') && (0xDC00..0xE000).contains(&unit(&mut ahead)) {
        *letters = ahead;
        return (4, 12);
    }
    (3, 6)
}

/// The first schema outside of itself that the schema `raw` refers to.
pub(super) fn foreign_reference(raw: &RawValue) -> Option<String> {
    let unescaped = |spelling: &str| serde_json::from_str::<String>(&format!("\"{spelling}\"")).unwrap_or_default();
    let (mut text, mut is_reference) = (None, false);
    for token in (Scanner { json: raw.get(), at: 0 }) {
        match token {
            Token::Colon => {
                let key = text.take().filter(|spelling: &&str| spelling.len() <= MAX_KEY_SPELLING).map(unescaped);
                is_reference = key.is_some_and(|key| REFERENCES.contains(&key.as_str()));
                continue;
            }
            Token::Text(spelling) if is_reference => {
                let target = unescaped(spelling);
                if !target.starts_with('#') {
                    return Some(target);
                }
                text = None;
            }
            Token::Text(spelling) => text = Some(spelling),
            _ => text = None,
        }
        is_reference = false;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn size_is_that_of_the_parsed_value() {
        for (json, plain, escaped) in [
            (
                r#"{ "a" : [ 1 , -20, true,null ] }"#,
                r#"{"a":[1,-20,true,null]}"#.len(),
                r#"{"a": [1, -20, true, null]}"#.len(),
            ),
            (r#""\u0041\n\"\\\/""#, 7, 10),
            ("\"\u{fc}\u{20ac}\u{1f600}\"", 11, 26),
            (r#""\u00fc\u20ac\ud83d\ude00""#, 11, 26),
            (r#""\ud83dx""#, 6, 9),
            ("[1e300,0.5]", 53, 54),
            ("[]", 2, 2),
        ] {
            let size = size(&raw(json));
            assert_eq!((size.plain, size.escaped), (plain as u64, escaped as u64), "{json}");
        }
    }

    #[test]
    fn depth_is_counted_without_recursion() {
        assert_eq!(size(&raw("[[],{\"a\":[]}]")).depth, 3);
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(size(&raw(&deep)).depth, 100_000);
    }

    #[test]
    fn finds_references_to_other_schemas_however_they_are_spelled() {
        for (json, found) in [
            (r##"{"$ref":"#/definitions/a"}"##, None),
            (r#"{"a":{"$ref":"https://example.com/s.json"}}"#, Some("https://example.com/s.json")),
            (r#"[{"\u0024ref" : "\u0068ttp://x"}]"#, Some("http://x")),
            (r#"{"$dynamicRef":"other"}"#, Some("other")),
            (r#"{"properties":{"$ref":{"type":"string"}},"description":"$ref"}"#, None),
            (r#"{"enum":["$ref","x"]}"#, None),
        ] {
            assert_eq!(foreign_reference(&raw(json)).as_deref(), found, "{json}");
        }
    }
}
