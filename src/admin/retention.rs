//! Retention: what ended long enough ago goes by itself, a bounded number of sessions at a time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tracing::{error, info};

use super::cleanup::{CleanupReport, Remover};
use crate::config::Config;
use crate::domain::{Action, By, Clock, Tenant, Who};
use crate::lifecycle::Tasks;
use crate::session::Registry;
use crate::store::{EndedFilter, Store, StoreError};

/// How often is looked what is to go, and how many sessions of a tenant go then at most.
const EVERY: Duration = Duration::from_mins(1);
const AT_ONCE: u64 = 500;

const DAY_S: i64 = 86_400;

/// Removes what is kept for no longer, for as long as the server runs.
#[derive(Clone, Debug)]
pub struct Retention {
    store: Store,
    config: Arc<Config>,
    sessions: Registry,
    clock: Arc<dyn Clock>,
}

impl Retention {
    /// Removes from `store` what is kept for no longer by the settings and the tenants' limits.
    pub fn new(store: &Store, config: &Arc<Config>, sessions: &Registry, clock: &Arc<dyn Clock>) -> Self {
        let (store, sessions) = (store.clone(), sessions.clone());
        Self { store, config: Arc::clone(config), sessions, clock: Arc::clone(clock) }
    }

    /// Keeps removing, from now on.
    pub fn keep(self, tasks: &Tasks) {
        let stopping = tasks.stopping().clone();
        tasks.spawn("retention", async move {
            loop {
                if let Some(Err(error)) = stopping.run_until_cancelled(self.pass()).await {
                    let error = &error as &dyn std::error::Error;
                    error!(error, "retention failed; it is tried again in a minute");
                }
                if stopping.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                    break;
                }
            }
        });
    }

    /// Removes some of what is kept for no longer, and gives its space back. Returns how many sessions went.
    ///
    /// # Errors
    /// When the store fails; what was removed until then stays removed.
    pub async fn pass(&self) -> Result<u64, StoreError> {
        let mut removed = 0;
        for tenant in self.store.tenants().list_ever().await? {
            if let Some(days) = self.days(&tenant) {
                removed += self.remove_of(&tenant, days).await?;
            }
        }
        self.store.sessions().finish_deletions().await?;
        self.store.budgets().purge().await?;
        self.store.give_back_if_deleted().await?;
        Ok(removed)
    }

    /// For how many days the sessions of a tenant are kept; `None` for as long as nobody deletes them.
    fn days(&self, tenant: &Tenant) -> Option<u32> {
        let of_installation = self.config.session.retention_days;
        tenant.limits.retention_days.or(Some(of_installation)).filter(|days| *days > 0)
    }

    async fn remove_of(&self, tenant: &Tenant, days: u32) -> Result<u64, StoreError> {
        let by = By { who: Who::Server, from: None, at: self.clock.now() };
        let ended_before = by.at.minus_seconds(i64::from(days) * DAY_S);
        let filter = EndedFilter { tenant: Some(tenant.id), outcome: None, ended_before };
        let remover = Remover { store: &self.store, config: &self.config, registry: Some(&self.sessions) };
        let mut report = CleanupReport::default();
        let outcome = remover.remove_sessions(&filter, AT_ONCE, &mut report).await;
        if report.sessions > 0 {
            info!(tenant = %tenant.id, name = tenant.name, sessions = report.sessions, days, "retention removed sessions");
            let after = json!({ "tenant": tenant.name, "retention_days": days, "sessions": report.sessions,
                "session_bytes": report.session_bytes });
            self.store.audit().note(Action::CleanUp, &tenant.id.to_string(), after, &by).await?;
        }
        outcome.map(|()| report.sessions)
    }
}
