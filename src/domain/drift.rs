//! Drift: how far the agent's own account of what turns cost is from the ledger's. It is told and nothing depends on it: two
//! price tables that were written down apart say something about each other.

use rust_decimal::prelude::ToPrimitive;

use super::{SessionId, TenantId, Timestamp, TurnId, Usd};

/// Two accounts of the same turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// How many turns were compared.
    pub turns: u64,
    /// What the agent claims that they cost.
    pub claimed: Usd,
    /// What the gateway counted.
    pub ledger: Usd,
}

/// A turn of which the two accounts differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnDrift {
    /// The turn.
    pub turn: TurnId,
    /// Its session.
    pub session: SessionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What the agent claims that it cost.
    pub claimed: Usd,
    /// What the gateway counted.
    pub ledger: Usd,
}

impl Drift {
    /// How much more the agent claims than the ledger has, as a part of what the ledger has: 0.02 is two percent more, -0.02
    /// two percent less. `None` when no turn could be compared; infinite when the ledger has nothing and the agent claims
    /// something.
    pub fn ratio(&self) -> Option<f64> {
        ratio(self.claimed, self.ledger).filter(|_| self.turns > 0)
    }
}

impl TurnDrift {
    /// As [`Drift::ratio`].
    pub fn ratio(&self) -> Option<f64> {
        ratio(self.claimed, self.ledger)
    }
}

fn ratio(claimed: Usd, ledger: Usd) -> Option<f64> {
    if claimed == ledger {
        return Some(0.0);
    }
    // The difference is taken in whole nano-dollars, so that a small one of a large sum is not lost.
    let difference = claimed.to_decimal() - ledger.to_decimal();
    if ledger == Usd::ZERO {
        return Some(if claimed > ledger { f64::INFINITY } else { f64::NEG_INFINITY });
    }
    (difference / ledger.to_decimal()).to_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drift(turns: u64, claimed: i64, ledger: i64) -> Option<f64> {
        Drift { turns, claimed: Usd::from_nanos(claimed), ledger: Usd::from_nanos(ledger) }.ratio()
    }

    #[test]
    fn drift_is_the_part_by_which_the_agent_claims_more() {
        assert_eq!(drift(3, 1_020_000_000, 1_000_000_000), Some(0.02));
        assert_eq!(drift(3, 980_000_000, 1_000_000_000), Some(-0.02));
        assert_eq!(drift(3, 7, 7), Some(0.0));
        assert_eq!(drift(1, 5_000_000_000_000_000_001, 5_000_000_000_000_000_000), Some(2e-19));
    }

    #[test]
    fn nothing_compared_is_no_drift_and_a_claim_against_nothing_is_seen() {
        assert_eq!(drift(0, 0, 0), None);
        assert_eq!(drift(1, 0, 0), Some(0.0));
        assert_eq!(drift(1, 1, 0), Some(f64::INFINITY));
        assert_eq!(drift(1, 0, 4), Some(-1.0));
    }
}
