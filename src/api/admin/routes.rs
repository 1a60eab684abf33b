//! The paths of the admin API.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::budgets::calls as budgets;
use super::{audit, calls, cleanup, export, keys, prices, sessions, tenants};
use crate::api::ApiState;

/// The admin API, to be served where operators are.
pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(tenants::create, tenants::list))
        .routes(routes!(tenants::get, tenants::update, tenants::archive))
        .routes(routes!(tenants::set_limits))
        .routes(routes!(tenants::suspend))
        .routes(routes!(tenants::resume))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::create_operator, keys::list_operator))
        .routes(routes!(keys::expire, keys::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(budgets::create, budgets::list))
        .routes(routes!(budgets::update, budgets::archive))
        .routes(routes!(budgets::top_up))
        .routes(routes!(calls::list))
        .routes(routes!(calls::correct))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::get))
        .routes(routes!(sessions::cancel))
        .routes(routes!(cleanup::clean_up))
        .routes(routes!(prices::get))
        .routes(routes!(prices::reload))
        .routes(routes!(audit::list))
        .routes(routes!(export::export))
}
