//! `/admin/v1/audit`: who changed what, from where, and what it was before.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{AdminError, ErrorBody, moment, page_size};
use crate::admin::Names;
use crate::api::ApiState;
use crate::api::auth::OperatorCaller;
use crate::api::input::Params;
use crate::domain::{Action, AuditEntry, TenantId, Timestamp};
use crate::store::{AuditFilter, Store};

/// Entries of a page when nothing is said, and at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 1_000;

/// What is asked for. What is left out does not narrow it.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AuditAsk {
    /// Who: `key:ID`, `uid:NUMBER` for the command line, or `server`.
    pub actor: Option<String>,
    /// What was done, such as `key.revoke`.
    pub action: Option<String>,
    /// What it was done to: an id.
    pub target: Option<String>,
    /// The tenant it concerns, by its id.
    pub tenant_id: Option<String>,
    /// From this moment on, as `2026-11-01T00:00:00Z`.
    #[param(format = DateTime)]
    pub from: Option<String>,
    /// Before this moment.
    #[param(format = DateTime)]
    pub to: Option<String>,
    /// Before this entry: `next_before` of the page before.
    pub before: Option<i64>,
    /// How many entries, 1 to 1000. Left out: 50.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
}

/// An entry of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditView {
    /// Its place: without gaps, from 1.
    pub seq: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who.
    #[schema(example = "key:4fHq0aZ81kQmT2sX")]
    pub actor: String,
    /// The address the request came from; null for what was done on the machine itself.
    pub from: Option<String>,
    /// What was done.
    #[schema(example = "tenant.set_limits")]
    pub action: &'static str,
    /// What it was done to.
    pub target: String,
    /// The tenant it concerns, if one alone.
    #[schema(value_type = Option<String>)]
    pub tenant_id: Option<TenantId>,
    /// That tenant's name.
    pub tenant_name: Option<String>,
    /// Why, where that is asked for.
    pub reason: Option<String>,
    /// The target before; null when there was none.
    pub before: Option<Value>,
    /// The target after; null when there is none.
    pub after: Option<Value>,
}

/// A page of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditPage {
    /// The entries, newest first.
    pub data: Vec<AuditView>,
    /// What to give as `before` for the next page; null when this is the last.
    pub next_before: Option<i64>,
}

/// Show the audit, newest first.
#[utoipa::path(
    get, path = "/admin/v1/audit", tag = "admin", operation_id = "list_audit", params(AuditAsk),
    responses(
        (status = OK, description = "A page of it", body = AuditPage),
        (status = BAD_REQUEST, description = "A parameter cannot be understood", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn list(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Params(ask): Params<AuditAsk>,
) -> Result<Json<AuditPage>, AdminError> {
    Ok(Json(list_audit(&state.store, ask).await?))
}

/// A page of the audit.
///
/// # Errors
/// When a parameter cannot be understood, or the store fails.
pub async fn list_audit(store: &Store, ask: AuditAsk) -> Result<AuditPage, AdminError> {
    let action = ask.action.as_deref().map(|text| {
        let names = || Action::ALL.map(Action::as_str).join(", ");
        Action::parse(text).ok_or_else(|| AdminError::Invalid(format!("`{text}` is no action; there are {}", names())))
    });
    let tenant = ask
        .tenant_id
        .as_deref()
        .map(|text| text.parse::<TenantId>().map_err(|_| AdminError::Invalid(format!("`{text}` is no tenant's id"))));
    let filter = AuditFilter {
        before: ask.before,
        actor: ask.actor,
        action: action.transpose()?,
        target: ask.target,
        tenant: tenant.transpose()?,
        from: ask.from.as_deref().map(moment).transpose()?,
        to: ask.to.as_deref().map(moment).transpose()?,
    };
    let limit = page_size(ask.limit, PAGE, MAX_PAGE)?;
    let _place = store.report(None).await?;
    let mut entries = store.audit().list(&filter, limit + 1).await?;
    let is_last = entries.len() <= limit as usize;
    entries.truncate(limit as usize);
    let next_before = entries.last().filter(|_| !is_last).map(|entry| entry.seq);
    let names = Names::read(store).await?;
    let name = |entry: &AuditEntry| entry.tenant.and_then(|tenant| names.of(tenant));
    let view = |entry: AuditEntry| AuditView { tenant_name: name(&entry), ..AuditView::from(entry) };
    Ok(AuditPage { data: entries.into_iter().map(view).collect(), next_before })
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { seq, at, actor, from, action, target, tenant, reason, before, after } = entry;
        Self {
            seq,
            at,
            actor,
            from,
            action: action.as_str(),
            target,
            tenant_id: tenant,
            tenant_name: None,
            reason,
            before,
            after,
        }
    }
}
