//! Why the cost of a model call is an estimate.

use std::fmt;

/// Why the ledger does not have the provider's complete report of a call. The cost is then what was held for the parts that
/// are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EstimateReason {
    /// The caller left, and too many other answers without a caller were being read.
    CallerGone,
    /// The caller left, and the answer took longer than `gateway.drain_timeout_ms`.
    DrainTimeout,
    /// The answer did not begin in time.
    NoAnswer,
    /// The answer stopped coming.
    Stalled,
    /// The connection to the model API broke, or the answer ended before its end.
    Cut,
    /// The answer is longer than what is read.
    TooLong,
    /// The answer, or a part of it that may hold a report, cannot be read.
    Unreadable,
    /// The answer ended without a complete report.
    NoUsage,
    /// The report holds numbers that cannot be true.
    InvalidUsage,
    /// The model that answered has no price: it is priced as the model that was asked for.
    UnknownModel,
    /// The report names a speed, region or tier without a price: the most expensive one is charged.
    UnknownModifier,
    /// The model API reported an error in the middle of its answer.
    ErrorInAnswer,
    /// A server error that is not the model API's own: the model may have worked.
    UnconfirmedError,
    /// This server was stopped.
    Stopped,
    /// This server ended without settling the call.
    Crash,
}

impl EstimateReason {
    /// Every reason.
    pub const ALL: [Self; 15] = [
        Self::CallerGone,
        Self::DrainTimeout,
        Self::NoAnswer,
        Self::Stalled,
        Self::Cut,
        Self::TooLong,
        Self::Unreadable,
        Self::NoUsage,
        Self::InvalidUsage,
        Self::UnknownModel,
        Self::UnknownModifier,
        Self::ErrorInAnswer,
        Self::UnconfirmedError,
        Self::Stopped,
        Self::Crash,
    ];

    /// Its name in the ledger, the API and the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallerGone => "caller_gone",
            Self::DrainTimeout => "drain_timeout",
            Self::NoAnswer => "no_answer",
            Self::Stalled => "stalled",
            Self::Cut => "cut",
            Self::TooLong => "too_long",
            Self::Unreadable => "unreadable",
            Self::NoUsage => "no_usage",
            Self::InvalidUsage => "invalid_usage",
            Self::UnknownModel => "unknown_model",
            Self::UnknownModifier => "unknown_modifier",
            Self::ErrorInAnswer => "error_in_answer",
            Self::UnconfirmedError => "unconfirmed_error",
            Self::Stopped => "stopped",
            Self::Crash => "crash",
        }
    }
}

impl fmt::Display for EstimateReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = EstimateReason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(names.len(), EstimateReason::ALL.len());
    }
}
