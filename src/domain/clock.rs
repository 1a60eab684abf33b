//! Time as an argument: whoever needs the hour is given a [`Clock`], so that tests decide what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A moment, in whole microseconds since the Unix epoch: what the store keeps and the API shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// What tells the time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// A clock that stands still until a test moves it.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl Timestamp {
    /// The moment `micros` microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Reads a time with its zone, such as `2026-11-01T00:00:00Z`.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|moment| Self(moment.as_microsecond()))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch, for what reckons in them.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of this century fit")]
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Seconds from `earlier` to this moment; 0 when `earlier` is later.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self.as_seconds() - earlier.as_seconds()).max(0.0)
    }

    /// Microseconds from `earlier` to this moment; 0 when `earlier` is later.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        let micros = self.0.saturating_sub(earlier.0);
        if micros < 0 { 0 } else { micros }
    }

    /// Whole milliseconds from `earlier` to this moment; 0 when `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        let micros = self.0.saturating_sub(earlier.0);
        if micros < 0 { 0 } else { micros / 1_000 }
    }

    /// This moment moved back by `seconds`, stopping at the limits of the representation.
    #[must_use]
    pub const fn minus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_sub(seconds.saturating_mul(1_000_000)))
    }

    /// This moment moved forward by `millis`, stopping at the limits of the representation.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1_000)))
    }
}

/// ISO 8601 in UTC with microseconds and a numeric zone (`2026-11-24T09:30:00.000001+00:00`), which both
/// JavaScript and every Python's `fromisoformat` read.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What lies beyond the calendar is shown as its nearest end: an error here is a panic in whoever writes it.
        let nearest = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let utc = jiff::Timestamp::from_microsecond(self.0).unwrap_or(nearest);
        write!(formatter, "{}", utc.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00"))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_microsecond())
    }
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.0)))
    }

    /// Moves the clock forward by `millis` milliseconds.
    pub fn advance_millis(&self, millis: i64) {
        self.0.fetch_add(millis * 1_000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Day;

    #[test]
    fn a_time_is_shown_with_its_zone_and_all_its_microseconds() {
        assert_eq!(Timestamp::from_micros(0).to_string(), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(Timestamp::from_micros(1_795_512_600_000_001).to_string(), "2026-11-24T09:30:00.000001+00:00");
    }

    #[test]
    fn time_beyond_the_calendar_is_shown_as_its_nearest_end() {
        let now = Timestamp::from_micros(1_795_512_600_000_001);
        let late = now.plus_millis(i64::MAX);
        assert_eq!(late.to_string(), "9999-12-30T22:00:00.999999+00:00");
        assert_eq!(serde_json::to_value(late).unwrap(), "9999-12-30T22:00:00.999999+00:00");
        assert!(now.minus_seconds(i64::MAX).to_string().starts_with("-9999-01-0"));
    }

    proptest! {
        #[test]
        fn any_time_can_be_shown_and_reckoned_with(micros: i64, by: i64, other: i64) {
            let (time, other) = (Timestamp::from_micros(micros), Timestamp::from_micros(other));
            for moment in [time, time.plus_millis(by), time.minus_seconds(by)] {
                let shown = moment.to_string();
                prop_assert!(shown.starts_with('-') || Timestamp::parse(&shown).is_some(), "{shown}");
                prop_assert!(moment.millis_since(other) >= 0 && moment.seconds_since(other) >= 0.0);
                let _ = (Day::of(moment).to_string(), Day::of(moment).starts_at().to_string(), Day::of(moment).next());
            }
        }

        #[test]
        fn any_text_can_be_read_as_a_time_or_a_day(text in ".{0,40}", number in "[-+0-9T:.Z]{0,40}") {
            for text in [text, number] {
                let _ = (Timestamp::parse(&text).map(|time| time.to_string()), Day::parse(&text).map(Day::starts_at));
            }
        }
    }

    #[test]
    fn a_duration_is_never_negative() {
        let (early, late) = (Timestamp::from_micros(1_000), Timestamp::from_micros(5_999));
        assert_eq!(late.millis_since(early), 4);
        assert_eq!(early.millis_since(late), 0);
    }
}
