//! Budgets: how much may be spent, by whom and in which time, and whether a call still fits.
//!
//! A call is given the most it can cost before it is made, out of the room every budget on its path leaves. So no
//! budget can be passed, however many calls are under way: what is spent and what is held together never exceed it.

use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use super::{BudgetId, KeyId, SessionId, TenantId, Timestamp, Usd};

/// Pico-dollars in a nano-dollar.
const PICOS_PER_NANO: u128 = 1_000;

/// Whose spending a budget bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    Installation,
    /// A tenant's.
    Tenant(TenantId),
    /// What a tenant's key started.
    Key(TenantId, KeyId),
    /// A session's.
    Session(TenantId, SessionId),
}

/// In which time a budget may be spent once. Days, weeks (from Monday) and months begin at midnight UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
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
}

/// What a call wants to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The most its input can cost, in pico-dollars, with all that is paid beside tokens.
    pub input_picos: u128,
    /// What one token of its output costs at most, in pico-dollars.
    pub output_picos: u64,
    /// The longest answer it asks for, in tokens.
    pub max_tokens: u64,
    /// The shortest limit under which an answer is still of use, in tokens; at most `max_tokens`.
    pub least_tokens: u64,
}

/// Whether a call may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may, with an answer of so many tokens at most, for which so much is held.
    Hold {
        /// The longest answer; the one asked for, or less.
        max_tokens: u64,
        /// The most it can cost.
        amount: Usd,
    },
    /// Not before calls under way give back what they hold of this budget.
    Wait(Box<Standing>),
    /// Not before this budget begins anew, or is raised.
    Refuse(Box<Standing>),
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
        Usd::from_nanos(self.budget.limit.as_nanos().saturating_add(self.topped_up.as_nanos()))
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

impl Ask {
    /// The most the call can cost with an answer of `tokens`, rounded up.
    pub fn amount(&self, tokens: u64) -> Usd {
        let picos = self.input_picos.saturating_add(u128::from(tokens) * u128::from(self.output_picos));
        Usd::from_nanos(i64::try_from(picos.div_ceil(PICOS_PER_NANO)).unwrap_or(i64::MAX))
    }

    /// The longest answer that `room` pays for, up to the one asked for.
    fn tokens_for(&self, room: Usd) -> u64 {
        let picos = u128::try_from(room.as_nanos()).unwrap_or(0) * PICOS_PER_NANO;
        let Some(rest) = picos.checked_sub(self.input_picos) else { return 0 };
        match self.output_picos {
            0 => self.max_tokens,
            price => u64::try_from(rest / u128::from(price)).unwrap_or(u64::MAX).min(self.max_tokens),
        }
    }
}

/// Decides whether a call may be made under all of `standings`.
pub fn decide(standings: &[Standing], ask: &Ask) -> Decision {
    let hard = || standings.iter().filter(|standing| standing.budget.enforcement == Enforcement::Hard);
    let least = ask.amount(ask.least_tokens);
    if let Some(spent) = hard().find(|standing| standing.unspent() < least) {
        return Decision::Refuse(Box::new(spent.clone()));
    }
    let tightest = hard().min_by_key(|standing| standing.room());
    let max_tokens = tightest.map_or(ask.max_tokens, |standing| ask.tokens_for(standing.room()));
    match tightest {
        Some(standing) if standing.room() < least => Decision::Wait(Box::new(standing.clone())),
        _ => Decision::Hold { max_tokens, amount: ask.amount(max_tokens) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(limit: i64, spent: i64, held: i64) -> Standing {
        let budget = Budget {
            id: BudgetId::generate(),
            scope: Scope::Installation,
            period: Period::Total,
            limit: Usd::from_nanos(limit),
            enforcement: Enforcement::Hard,
            created_at: Timestamp::from_micros(0),
        };
        let starts_at = budget.period.starts_at(budget.created_at);
        Standing { budget, starts_at, topped_up: Usd::ZERO, spent: Usd::from_nanos(spent), held: Usd::from_nanos(held) }
    }

    /// A call whose input costs 100 nano-dollars and each token of output 10.
    const ASK: Ask = Ask { input_picos: 100_000, output_picos: 10_000, max_tokens: 50, least_tokens: 20 };

    fn hold(max_tokens: u64, nanos: i64) -> Decision {
        Decision::Hold { max_tokens, amount: Usd::from_nanos(nanos) }
    }

    #[test]
    fn a_call_that_fits_holds_the_most_it_can_cost() {
        assert_eq!(decide(&[], &ASK), hold(50, 600));
        assert_eq!(decide(&[standing(600, 0, 0)], &ASK), hold(50, 600));
        assert_eq!(decide(&[standing(10_000, 0, 0), standing(1_000, 100, 300)], &ASK), hold(50, 600));
    }

    #[test]
    fn a_call_that_does_not_fit_is_given_a_shorter_answer_but_one_of_use() {
        assert_eq!(decide(&[standing(10_000, 0, 0), standing(599, 0, 0)], &ASK), hold(49, 590));
        assert_eq!(decide(&[standing(300, 0, 0)], &ASK), hold(20, 300));
    }

    #[test]
    fn what_others_hold_is_waited_for_and_what_is_spent_is_not() {
        let (spent, held) = (standing(1_000, 701, 0), standing(1_000, 0, 701));
        assert_eq!(decide(std::slice::from_ref(&spent), &ASK), Decision::Refuse(Box::new(spent.clone())));
        assert_eq!(decide(std::slice::from_ref(&held), &ASK), Decision::Wait(Box::new(held.clone())));
        assert_eq!(decide(&[held, spent.clone()], &ASK), Decision::Refuse(Box::new(spent)));
    }

    #[test]
    fn a_soft_budget_refuses_nothing() {
        let mut spent = standing(1_000, 5_000, 0);
        spent.budget.enforcement = Enforcement::Soft;
        assert_eq!(spent.percent_spent(), 500);
        assert_eq!(decide(&[spent], &ASK), hold(50, 600));
    }

    #[test]
    fn a_limit_below_what_is_spent_and_a_limit_of_nothing_refuse() {
        assert!(matches!(decide(&[standing(100, 5_000, 0)], &ASK), Decision::Refuse(_)));
        assert!(matches!(decide(&[standing(0, 0, 0)], &ASK), Decision::Refuse(_)));
        let free = Ask { input_picos: 0, output_picos: 0, ..ASK };
        assert_eq!(decide(&[standing(0, 0, 0)], &free), hold(50, 0));
    }

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
