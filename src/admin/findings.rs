//! What is set and cannot work: a key of the model API that is refused, a budget that bounds nobody, a limit that names what is
//! not there. Found when it is set, at the start, and every minute.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{error, info, warn};

use crate::config::Config;
use crate::domain::{Clock, Scope, Tenant, TenantLimits, TenantState, tool_names};
use crate::gateway::{PriceError, Prices, UpstreamWatch, Usable};
use crate::lifecycle::Tasks;
use crate::metrics::catalogue::FINDINGS;
use crate::session::Registry;
use crate::spawner::SpawnerError;
use crate::store::{Store, StoreError};

/// How often is looked.
const EVERY: Duration = Duration::from_mins(1);

/// What kind of setting cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// The key of the model API is missing or refused.
    UpstreamKey,
    /// The model API cannot be reached.
    Upstream,
    /// A budget bounds nobody.
    Budget,
    /// A model has no price.
    Model,
    /// There is no such tool.
    Tool,
    /// There is no such image.
    Image,
}

/// Something that is set and cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Of what sort it is.
    pub kind: FindingKind,
    /// What it is, and what to do.
    pub message: String,
}

/// What was found. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Findings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    config: Arc<Config>,
    sessions: Registry,
    prices: Prices,
    upstream: UpstreamWatch,
    clock: Arc<dyn Clock>,
    found: Mutex<Vec<Finding>>,
}

impl FindingKind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::UpstreamKey, Self::Upstream, Self::Budget, Self::Model, Self::Tool, Self::Image];

    /// Its name, as a label of the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UpstreamKey => "upstream_key",
            Self::Upstream => "upstream",
            Self::Budget => "budget",
            Self::Model => "model",
            Self::Tool => "tool",
            Self::Image => "image",
        }
    }
}

impl Finding {
    fn new(kind: FindingKind, message: String) -> Self {
        Self { kind, message }
    }
}

/// What of a tenant's limits cannot work by the settings' price table and the agent's tools: for a command, which holds no
/// engine to look for images.
///
/// # Errors
/// When the prices cannot be read.
pub fn findings_of_limits(limits: &TenantLimits, config: &Config) -> Result<Vec<Finding>, PriceError> {
    Ok(by_names(limits, &Prices::load(&config.gateway.prices_file)?))
}

fn by_names(limits: &TenantLimits, prices: &Prices) -> Vec<Finding> {
    let models = limits.models.iter().flatten().filter(|model| !prices.knows(model)).map(|model| {
        let message = format!("`models` has `{model}`, which has no price: every call of it is refused");
        Finding::new(FindingKind::Model, message)
    });
    let tools = tool_names::unknown(limits.tools.as_deref().unwrap_or_default())
        .into_iter()
        .map(|tool| Finding::new(FindingKind::Tool, format!("`tools` has `{tool}`, which is no tool of the agent")));
    models.chain(tools).collect()
}

impl Findings {
    /// Nothing was found yet.
    pub fn new(
        store: &Store,
        config: &Arc<Config>,
        sessions: &Registry,
        (prices, upstream): (&Prices, UpstreamWatch),
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let (store, config, sessions) = (store.clone(), Arc::clone(config), sessions.clone());
        let (prices, clock) = (prices.clone(), Arc::clone(clock));
        Self(Arc::new(Inner { store, config, sessions, prices, upstream, clock, found: Mutex::default() }))
    }

    /// Keeps looking, from now on.
    pub fn keep(&self, tasks: &Tasks) {
        let (findings, stopping) = (self.clone(), tasks.stopping().clone());
        tasks.spawn("findings", async move {
            loop {
                if let Some(Err(error)) = stopping.run_until_cancelled(findings.look()).await {
                    error!(error = &error as &dyn std::error::Error, "what is set cannot be looked through");
                }
                if stopping.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                    break;
                }
            }
        });
    }

    /// What was found: of the model API at this moment, of the rest at the last look.
    pub fn current(&self) -> Vec<Finding> {
        let kind = match self.0.upstream.usable() {
            Usable::Unreachable => FindingKind::Upstream,
            _ => FindingKind::UpstreamKey,
        };
        let upstream = self.0.upstream.usable().fault().map(|fault| Finding::new(kind, fault.to_owned()));
        upstream.into_iter().chain(self.found().iter().cloned()).collect()
    }

    /// Looks through what is set, and logs what was not found before.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look(&self) -> Result<(), StoreError> {
        let found = self.find().await?;
        let before = std::mem::replace(&mut *self.found(), found.clone());
        for Finding { kind, message } in found.iter().filter(|finding| !before.contains(finding)) {
            warn!(kind = kind.as_str(), finding = message, "something that is set cannot work");
        }
        for Finding { kind, message } in before.iter().filter(|finding| !found.contains(finding)) {
            info!(kind = kind.as_str(), finding = message, "what could not work is put right");
        }
        let current = self.current();
        for kind in FindingKind::ALL {
            let count = current.iter().filter(|finding| finding.kind == kind).count();
            FINDINGS.set([kind.as_str()], f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
        Ok(())
    }

    /// What of a tenant's limits cannot work, images included.
    pub async fn of_limits(&self, limits: &TenantLimits) -> Vec<Finding> {
        let mut found = by_names(limits, &self.0.prices);
        for image in limits.images.iter().flatten() {
            if let Err(SpawnerError::Image(reason) | SpawnerError::Refused(reason)) =
                self.0.sessions.check_image(image).await
            {
                found.push(Finding::new(FindingKind::Image, format!("`images` has `{image}`: {reason}")));
            }
        }
        found
    }

    async fn find(&self) -> Result<Vec<Finding>, StoreError> {
        let mut found = Vec::new();
        let model = &self.0.config.agent.default_model;
        if !self.0.prices.knows(model) {
            let message =
                format!("`agent.default_model` is `{model}`, which has no price: sessions that name no model fail");
            found.push(Finding::new(FindingKind::Model, message));
        }
        let tenants = self.0.store.tenants().list_ever().await?;
        for tenant in tenants.iter().filter(|tenant| tenant.state != TenantState::Archived) {
            for Finding { kind, message } in self.of_limits(&tenant.limits).await {
                found.push(Finding::new(kind, format!("tenant `{}`: {message}", tenant.name)));
            }
        }
        self.find_budgets(&tenants, &mut found).await?;
        Ok(found)
    }

    /// Finds budgets that bound nobody.
    async fn find_budgets(&self, tenants: &[Tenant], found: &mut Vec<Finding>) -> Result<(), StoreError> {
        let now = self.0.clock.now();
        for standing in self.0.store.budgets().lasting(now).await? {
            let budget = standing.budget;
            let (Scope::Tenant(of) | Scope::Key(of, _)) = &budget.scope else { continue };
            let tenant = tenants.iter().find(|tenant| tenant.id == *of);
            let name = tenant.map_or_else(|| of.to_string(), |tenant| tenant.name.clone());
            let is_archived = tenant.is_none_or(|tenant| tenant.state == TenantState::Archived);
            let why = match &budget.scope {
                _ if is_archived => "the tenant is archived".to_owned(),
                Scope::Key(_, key) if !self.0.store.keys().any_of_family_opens(key, now).await? => {
                    format!("its key `{key}` was revoked or has expired")
                }
                _ => continue,
            };
            let message =
                format!("budget `{}` of tenant `{name}` bounds nobody: {why}; archive it, or make another", budget.id);
            found.push(Finding::new(FindingKind::Budget, message));
        }
        Ok(())
    }

    fn found(&self) -> MutexGuard<'_, Vec<Finding>> {
        self.0.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
