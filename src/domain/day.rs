//! A day in UTC: what usage is billed by.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::Offset;

use super::Timestamp;

const MICROS: i64 = 86_400_000_000;

/// A day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

impl Day {
    /// The day in which `moment` lies; the nearest there is for a moment beyond all days.
    pub fn of(moment: Timestamp) -> Self {
        let nearest = if moment.as_micros() < 0 { Date::MIN } else { Date::MAX };
        let moment = jiff::Timestamp::from_microsecond(moment.as_micros());
        Self(moment.map_or(nearest, |moment| Offset::UTC.to_datetime(moment).date()))
    }

    /// Reads a date such as `2026-11-01`, or the midnight in UTC with which a day begins.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == 10 {
            return text.parse().ok().map(Self);
        }
        let moment = Timestamp::parse(text)?;
        Some(Self::of(moment)).filter(|day| day.starts_at() == moment)
    }

    /// When it begins.
    pub fn starts_at(self) -> Timestamp {
        let days = self.0.duration_since(Date::constant(1970, 1, 1)).as_secs() / 86_400;
        Timestamp::from_micros(days.saturating_mul(MICROS))
    }

    /// The day after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.tomorrow().unwrap_or(self.0))
    }

    /// The first day of its month.
    #[must_use]
    pub fn month_start(self) -> Self {
        Self(self.0.first_of_month())
    }

    /// The first day of the month after.
    #[must_use]
    pub fn month_end(self) -> Self {
        Self(self.0.last_of_month()).next()
    }
}

/// As ISO 8601: `2026-11-01`.
impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn a_day_is_read_from_a_date_or_its_midnight_alone() {
        assert_eq!(day("2026-11-01"), day("2026-11-01T00:00:00Z"));
        assert_eq!(day("2026-11-01T02:00:00+02:00").to_string(), "2026-11-01");
        for bad in ["", "2026-11", "2026-11-31", "2026-11-01T00:00:01Z", "yesterday", "2026-11-01T00:00:00"] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_moment_lies_in_one_day() {
        let midnight = day("2026-11-30").starts_at().as_micros();
        assert_eq!(midnight, 1_795_996_800_000_000);
        assert_eq!(Day::of(Timestamp::from_micros(midnight - 1)).to_string(), "2026-11-29");
        assert_eq!(Day::of(Timestamp::from_micros(midnight)).to_string(), "2026-11-30");
        assert_eq!(Day::of(Timestamp::from_micros(i64::MAX)).next(), Day::of(Timestamp::from_micros(i64::MAX)));
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let last = day("2026-12-31");
        assert_eq!((last.month_start(), last.month_end()), (day("2026-12-01"), day("2027-01-01")));
        assert_eq!(last.next(), last.month_end());
    }
}
