//! Whole numbers as the API's clients write them: as a number, as a text that spells one, or as a truth value.
//!
//! A number past the limits of `i64` becomes the limit: whoever asks compares it with small bounds.

use serde_json::value::RawValue;

use super::fault::Kind;

/// The most digits a number may have.
const MAX_DIGITS: usize = 4300;

/// The first float past all of `i64`: 2⁶³.
const PAST_I64: f64 = 9_223_372_036_854_775_808.0;

/// Reads the whole number a JSON value stands for.
pub(super) fn from_json(value: &RawValue) -> Result<i64, Kind> {
    let text = value.get();
    match text.as_bytes() {
        b"true" => Ok(1),
        b"false" => Ok(0),
        [b'"', ..] => from_text(&serde_json::from_str::<String>(text).map_err(|_| Kind::UnreadableInteger)?),
        [b'-' | b'0'..=b'9', ..] if text.contains(['.', 'e', 'E']) => from_float(text),
        [b'-' | b'0'..=b'9', ..] => from_text(text),
        _ => Err(Kind::NotAnInteger),
    }
}

/// Reads the whole number a text spells: `5`, ` +5 `, `1_000`, `5.00`.
pub(super) fn from_text(text: &str) -> Result<i64, Kind> {
    let text = text.trim();
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = match unsigned.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => digits,
        Some(_) => return Err(Kind::UnreadableInteger),
        None => unsigned,
    };
    let groups_are_digits =
        digits.split('_').all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    if !groups_are_digits {
        return Err(Kind::UnreadableInteger);
    }
    let significant = digits.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0');
    if significant.clone().count() > MAX_DIGITS {
        return Err(Kind::OversizeInteger);
    }
    let magnitude =
        significant.fold(0_i64, |so_far, digit| so_far.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Ok(if negative { -magnitude } else { magnitude })
}

fn from_float(text: &str) -> Result<i64, Kind> {
    let number: f64 = text.parse().map_err(|_| Kind::UnreadableInteger)?;
    if number.is_infinite() {
        return Err(Kind::Infinite);
    }
    if number.fract() != 0.0 {
        return Err(Kind::Fraction);
    }
    if number.abs() >= PAST_I64 {
        return Err(Kind::OversizeInteger);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and lies within i64")]
    Ok(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<i64, Kind> {
        from_json(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_text_spells_a_number_in_many_ways() {
        for (text, number) in [
            ("5", 5),
            (" 5 ", 5),
            ("\u{a0}5\u{3000}", 5),
            ("5\n", 5),
            ("+5", 5),
            ("-5", -5),
            ("05", 5),
            ("-0", 0),
            ("000", 0),
            ("5.0", 5),
            ("5.00", 5),
            ("-5.0", -5),
            ("1_0", 10),
            ("1_000_000", 1_000_000),
            ("1_0.0", 10),
            ("0_5", 5),
            ("9223372036854775808", i64::MAX),
            ("-99999999999999999999", -i64::MAX),
        ] {
            assert_eq!(from_text(text), Ok(number), "{text:?}");
        }
        assert_eq!(from_text(&format!("{}5", "0".repeat(5_000))), Ok(5));
        assert_eq!(from_text(&"1".repeat(4_300)), Ok(i64::MAX));
    }

    #[test]
    fn other_texts_spell_none() {
        for text in [
            "", " ", "abc", "1.5", "5.", ".0", ".", "1e1", "0x5", "+", "-", "--5", "+-5", "- 5", "_5", "5_", "1__0",
            "5.0_0", "5_.0", "+_5", "1 .0", "٥", "５", "true", "NaN", "5\0", "1=2",
        ] {
            assert_eq!(from_text(text), Err(Kind::UnreadableInteger), "{text:?}");
        }
        assert_eq!(from_text(&"1".repeat(4_301)), Err(Kind::OversizeInteger));
        assert_eq!(from_text(&format!("-{}", "9".repeat(5_000))), Err(Kind::OversizeInteger));
    }

    #[test]
    fn a_json_value_stands_for_a_number() {
        for (text, number) in [
            ("5", 5),
            ("-0", 0),
            ("5.0", 5),
            ("1e1", 10),
            ("1.0E2", 100),
            ("true", 1),
            ("false", 0),
            (r#""\u0035""#, 5),
        ] {
            assert_eq!(json(text), Ok(number), "{text}");
        }
        assert_eq!(json(&"9".repeat(400)), Ok(i64::MAX));
        assert_eq!(json(&format!("-{}", "9".repeat(400))), Ok(-i64::MAX));
        assert_eq!(json("1e18"), Ok(1_000_000_000_000_000_000));
    }

    #[test]
    fn other_json_values_stand_for_none() {
        for (text, fault) in [
            ("1.5", Kind::Fraction),
            ("0.5", Kind::Fraction),
            ("1e400", Kind::Infinite),
            ("-1e400", Kind::Infinite),
            ("1e19", Kind::OversizeInteger),
            ("9.3e18", Kind::OversizeInteger),
            (r#""\ud800""#, Kind::UnreadableInteger),
            ("[]", Kind::NotAnInteger),
            ("{}", Kind::NotAnInteger),
        ] {
            assert_eq!(json(text), Err(fault), "{text}");
        }
    }
}
