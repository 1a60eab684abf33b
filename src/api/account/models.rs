//! `GET /v1/models`: the models a tenant may use, under which names, and what they cost.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::AccountError;
use crate::api::ApiState;
use crate::api::admin::{ErrorBody, TierView};
use crate::api::auth::{AnyKey, TenantCaller};
use crate::domain::Timestamp;
use crate::gateway::ListedModel;

/// The models a tenant may use.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Models {
    /// The models, in the order of the price table.
    data: Vec<ModelInfo>,
    /// The model of a request that names none. It is refused where it is not among the tenant's.
    default_model: String,
    /// The version of the price table, which the ledger keeps with every call.
    price_version: String,
    /// From when on the prices hold.
    #[schema(value_type = String, format = DateTime)]
    effective: Timestamp,
    /// What a thousand web searches cost, in US dollars as text.
    #[schema(example = "10")]
    web_search_per_1k_usd: String,
}

/// A model. Prices are US dollars as text, of a million tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelInfo {
    /// Always `model`.
    #[schema(example = "model")]
    r#type: &'static str,
    /// Its name, under which the ledger has its calls.
    #[schema(example = "claude-haiku-4-5")]
    id: String,
    /// Its other names.
    aliases: Vec<String>,
    /// The names under which a request may ask for it.
    names: Vec<String>,
    /// The most tokens of input a call can have.
    context_tokens: u64,
    /// The longest answer, in tokens.
    max_output_tokens: u64,
    /// Its prices by rising length of the prompt: the last tier whose bound the prompt exceeds holds for the whole call.
    tiers: Vec<TierView>,
    /// Its prices in fast mode; null for a model that cannot be called in it.
    fast: Option<TierView>,
}

/// List the models the tenant may use, with their other names and their prices.
#[utoipa::path(
    get, path = "/v1/models", tag = "account", operation_id = "list_models",
    responses(
        (status = OK, description = "The models", body = Models),
        (status = UNAUTHORIZED, description = "No valid key", body = ErrorBody),
    ),
    security(("x-api-key" = []), ("bearer" = []), ("basic" = [])),
)]
pub(super) async fn models(
    State(state): State<ApiState>,
    caller: TenantCaller<AnyKey>,
) -> Result<Json<Models>, AccountError> {
    let allowed = caller.tenant.limits.models.as_deref();
    let list = state.prices.list();
    let models = list.models.into_iter().map(|model| (state.prices.names_of(&model, allowed), model));
    let models = models.filter(|(names, _)| !names.is_empty());
    Ok(Json(Models {
        data: models.map(|(names, model)| ModelInfo::new(model, names)).collect(),
        default_model: state.config.agent.default_model.clone(),
        price_version: list.version,
        effective: list.effective,
        web_search_per_1k_usd: list.web_search_per_1k,
    }))
}

impl ModelInfo {
    fn new(model: ListedModel, names: Vec<String>) -> Self {
        Self {
            r#type: "model",
            id: model.id,
            aliases: model.aliases,
            names,
            context_tokens: model.context_tokens,
            max_output_tokens: model.max_output_tokens,
            tiers: model.tiers.into_iter().map(TierView::from).collect(),
            fast: model.fast.map(TierView::from),
        }
    }
}
