//! Money in whole numbers: US dollars counted in billionths, so that sums are exact.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::amount::amount_text;

/// An amount of US dollars in nano-dollars (10⁻⁹ $).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i64);

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// The largest limit of a budget, and the most that is added up in one of its windows: $1,000,000,000. Two of these can be
    /// added without leaving 64 bits.
    pub const MAX: Self = Self(1_000_000_000_000_000_000);

    /// The most that one model call may hold or cost, or a correction may add or take away: $1,000,000.
    pub const MAX_CALL: Self = Self(1_000_000_000_000_000);

    /// An amount of `nanos` nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Reads a number of dollars that is not negative and has at most nine decimals.
    pub fn parse(text: &str) -> Option<Self> {
        let dollars = Decimal::from_str_exact(text).ok().filter(|dollars| !dollars.is_sign_negative())?;
        let nanos = dollars.checked_mul(Decimal::from(1_000_000_000))?;
        nanos.is_integer().then(|| nanos.to_i64().map(Self))?
    }

    /// The amount nearest to a binary fraction of dollars that is not negative: for the sums of others.
    pub fn nearest(dollars: f64) -> Option<Self> {
        let dollars = Decimal::try_from(dollars).ok().filter(|dollars| *dollars >= Decimal::ZERO)?;
        dollars.checked_mul(Decimal::from(1_000_000_000))?.round().to_i64().map(Self)
    }

    /// The amount as a budget's window holds it: not negative, at most [`Self::MAX`].
    #[must_use]
    pub fn bounded(self) -> Self {
        self.clamp(Self::ZERO, Self::MAX)
    }

    /// The amount as a call's row holds it: not negative, at most [`Self::MAX_CALL`].
    #[must_use]
    pub fn bounded_call(self) -> Self {
        self.clamp(Self::ZERO, Self::MAX_CALL)
    }

    /// This amount less `other`. Saturates.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many percent of the amount, rounded down.
    #[must_use]
    pub fn percent(self, percent: u8) -> Self {
        Self(i64::try_from(i128::from(self.0) * i128::from(percent) / 100).unwrap_or(i64::MAX))
    }

    /// The amount in nano-dollars.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The amount in dollars as a number that is near it: for statistics, never for sums.
    #[expect(clippy::cast_precision_loss, reason = "statistics do not need every nano-dollar")]
    pub fn to_approximate(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The amount as an exact decimal number of dollars.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, 9)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.to_decimal().normalize())
    }
}

/// As text, so that no reader takes it for a binary fraction.
impl serde::Serialize for Usd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From text, or from a number, which is read by its shortest decimal digits.
impl<'de> serde::Deserialize<'de> for Usd {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = amount_text(deserializer)?;
        let what = "is no amount: give US dollars with at most nine decimals, like \"50.00\"";
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` {what}")))
    }
}

impl Add for Usd {
    type Output = Self;

    /// Saturates: an amount past nine billion dollars stays there instead of wrapping round to a debt.
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_exactly_or_not_at_all() {
        assert_eq!(Usd::parse("5"), Some(Usd::from_nanos(5_000_000_000)));
        assert_eq!(Usd::parse("0.000000001"), Some(Usd::from_nanos(1)));
        for text in ["", "-1", "0.0000000001", "1e9", "$5", "5,00", "99999999999999999999"] {
            assert_eq!(Usd::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_amount_is_text_or_a_number() {
        let read = |text| serde_json::from_str::<Usd>(text).map(Usd::as_nanos).ok();
        for text in [r#""0.5""#, "0.5", "5e-1", r#""0.50""#] {
            assert_eq!(read(text), Some(500_000_000), "{text}");
        }
        assert_eq!(read("3"), Some(3_000_000_000));
        assert_eq!(read("0.1"), Some(100_000_000));
        for text in ["-1", "-0.5", "0.0000000001", "1e30", "true", "[]", "{}", "null", r#""1e9""#] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_binary_fraction_is_the_nearest_amount() {
        for (dollars, nanos) in
            [(0.0, 0), (0.008_129_999_999_999_998, 8_130_000), (0.000_281_324_999_999_999_97, 281_325)]
        {
            assert_eq!(Usd::nearest(dollars), Some(Usd::from_nanos(nanos)));
        }
        for bad in [-0.01, f64::NAN, f64::INFINITY, 1e12] {
            assert_eq!(Usd::nearest(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_amount_is_bounded_before_it_is_added() {
        let usd = Usd::from_nanos;
        for (nanos, window, call) in [
            (i64::MIN, 0, 0),
            (-1, 0, 0),
            (5, 5, 5),
            (1_000_000_000_000_001, 1_000_000_000_000_001, 1_000_000_000_000_000),
            (i64::MAX, 1_000_000_000_000_000_000, 1_000_000_000_000_000),
        ] {
            assert_eq!((usd(nanos).bounded(), usd(nanos).bounded_call()), (usd(window), usd(call)), "{nanos}");
        }
        assert!(Usd::MAX.as_nanos().checked_add(Usd::MAX.as_nanos()).is_some());
        assert_eq!(usd(i64::MIN).minus(usd(1)), usd(i64::MIN));
        assert_eq!((usd(101).percent(50), usd(i64::MAX).percent(100)), (usd(50), usd(i64::MAX)));
    }

    #[test]
    fn an_amount_is_shown_without_loss() {
        assert_eq!(Usd::from_nanos(20_250_000).to_string(), "0.02025");
        assert_eq!(Usd::from_nanos(1).to_string(), "0.000000001");
        assert_eq!((Usd::from_nanos(i64::MAX) + Usd::from_nanos(1)).as_nanos(), i64::MAX);
    }
}
