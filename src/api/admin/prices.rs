//! `/admin/v1/prices`: what model calls cost, and reading that anew.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{AdminError, ErrorBody};
use crate::api::ApiState;
use crate::api::auth::OperatorCaller;
use crate::api::input::JsonBody;
use crate::domain::{Action, Timestamp};
use crate::gateway::{ListedModel, ListedTier, PriceList};

/// The prices in force. All are US dollars as text, of a million tokens where nothing else is said.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PricesView {
    /// The table's version, which the ledger keeps with every call.
    version: String,
    /// From when on the prices hold, as the table says.
    #[schema(value_type = String, format = DateTime)]
    effective: Timestamp,
    /// The file they were read from; null for those innkeeper was built with.
    file: Option<String>,
    /// What a thousand web searches cost.
    web_search_per_1k_usd: String,
    /// The factor on the price of every token of a call that is served from the US alone.
    us_geo: String,
    /// The models, in the order of the file.
    models: Vec<ModelView>,
}

/// A model's prices.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelView {
    /// The model's name.
    id: String,
    /// Its other names.
    aliases: Vec<String>,
    /// Its tiers by rising bound: the last whose bound the prompt exceeds holds for the whole call.
    tiers: Vec<TierView>,
    /// Its prices in fast mode; null for a model that cannot be called in it.
    fast: Option<TierView>,
    /// The most tokens of input a step of a call can have.
    context_tokens: u64,
    /// The longest answer, in tokens, that is held for.
    max_output_tokens: u64,
    /// The most tokens an image costs.
    max_image_tokens: u64,
}

/// A tier's prices.
#[derive(Debug, Serialize, ToSchema)]
pub struct TierView {
    /// The longest prompt, in tokens, that is still too short for this tier.
    above_prompt_tokens: u64,
    /// Input that the cache has no part in.
    input_usd: String,
    /// Output, thinking included.
    output_usd: String,
    /// Input written to the cache for five minutes.
    cache_write_5m_usd: String,
    /// Input written to the cache for an hour.
    cache_write_1h_usd: String,
    /// Input read from the cache.
    cache_read_usd: String,
}

/// How the prices are to be read anew.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReloadPrices {
    /// Whether a price that falls by more than half and a model that vanishes are taken as meant.
    force: bool,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReloadedView {
    /// The version that was in force.
    old_version: String,
    /// The version that is: the same one, if the file has not changed.
    version: String,
}

/// Show the prices in force.
#[utoipa::path(
    get, path = "/admin/v1/prices", tag = "admin", operation_id = "get_prices",
    responses(
        (status = OK, description = "The prices", body = PricesView),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn get(_operator: OperatorCaller, State(state): State<ApiState>) -> Json<PricesView> {
    Json(state.prices.list().into())
}

/// Read the price file anew. Calls that are opened from then on are charged by it.
#[utoipa::path(
    post, path = "/admin/v1/prices/reload", tag = "admin", operation_id = "reload_prices", request_body(content = ReloadPrices, example = json!({"force": false})),
    responses(
        (status = OK, description = "The version that was in force, and the one that is", body = ReloadedView),
        (status = BAD_REQUEST, description = "The file cannot be used; the prices in force stay", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn reload(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    JsonBody(ReloadPrices { force }): JsonBody<ReloadPrices>,
) -> Result<Json<ReloadedView>, AdminError> {
    let prices = state.prices.clone();
    let read = tokio::task::spawn_blocking(move || prices.reload(force)).await.expect("reading prices never panics");
    let reloaded = read.map_err(|error| AdminError::Invalid(error.to_string()))?;
    let after = json!({ "version": reloaded.new, "before": reloaded.old, "force": force });
    state.store.audit().note(Action::ReloadPrices, &reloaded.new, after, &by).await?;
    Ok(Json(ReloadedView { old_version: reloaded.old, version: reloaded.new }))
}

impl From<PriceList> for PricesView {
    fn from(list: PriceList) -> Self {
        Self {
            version: list.version,
            effective: list.effective,
            file: list.file.map(|file| file.display().to_string()),
            web_search_per_1k_usd: list.web_search_per_1k,
            us_geo: list.us_geo,
            models: list.models.into_iter().map(ModelView::from).collect(),
        }
    }
}

impl From<ListedModel> for ModelView {
    fn from(model: ListedModel) -> Self {
        let ListedModel { id, aliases, tiers, fast, context_tokens, max_output_tokens, max_image_tokens } = model;
        let (tiers, fast) = (tiers.into_iter().map(TierView::from).collect(), fast.map(TierView::from));
        Self { id, aliases, tiers, fast, context_tokens, max_output_tokens, max_image_tokens }
    }
}

impl From<ListedTier> for TierView {
    fn from(tier: ListedTier) -> Self {
        Self {
            above_prompt_tokens: tier.above_prompt_tokens,
            input_usd: tier.input,
            output_usd: tier.output,
            cache_write_5m_usd: tier.cache_write_5m,
            cache_write_1h_usd: tier.cache_write_1h,
            cache_read_usd: tier.cache_read,
        }
    }
}
