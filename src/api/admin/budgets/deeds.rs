//! Budgets as operators make, see and change them: the one way, for the admin API and the command line.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::AdminError;
use super::{BudgetList, BudgetView};
use crate::admin::Names;
use crate::domain::{
    Budget, BudgetId, By, Clock, Enforcement, KeyId, KeyOwner, Period, Scope, SessionId, Standing, TenantState,
    Timestamp, Usd, amount_schema, amount_text, object,
};
use crate::store::{Store, StoreError};

/// Whose spending a budget bounds: exactly one of the fields, or none for the whole installation.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScopeOf {
    /// The name of a tenant.
    #[schema(example = "acme")]
    pub tenant: Option<String>,
    /// The public part of a tenant's key: what was started with it, and with the keys that take its place by rotation.
    pub key: Option<String>,
    /// A session.
    pub session: Option<String>,
}

/// A budget to be created.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBudget {
    /// Whose spending it bounds. Left out: everybody's.
    #[serde(default, deserialize_with = "object")]
    pub scope: ScopeOf,
    /// In which time it may be spent: `day`, `week` (from Monday), `month` or `total`. Times begin at midnight UTC.
    #[schema(example = "month")]
    pub period: Period,
    /// How much, in US dollars, as text: at most 1000000000.
    #[schema(schema_with = amount_schema)]
    #[serde(deserialize_with = "amount_text")]
    pub limit_usd: String,
    /// `hard`, so that further calls are refused, or `soft`, so that it is only reported.
    #[serde(default)]
    #[schema(example = "hard")]
    pub enforcement: Enforcement,
}

/// Creates a budget.
///
/// # Errors
/// When the scope names nothing that is there, or the limit is no amount.
pub async fn create_budget(store: &Store, new: NewBudget, by: &By) -> Result<BudgetView, AdminError> {
    let scope = find_scope(store, &new.scope, by.at).await?;
    let budget = Budget {
        id: BudgetId::generate(),
        scope,
        period: new.period,
        limit: amount(&new.limit_usd, Usd::MAX)?,
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
    let limit = limit_usd.map(|limit| amount(limit, Usd::MAX)).transpose()?.unwrap_or(standing.budget.limit);
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
    let (amount, reason) = (amount(amount_usd, Usd::MAX)?, super::super::reason(reason)?);
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

/// Which budgets are listed.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct BudgetsAsk {
    /// The budget after which the page begins: `next_after` of the page before.
    pub after: Option<String>,
    /// How many, 1 to 1000. Left out: 100.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
}

/// Budgets of a page when nothing is said, and at most.
const PAGE: u32 = 100;
const MAX_PAGE: u32 = 1_000;

/// A page of the budgets in force, oldest first.
///
/// # Errors
/// When the page is none, or the store fails.
pub async fn list_budgets(store: &Store, ask: &BudgetsAsk, clock: &dyn Clock) -> Result<BudgetList, AdminError> {
    let now = clock.now();
    let unknown = |after: &str| AdminError::Invalid(format!("`after` names no budget: `{after}`"));
    let parse = |text: &String| text.parse::<BudgetId>().map_err(|_| unknown(text));
    let after = ask.after.as_ref().map(parse).transpose()?;
    let limit = super::super::page_size(ask.limit, PAGE, MAX_PAGE)?;
    let _place = store.report(None).await?;
    let page = store.budgets().page(after, limit + 1, now).await?;
    let mut standings = page.ok_or_else(|| unknown(ask.after.as_deref().unwrap_or_default()))?;
    let has_more = standings.len() > limit as usize;
    standings.truncate(limit as usize);
    let mut list = BudgetList::read(store, &standings, now).await?;
    let names = Names::read(store).await?;
    for budget in &mut list.data {
        budget.tenant_name = budget.tenant_id.and_then(|tenant| names.of(tenant));
    }
    list.next_after = standings.last().filter(|_| has_more).map(|standing| standing.budget.id);
    Ok(list)
}

const MISSING: AdminError = AdminError::NotFound("there is no such budget");

async fn find(store: &Store, id: &str, now: Timestamp) -> Result<Option<Standing>, StoreError> {
    let Ok(id) = id.parse::<BudgetId>() else { return Ok(None) };
    store.budgets().find(id, now).await
}

async fn find_view(store: &Store, id: BudgetId, now: Timestamp) -> Result<BudgetView, AdminError> {
    let standing = find(store, &id.to_string(), now).await?.ok_or(MISSING)?;
    Ok(BudgetView::read(store, &standing, now).await?)
}

fn nobody(why: &str) -> AdminError {
    AdminError::Invalid(format!("{why}: the budget would bound nobody"))
}

async fn find_scope(store: &Store, scope: &ScopeOf, now: Timestamp) -> Result<Scope, AdminError> {
    match (&scope.tenant, &scope.key, &scope.session) {
        (None, None, None) => Ok(Scope::Installation),
        (Some(name), None, None) => {
            let tenant = store.tenants().find_by_name(name).await?;
            let tenant = tenant.ok_or_else(|| AdminError::Invalid(format!("there is no tenant `{name}`")))?;
            if tenant.state == TenantState::Archived {
                return Err(nobody(&format!("the tenant `{name}` is archived")));
            }
            Ok(Scope::Tenant(tenant.id))
        }
        (None, Some(id), None) => {
            let key = store.keys().find(&KeyId::new(id.as_str())).await?;
            match key.map(|key| (key.owner, key.id)) {
                Some((KeyOwner::Tenant(_), key)) if !store.keys().any_of_family_opens(&key, now).await? => {
                    Err(nobody(&format!("the key `{id}` was revoked or has expired")))
                }
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

/// An amount that an operator writes, of at most `max`.
pub(in crate::api::admin) fn amount(text: &str, max: Usd) -> Result<Usd, AdminError> {
    let amount = Usd::parse(text).ok_or_else(|| {
        AdminError::Invalid(format!("`{text}` is no amount: give US dollars with at most nine decimals, like 50.00"))
    })?;
    if amount > max {
        return Err(AdminError::Invalid(format!("`{text}` is too much: the most that can be given here is ${max}")));
    }
    Ok(amount)
}
