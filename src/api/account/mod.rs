//! The account API: who am I, what did I spend, what is left. For tenants, about themselves.

mod budget;
mod changes;
mod error;
mod export;
mod files;
mod me;
mod models;
mod tokens;
mod usage;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;

/// The paths of the account API.
pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(me::me))
        .routes(routes!(models::models))
        .routes(routes!(budget::budget))
        .routes(routes!(usage::usage))
        .routes(routes!(export::export))
        .routes(routes!(tokens::create))
        .routes(routes!(changes::changes))
        .routes(routes!(files::files))
        .routes(routes!(files::contents))
}
