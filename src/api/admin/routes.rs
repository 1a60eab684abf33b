//! The paths of the admin API.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::budgets::calls as budgets;
use super::{keys, tenants};
use crate::api::ApiState;

/// The admin API, to be served where operators are.
pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(tenants::create, tenants::list))
        .routes(routes!(keys::create))
        .routes(routes!(budgets::create, budgets::list))
        .routes(routes!(budgets::update, budgets::archive))
}
