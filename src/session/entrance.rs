//! The entrance: what is checked before a turn is written, and where it gets in line.

use super::StartError;
use super::registry::Registry;
use crate::admission::{Bounds, Ticket};
use crate::agent::refused_env;
use crate::config::Config;
use crate::domain::{EgressHost, SessionLimits, Tenant, TenantId, TenantState, TurnSpec};
use crate::metrics;
use crate::metrics::catalogue::{REJECTIONS, SANDBOX_VIOLATIONS};
use crate::spawner::{FoundWorkspace, WorkspaceError, WorkspacePath};
use crate::store::StoreError;

/// What a turn asks, as far as its size counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    /// The prompt.
    pub(super) prompt: &'a str,
    /// What is asked for beside it.
    pub(super) spec: &'a TurnSpec,
}

impl Request<'_> {
    fn bytes(self) -> u64 {
        self.prompt.len() as u64 + self.spec.text_bytes()
    }
}

impl Registry {
    /// Admits a turn, and answers the tenant as it is now: the caller's copy may be older than an operator's change.
    pub(super) async fn admit(&self, tenant: &Tenant, spec: &mut TurnSpec) -> Result<Tenant, StartError> {
        self.check(tenant, spec).await.inspect_err(|error| note(tenant.id, error))
    }

    async fn check(&self, tenant: &Tenant, spec: &mut TurnSpec) -> Result<Tenant, StartError> {
        if self.shared().tasks.draining().is_cancelled() {
            return Err(StartError::Draining);
        }
        let mut tenant = self.shared().store.tenants().find(tenant.id).await?.ok_or(StartError::Suspended)?;
        if tenant.state != TenantState::Active {
            return Err(StartError::Suspended);
        }
        if let Some(granted) = &mut tenant.limits.egress_hosts {
            *granted = EgressHost::policy(None, granted, &self.shared().config.egress.allowed_hosts);
        }
        let agent = &self.shared().config.agent;
        let asked_turns = spec.limits.and_then(|limits| limits.max_turns).or(spec.max_turns);
        spec.max_turns = asked_turns;
        tenant.limits.apply(spec, &agent.default_model, agent.default_permission_mode)?;
        if spec.max_turns < asked_turns {
            // It gets less than it asked for, and is to be told.
            spec.limits.get_or_insert_default();
        }
        if let Some(asked) = &spec.limits {
            if let Some(fault) = asked.fault() {
                return Err(StartError::Limits(fault));
            }
            let allowed = SessionLimits::of_tenant(&tenant.limits).lowest(&installation(&self.shared().config));
            spec.limits = Some(SessionLimits { max_turns: spec.max_turns, ..asked.lowest(&allowed) });
        }
        let names: Vec<_> = refused_env(&spec.env).iter().map(ToString::to_string).collect();
        if names.is_empty() { Ok(tenant) } else { Err(StartError::RefusedEnv { names }) }
    }

    /// The directory a tenant asks for, and what the spawner finds there.
    pub(super) async fn find_workspace(
        &self,
        tenant: &Tenant,
        cwd: Option<&str>,
    ) -> Result<(WorkspacePath, FoundWorkspace), StartError> {
        let found = async {
            let path = WorkspacePath::of_request(&tenant.roots, cwd)?;
            let found = self.shared().maker.spawner().find_workspace(&path).await?;
            self.wait_until_free(tenant.id, &path).await?;
            Ok((path, found))
        };
        found.await.inspect_err(|error| note(tenant.id, error))
    }

    /// Stands in line for a place, before anything is written that would have to be undone.
    pub(super) async fn enter(&self, tenant: &Tenant, request: Request<'_>) -> Result<Ticket, StartError> {
        let entered = async {
            let shared = self.shared();
            let used = shared.store.sessions().stored_bytes(tenant.id).await?;
            let limit = tenant.limits.max_stored_bytes;
            let allowed = limit.unwrap_or(shared.config.session.max_stored_bytes_per_tenant);
            if used.saturating_add(request.bytes()) > allowed {
                return Err(StartError::Storage { used, allowed });
            }
            Ok(shared.queue.enter(tenant.id, bounds(tenant, &shared.config), request.bytes())?)
        };
        entered.await.inspect_err(|error| note(tenant.id, error))
    }

    /// How many sessions of a tenant may run and wait, and with how much.
    pub(super) async fn bounds_of(&self, tenant: TenantId) -> Result<Bounds, StoreError> {
        let found = self.shared().store.tenants().find(tenant).await?;
        Ok(found.map_or(Bounds { running: 0, waiting: 0, waiting_bytes: 0 }, |tenant| {
            bounds(&tenant, &self.shared().config)
        }))
    }
}

/// Notes that a tenant did not get what it asked for.
fn note(tenant: TenantId, error: &StartError) {
    REJECTIONS.one([&metrics::tenant(tenant), error.as_label()]);
    if let StartError::Workspace(WorkspaceError::Outside | WorkspaceError::SymbolicLink) = error {
        SANDBOX_VIOLATIONS.one(["workspace"]);
    }
}

/// How many sessions of a tenant may run and wait, and with how much: by its own limits, else by the installation's.
fn bounds(tenant: &Tenant, config: &Config) -> Bounds {
    let (limits, session) = (&tenant.limits, &config.session);
    Bounds {
        running: limits.max_running.unwrap_or(session.max_running_per_tenant),
        waiting: limits.max_waiting.unwrap_or(session.max_waiting_per_tenant),
        waiting_bytes: limits.max_waiting_bytes.unwrap_or(session.max_waiting_bytes_per_tenant),
    }
}

/// What the installation allows every session.
fn installation(config: &Config) -> SessionLimits {
    SessionLimits {
        max_cost_usd: None,
        max_turns: None,
        turn_timeout_ms: Some(config.session.turn_timeout_ms),
        total_timeout_ms: Some(config.session.total_timeout_ms),
        memory_bytes: Some(config.sandbox.memory_bytes),
        cpus: Some(config.sandbox.cpus),
        pids: Some(config.sandbox.pids),
        workspace_bytes: Some(config.sandbox.workspace_bytes),
        output_bytes: Some(config.sandbox.output_bytes),
    }
}
