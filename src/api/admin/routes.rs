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
        .routes(routes!(tenants::get, tenants::archive))
        .routes(routes!(tenants::set_limits))
        .routes(routes!(tenants::suspend))
        .routes(routes!(tenants::resume))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(budgets::create, budgets::list))
        .routes(routes!(budgets::update, budgets::archive))
}
