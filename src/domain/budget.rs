//! Budgets: how much may be spent, by whom and in which time.
//!
//! Whether a call still fits is decided in `decision.rs`.

use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use super::{BudgetId, KeyId, SessionId, TenantId, Timestamp, Usd};

/// Whose spending a budget bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    Installation,
    /// A tenant's.
    Tenant(TenantId),
    /// What a tenant's key started, and what the keys started that took its place, or whose place it took, by rotation.
    Key(TenantId, KeyId),
    /// A session's.
    Session(TenantId, SessionId),
}

/// In which time a budget may be spent once. Days, weeks (from Monday) and months begin at midnight UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
    /// All time.
    Total,
}

/// What happens when a budget is spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// Further calls are refused.
    #[default]
    Hard,
    /// It is told, and nothing is refused.
    Soft,
}

/// A budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its id.
    pub id: BudgetId,
    /// Whose spending it bounds.
    pub scope: Scope,
    /// In which time it may be spent.
    pub period: Period,
    /// How much.
    pub limit: Usd,
    /// What happens when it is spent.
    pub enforcement: Enforcement,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How a budget stands in one of its windows of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The budget.
    pub budget: Budget,
    /// When the window began.
    pub starts_at: Timestamp,
    /// What operators gave on top of the limit, for this window alone.
    pub topped_up: Usd,
    /// What was spent in it.
    pub spent: Usd,
    /// What calls under way may still cost.
    pub held: Usd,
    /// What the calling tenant's calls under way hold; known only of a budget that tenants share, on the path of a call.
    pub held_by_tenant: Option<Usd>,
}

impl Period {
    /// When the window began that `now` lies in.
    pub fn starts_at(self, now: Timestamp) -> Timestamp {
        self.window(now).map_or(Timestamp::from_micros(0), |(start, _)| start)
    }

    /// When the window ends that `now` lies in; `None` for all time.
    pub fn ends_at(self, now: Timestamp) -> Option<Timestamp> {
        self.window(now).map(|(_, end)| end)
    }

    fn window(self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let today = Offset::UTC.to_datetime(jiff::Timestamp::from_microsecond(now.as_micros()).ok()?).date();
        let (first, span) = match self {
            Self::Day => (today, jiff::Span::new().days(1)),
            Self::Week => {
                let since_monday = i64::from(today.weekday().to_monday_zero_offset());
                (today.checked_sub(jiff::Span::new().days(since_monday)).ok()?, jiff::Span::new().weeks(1))
            }
            Self::Month => (today.first_of_month(), jiff::Span::new().months(1)),
            Self::Total => return None,
        };
        let midnight = |date: jiff::civil::Date| {
            let moment = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
            Some(Timestamp::from_micros(moment.as_microsecond()))
        };
        Some((midnight(first)?, midnight(first.checked_add(span).ok()?)?))
    }

    /// The period's name in the store and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Day, Self::Week, Self::Month, Self::Total].into_iter().find(|period| period.as_str() == text)
    }
}

impl Enforcement {
    /// Its name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Soft => "soft",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Hard, Self::Soft].into_iter().find(|enforcement| enforcement.as_str() == text)
    }
}

impl Scope {
    /// The kind of scope, as the store and messages name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Installation => "installation",
            Self::Tenant(_) => "tenant",
            Self::Key(..) => "key",
            Self::Session(..) => "session",
        }
    }

    /// The tenant whose spending it is; `None` for everybody's.
    pub const fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::Installation => None,
            Self::Tenant(tenant) | Self::Key(tenant, _) | Self::Session(tenant, _) => Some(*tenant),
        }
    }
}

impl Standing {
    /// How much may be spent in this window: the budget's limit, and what was given on top.
    pub fn limit(&self) -> Usd {
        self.budget.limit + self.topped_up
    }

    /// What is neither spent nor held; never less than nothing.
    pub fn room(&self) -> Usd {
        let room = self.unspent().as_nanos().saturating_sub(self.held.as_nanos());
        Usd::from_nanos(room.max(0))
    }

    /// What is not spent; never less than nothing.
    pub fn unspent(&self) -> Usd {
        Usd::from_nanos(self.limit().as_nanos().saturating_sub(self.spent.as_nanos()).max(0))
    }

    /// How much of the budget is spent, in percent, rounded down.
    pub fn percent_spent(&self) -> i64 {
        match self.limit().as_nanos() {
            0 => 100,
            limit => i64::try_from(i128::from(self.spent.as_nanos()) * 100 / i128::from(limit)).unwrap_or(i64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_at_midnight_utc() {
        let at = |text: &str| Timestamp::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        let now = at("2026-11-25T23:59:59.999999Z");
        for (period, start, end) in [
            (Period::Day, "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"),
            (Period::Week, "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
            (Period::Month, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ] {
            assert_eq!((period.starts_at(now), period.ends_at(now)), (at(start), Some(at(end))), "{period:?}");
        }
        assert_eq!(Period::Total.ends_at(now), None);
        assert_eq!(Period::Month.starts_at(at("2026-12-31T12:00:00Z")), at("2026-12-01T00:00:00Z"));
    }
}
