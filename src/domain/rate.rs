//! Rates: how fast calls may come, and how they stand.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::object::optional_object;

/// How fast calls of one sort may come: so many a minute in the long run, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Calls a minute in the long run.
    #[schema(value_type = u32, format = Int64, minimum = 1, maximum = 4_294_967_295_i64, example = 60)]
    pub per_minute: NonZeroU32,
    /// Calls at once, after a while without any.
    #[schema(value_type = u32, format = Int64, minimum = 1, maximum = 4_294_967_295_i64, example = 20)]
    pub burst: NonZeroU32,
}

/// A sort of calls that has a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RateClass {
    /// Looking at things.
    Read,
    /// Changing things that are there.
    Write,
    /// Starting and resuming sessions.
    Create,
    /// The admin API, for each key.
    Admin,
    /// Model calls of a session.
    SessionMessages,
    /// Model calls of all sessions of a tenant.
    TenantMessages,
}

/// Rates that differ from the installation's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantRates {
    /// Looking at things.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_object")]
    pub read: Option<Rate>,
    /// Changing things that are there.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_object")]
    pub write: Option<Rate>,
    /// Starting and resuming sessions.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_object")]
    pub create: Option<Rate>,
    /// Model calls of a session.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_object")]
    pub session_messages: Option<Rate>,
    /// Model calls of all its sessions.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_object")]
    pub tenant_messages: Option<Rate>,
}

/// How a rate stands after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The sort of calls.
    pub class: RateClass,
    /// The rate.
    pub rate: Rate,
    /// Calls that may come at once now.
    pub remaining: u32,
    /// For a call that came too soon: in how many milliseconds it may come again.
    pub retry_after_ms: Option<u64>,
}

impl RateClass {
    /// The sort's name in headers and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Create => "create",
            Self::Admin => "admin",
            Self::SessionMessages => "session_messages",
            Self::TenantMessages => "tenant_messages",
        }
    }
}

impl TenantRates {
    /// The tenant's own rate of a sort, if it has one.
    pub const fn of(&self, class: RateClass) -> Option<Rate> {
        match class {
            RateClass::Read => self.read,
            RateClass::Write => self.write,
            RateClass::Create => self.create,
            RateClass::Admin => None,
            RateClass::SessionMessages => self.session_messages,
            RateClass::TenantMessages => self.tenant_messages,
        }
    }
}

impl Rate {
    /// How long it takes until `missing` calls are there again, in milliseconds, rounded up.
    pub fn refill_ms(self, missing: u32) -> u64 {
        (u64::from(missing) * 60_000).div_ceil(u64::from(self.per_minute.get()))
    }
}

impl Allowance {
    /// Whole seconds after which a call that came too soon may come again; at least one.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.retry_after_ms.map(|ms| ms.div_ceil(1_000).max(1))
    }

    /// `RateLimit-Policy`: `q` calls in `w` seconds.
    pub fn policy_header(&self) -> String {
        let window = self.rate.refill_ms(self.rate.burst.get()).div_ceil(1_000).max(1);
        format!("\"{}\";q={};w={window}", self.class.as_str(), self.rate.burst)
    }

    /// `RateLimit`: `r` calls remain, all are there again in `t` seconds.
    pub fn header(&self) -> String {
        let missing = self.rate.burst.get().saturating_sub(self.remaining);
        let reset = self.rate.refill_ms(missing).div_ceil(1_000);
        format!("\"{}\";r={};t={reset}", self.class.as_str(), self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_what_the_draft_wants() {
        let rate = Rate { per_minute: NonZeroU32::new(20).unwrap(), burst: NonZeroU32::new(5).unwrap() };
        let allowance = Allowance { class: RateClass::Create, rate, remaining: 2, retry_after_ms: None };
        assert_eq!(allowance.policy_header(), r#""create";q=5;w=15"#);
        assert_eq!(allowance.header(), r#""create";r=2;t=9"#);
        assert_eq!(Allowance { retry_after_ms: Some(2_001), ..allowance }.retry_after_s(), Some(3));
        assert_eq!(Allowance { retry_after_ms: Some(0), ..allowance }.retry_after_s(), Some(1));
    }
}
