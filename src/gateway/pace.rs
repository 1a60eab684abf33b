//! Pace: how fast the calls of a session, and of all sessions of a tenant, may come.

use std::time::Duration;

use tokio::time::sleep;

use crate::admission::Rates;
use crate::config::RatesConfig;
use crate::domain::{Allowance, RateClass, SessionId, TenantId, TenantLimits};
use crate::sandbox::Caller;
use crate::store::{Store, StoreError};

/// How long a caller's pace is remembered: longer than its burst takes to be there again.
const IDLE: Duration = Duration::from_hours(24);

/// How long a call that comes too soon is kept waiting.
const PATIENCE: Duration = Duration::from_secs(1);

/// What every call of the model is paced by.
#[derive(Debug)]
pub(super) struct Pace {
    store: Store,
    rates: RatesConfig,
    sessions: Rates<SessionId>,
    tenants: Rates<TenantId>,
}

/// Why a call may not be made now.
#[derive(Debug)]
pub(super) enum TooSoon {
    /// It comes too soon after others.
    Wait(Allowance),
    /// How fast the tenant may call could not be read.
    Store(StoreError),
}

impl Pace {
    /// Nobody has called yet.
    pub(super) fn new(store: Store, rates: RatesConfig) -> Self {
        Self { store, rates, sessions: Rates::new(IDLE), tenants: Rates::new(IDLE) }
    }

    /// Takes a call of `caller`. One that comes too soon is kept waiting, and then taken if its time has come. So a little
    /// haste is only slowed down, and a sandbox that calls again the moment it is refused gets as many refusals a second
    /// as it has connections, and takes nobody's processor. Returns the tenant's limits as they are now.
    pub(super) async fn take(&self, caller: &Caller) -> Result<TenantLimits, TooSoon> {
        match self.take_now(caller).await {
            Err(TooSoon::Wait(allowance)) => {
                sleep(Duration::from_millis(allowance.retry_after_ms.unwrap_or(0)).min(PATIENCE)).await;
                self.take_now(caller).await
            }
            taken => taken,
        }
    }

    /// The tenant's limits are read each time, so that a change counts at once: beside a call of the model that takes no
    /// time.
    async fn take_now(&self, caller: &Caller) -> Result<TenantLimits, TooSoon> {
        let tenant = self.store.tenants().find(caller.tenant).await.map_err(TooSoon::Store)?;
        let limits = tenant.map(|tenant| tenant.limits).unwrap_or_default();
        let rate = |class| self.rates.of(class, limits.rates.as_ref());
        let class = RateClass::SessionMessages;
        self.sessions.take(caller.session, class, rate(class)).map_err(TooSoon::Wait)?;
        let class = RateClass::TenantMessages;
        self.tenants.take(caller.tenant, class, rate(class)).map_err(TooSoon::Wait)?;
        Ok(limits)
    }
}
