//! Budgets as operators make, see and change them: the one way, for the admin API and the command line.

use serde::Deserialize;
use utoipa::ToSchema;

use super::super::AdminError;
use super::{BudgetList, BudgetView};
use crate::domain::{
    Budget, BudgetId, By, Clock, Enforcement, KeyId, KeyOwner, Period, Scope, SessionId, Standing, Timestamp, Usd,
};
use crate::store::{Store, StoreError};

/// Whose spending a budget bounds: exactly one of the fields, or none for the whole installation.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScopeOf {
    /// The name of a tenant.
    #[schema(example = "acme")]
    pub tenant: Option<String>,
    /// The public part of a tenant's key: what was started with it.
    pub key: Option<String>,
    /// A session.
    pub session: Option<String>,
}

/// A budget to be created.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBudget {
    /// Whose spending it bounds. Left out: everybody's.
    #[serde(default)]
    pub scope: ScopeOf,
    /// In which time it may be spent: `day`, `week` (from Monday), `month` or `total`. Times begin at midnight UTC.
    #[schema(value_type = String, example = "month")]
    pub period: Period,
    /// How much, in US dollars, as text.
    #[schema(example = "50.00")]
    pub limit_usd: String,
    /// `hard`, so that further calls are refused, or `soft`, so that it is only told.
    #[serde(default)]
    #[schema(value_type = String, example = "hard")]
    pub enforcement: Enforcement,
}

/// Creates a budget.
///
/// # Errors
/// When the scope names nothing that is there, or the limit is no amount.
pub async fn create_budget(store: &Store, new: NewBudget, by: &By) -> Result<BudgetView, AdminError> {
    let scope = find_scope(store, &new.scope).await?;
    let budget = Budget {
        id: BudgetId::generate(),
        scope,
        period: new.period,
        limit: amount(&new.limit_usd)?,
        enforcement: new.enforcement,
        created_at: by.at,
    };
    store.budgets().create(&budget, by).await?;
    find_view(store, budget.id, by.at).await
}

/// Changes what is given of a budget.
///
/// # Errors
/// When there is no such budget, or the limit is no amount.
pub async fn update_budget(
    store: &Store,
    id: &str,
    limit_usd: Option<&str>,
    enforcement: Option<Enforcement>,
    by: &By,
) -> Result<BudgetView, AdminError> {
    let Some(standing) = find(store, id, by.at).await? else { return Err(MISSING) };
    let limit = limit_usd.map(amount).transpose()?.unwrap_or(standing.budget.limit);
    let enforcement = enforcement.unwrap_or(standing.budget.enforcement);
    if !store.budgets().update(standing.budget.id, limit, enforcement, by).await? {
        return Err(MISSING);
    }
    find_view(store, standing.budget.id, by.at).await
}

/// Gives a budget more for its present window alone.
///
/// # Errors
/// When there is no such budget, the amount is none, or no reason is given.
pub async fn top_up_budget(
    store: &Store,
    id: &str,
    amount_usd: &str,
    reason: &str,
    by: &By,
) -> Result<BudgetView, AdminError> {
    let id = id.parse::<BudgetId>().map_err(|_| MISSING)?;
    let (amount, reason) = (amount(amount_usd)?, super::super::reason(reason)?);
    if amount == Usd::ZERO {
        return Err(AdminError::Invalid("a top-up of nothing changes nothing: give an amount".to_owned()));
    }
    if store.budgets().top_up(id, amount, reason, by).await? { find_view(store, id, by.at).await } else { Err(MISSING) }
}

/// Archives a budget.
///
/// # Errors
/// When there is no such budget.
pub async fn archive_budget(store: &Store, id: &str, by: &By) -> Result<(), AdminError> {
    let id = id.parse::<BudgetId>().map_err(|_| MISSING)?;
    if store.budgets().archive(id, by).await? { Ok(()) } else { Err(MISSING) }
}

/// All budgets in force.
///
/// # Errors
/// When the store fails.
pub async fn list_budgets(store: &Store, clock: &dyn Clock) -> Result<BudgetList, StoreError> {
    let now = clock.now();
    let standings = store.budgets().list(now).await?;
    BudgetList::read(store, &standings, now).await
}

const MISSING: AdminError = AdminError::NotFound("there is no such budget");

async fn find(store: &Store, id: &str, now: Timestamp) -> Result<Option<Standing>, StoreError> {
    let Ok(id) = id.parse::<BudgetId>() else { return Ok(None) };
    Ok(store.budgets().list(now).await?.into_iter().find(|standing| standing.budget.id == id))
}

async fn find_view(store: &Store, id: BudgetId, now: Timestamp) -> Result<BudgetView, AdminError> {
    let standing = find(store, &id.to_string(), now).await?.ok_or(MISSING)?;
    Ok(BudgetView::read(store, &standing, now).await?)
}

async fn find_scope(store: &Store, scope: &ScopeOf) -> Result<Scope, AdminError> {
    match (&scope.tenant, &scope.key, &scope.session) {
        (None, None, None) => Ok(Scope::Installation),
        (Some(name), None, None) => {
            let tenant = store.tenants().find_by_name(name).await?;
            let tenant = tenant.ok_or_else(|| AdminError::Invalid(format!("there is no tenant `{name}`")))?;
            Ok(Scope::Tenant(tenant.id))
        }
        (None, Some(id), None) => {
            let key = store.keys().find(&KeyId::new(id.as_str())).await?;
            match key.map(|key| (key.owner, key.id)) {
                Some((KeyOwner::Tenant(tenant), key)) => Ok(Scope::Key(tenant, key)),
                _ => Err(AdminError::Invalid(format!("no tenant has a key `{id}`"))),
            }
        }
        (None, None, Some(id)) => {
            let missing = || AdminError::Invalid(format!("there is no session `{id}`"));
            let session = id.parse::<SessionId>().map_err(|_| missing())?;
            let tenant = store.sessions().tenant_of(session).await?.ok_or_else(missing)?;
            Ok(Scope::Session(tenant, session))
        }
        _ => Err(AdminError::Invalid("a budget has one scope: a tenant, a key, a session, or none of them".to_owned())),
    }
}

pub(in crate::api::admin) fn amount(text: &str) -> Result<Usd, AdminError> {
    Usd::parse(text).ok_or_else(|| {
        AdminError::Invalid(format!("`{text}` is no amount: give US dollars with at most nine decimals, like 50.00"))
    })
}
