//! Whether a model call still fits into the budgets on its path.
//!
//! A call is given the most it can cost before it is made, out of the room every budget on its path leaves. So no
//! budget can be exceeded, however many calls are under way: what is spent and what is held together stay below it.

use super::{Enforcement, Standing, Usd};

/// Pico-dollars in a nano-dollar.
const PICOS_PER_NANO: u128 = 1_000;

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

/// How a budget that tenants share is divided among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The most that the open calls of one tenant hold together, in percent of what is not spent of the budget. A tenant
    /// without an open call may exceed it with one call that is useless with less.
    pub percent: u8,
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
    /// Not before calls under way release what they hold of this budget.
    Wait {
        /// The budget.
        standing: Box<Standing>,
        /// Whether it is the tenant's share of the budget that is used up, and not the budget.
        is_share: bool,
    },
    /// Not before this budget begins anew, or is raised.
    Refuse(Box<Standing>),
    /// Never: it could cost this much, which is more than any call may ([`Usd::MAX_CALL`]).
    Excessive(Usd),
}

impl Share {
    /// Every tenant may hold all there is.
    pub const ALL: Self = Self { percent: 100 };

    /// What a call may hold of `standing`, and whether the tenant's share is what bounds it. `least` is the smallest amount
    /// the call can do with.
    fn room(self, standing: &Standing, least: Usd) -> (Usd, bool) {
        let room = standing.room();
        let Some(held) = standing.held_by_tenant else { return (room, false) };
        let share = standing.unspent().percent(self.percent).minus(held).max(Usd::ZERO);
        let may_exceed = held == Usd::ZERO && share < least;
        if may_exceed || share >= room { (room, false) } else { (share, true) }
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
pub fn decide(standings: &[Standing], ask: &Ask, share: Share) -> Decision {
    let hard = || standings.iter().filter(|standing| standing.budget.enforcement == Enforcement::Hard);
    let least = ask.amount(ask.least_tokens);
    if least > Usd::MAX_CALL {
        return Decision::Excessive(least);
    }
    if let Some(spent) = hard().find(|standing| standing.unspent() < least) {
        return Decision::Refuse(Box::new(spent.clone()));
    }
    let rooms = hard().map(|standing| (share.room(standing, least), standing));
    let tightest = rooms.min_by_key(|((room, _), _)| *room);
    let room = match tightest {
        Some(((room, is_share), standing)) if room < least => {
            return Decision::Wait { standing: Box::new(standing.clone()), is_share };
        }
        Some(((room, _), _)) => room.min(Usd::MAX_CALL),
        None => Usd::MAX_CALL,
    };
    let max_tokens = ask.tokens_for(room);
    Decision::Hold { max_tokens, amount: ask.amount(max_tokens) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Budget, BudgetId, Period, Scope, Timestamp};

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
        let (spent, held) = (Usd::from_nanos(spent), Usd::from_nanos(held));
        Standing { budget, starts_at, topped_up: Usd::ZERO, spent, held, held_by_tenant: None }
    }

    /// A budget that tenants share, of which the caller's tenant holds `mine`.
    fn shared(limit: i64, spent: i64, held: i64, mine: i64) -> Standing {
        Standing { held_by_tenant: Some(Usd::from_nanos(mine)), ..standing(limit, spent, held) }
    }

    /// A call whose input costs 100 nano-dollars and each token of output 10.
    const ASK: Ask = Ask { input_picos: 100_000, output_picos: 10_000, max_tokens: 50, least_tokens: 20 };

    const HALF: Share = Share { percent: 50 };

    fn decided(standings: &[Standing]) -> Decision {
        decide(standings, &ASK, HALF)
    }

    fn hold(max_tokens: u64, nanos: i64) -> Decision {
        Decision::Hold { max_tokens, amount: Usd::from_nanos(nanos) }
    }

    #[test]
    fn a_call_that_fits_holds_the_most_it_can_cost() {
        assert_eq!(decided(&[]), hold(50, 600));
        assert_eq!(decided(&[standing(600, 0, 0)]), hold(50, 600));
        assert_eq!(decided(&[standing(10_000, 0, 0), standing(1_000, 100, 300)]), hold(50, 600));
    }

    #[test]
    fn a_call_that_does_not_fit_is_given_a_shorter_answer_but_one_of_use() {
        assert_eq!(decided(&[standing(10_000, 0, 0), standing(599, 0, 0)]), hold(49, 590));
        assert_eq!(decided(&[standing(300, 0, 0)]), hold(20, 300));
    }

    #[test]
    fn waits_for_what_others_hold_but_not_for_what_is_spent() {
        let (spent, held) = (standing(1_000, 701, 0), standing(1_000, 0, 701));
        assert_eq!(decided(std::slice::from_ref(&spent)), Decision::Refuse(Box::new(spent.clone())));
        let wait = Decision::Wait { standing: Box::new(held.clone()), is_share: false };
        assert_eq!(decided(std::slice::from_ref(&held)), wait);
        assert_eq!(decided(&[held, spent.clone()]), Decision::Refuse(Box::new(spent)));
    }

    #[test]
    fn a_soft_budget_refuses_nothing() {
        let mut spent = standing(1_000, 5_000, 0);
        spent.budget.enforcement = Enforcement::Soft;
        assert_eq!(spent.percent_spent(), 500);
        assert_eq!(decided(&[spent]), hold(50, 600));
    }

    #[test]
    fn a_limit_below_what_is_spent_and_a_limit_of_nothing_refuse() {
        assert!(matches!(decided(&[standing(100, 5_000, 0)]), Decision::Refuse(_)));
        assert!(matches!(decided(&[standing(0, 0, 0)]), Decision::Refuse(_)));
        let free = Ask { input_picos: 0, output_picos: 0, ..ASK };
        assert_eq!(decide(&[standing(0, 0, 0)], &free, HALF), hold(50, 0));
    }

    #[test]
    fn a_tenant_holds_at_most_its_share_of_a_shared_budget() {
        for (standing, expected) in [
            // Limit, spent, held by all, held by the tenant.
            (shared(2_000, 0, 0, 0), Some(hold(50, 600))),
            (shared(1_000, 0, 0, 0), Some(hold(40, 500))),
            (shared(2_000, 0, 500, 500), Some(hold(40, 500))),
            (shared(2_000, 0, 700, 700), Some(hold(20, 300))),
            (shared(2_000, 0, 701, 701), None),
            (shared(2_000, 800, 300, 300), Some(hold(20, 300))),
            (shared(2_000, 800, 301, 301), None),
            // Others hold the rest: the budget's room is what bounds, not the share.
            (shared(2_000, 0, 1_600, 100), Some(hold(30, 400))),
            // The only call of a tenant may take what its share is too small for, so that a budget is spent to its end.
            (shared(500, 0, 0, 0), Some(hold(40, 500))),
            (shared(300, 0, 0, 0), Some(hold(20, 300))),
        ] {
            let decision = decided(std::slice::from_ref(&standing));
            match expected {
                Some(expected) => assert_eq!(decision, expected, "{standing:?}"),
                None => assert!(matches!(decision, Decision::Wait { is_share: true, .. }), "{standing:?} {decision:?}"),
            }
        }
        assert_eq!(decide(&[shared(1_000, 0, 400, 400)], &ASK, Share::ALL), hold(50, 600));
    }

    #[test]
    fn refuses_a_call_that_could_cost_more_than_any_call_may() {
        for ask in [
            Ask { input_picos: u128::MAX, ..ASK },
            Ask { output_picos: u64::MAX, max_tokens: u64::MAX, least_tokens: u64::MAX, ..ASK },
            Ask { input_picos: 1_000_000_000_000_000_001, ..ASK },
        ] {
            assert!(
                matches!(decide(&[], &ask, HALF), Decision::Excessive(amount) if amount > Usd::MAX_CALL),
                "{ask:?}"
            );
        }
        // A longer answer than that pays for is shortened, whatever budgets there are.
        let long = Ask { output_picos: 1_000_000_000, max_tokens: u64::MAX, ..ASK };
        let Decision::Hold { max_tokens, amount } = decide(&[], &long, HALF) else { panic!("refused") };
        assert!(max_tokens > 0 && amount <= Usd::MAX_CALL, "{amount}");
    }
}
