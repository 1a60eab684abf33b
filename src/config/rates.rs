//! `[rates]`: how fast calls may come.

use serde::Deserialize;

use crate::domain::{Rate, RateClass, TenantRates};

/// The installation's rates; a tenant's limits may name others.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatesConfig {
    /// Looking at things, for each tenant.
    pub read: Rate,
    /// Changing things that are there, for each tenant.
    pub write: Rate,
    /// Starting and resuming sessions, for each tenant.
    pub create: Rate,
    /// The admin API, for each key.
    pub admin: Rate,
    /// Model calls of a session.
    pub session_messages: Rate,
    /// Model calls of all sessions of a tenant.
    pub tenant_messages: Rate,
}

impl RatesConfig {
    /// The rate of a sort of calls: the tenant's own, else the installation's.
    pub fn of(&self, class: RateClass, tenant: Option<&TenantRates>) -> Rate {
        let ours = match class {
            RateClass::Read => self.read,
            RateClass::Write => self.write,
            RateClass::Create => self.create,
            RateClass::Admin => self.admin,
            RateClass::SessionMessages => self.session_messages,
            RateClass::TenantMessages => self.tenant_messages,
        };
        tenant.and_then(|tenant| tenant.of(class)).unwrap_or(ours)
    }
}
