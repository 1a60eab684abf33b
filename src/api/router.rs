//! The routers of the two listeners: tenants on the public one, operators on theirs.

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use http::HeaderName;
use http::header::{CONTENT_DISPOSITION, LINK, RETRY_AFTER};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::services::ServeDir;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use super::auth::cross_site::{self, CrossSite};
use super::auth::{AnyKey, KeySchemes, TenantCaller};
use super::measure::{self, Listener};
use super::{ApiState, account, admin, collect, document, health, rate_headers, requests, seed, unrouted};

/// What the documents begin with.
#[derive(OpenApi)]
#[openapi(info(title = "innkeeper", description = "Runs coding agents for many tenants."), modifiers(&KeySchemes))]
struct Document;

/// What tenants reach.
pub fn public(state: ApiState) -> Router {
    let (router, document) = tenants().split_for_parts();
    let ui = ui(&state);
    let cors = cors(&state.config.http.cors_origins);
    let incoming = state.config.traces.incoming;
    let pages = CrossSite::of_tenants(&state.config.http);
    router
        .with_state(state)
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .merge(ui)
        .fallback(unrouted::tenants_path)
        .method_not_allowed_fallback(unrouted::method)
        .layer(axum::middleware::from_fn_with_state(pages, cross_site::layer))
        .layer(axum::middleware::from_fn(rate_headers::layer))
        .layer(CatchPanicLayer::new())
        .layer(axum::middleware::from_fn_with_state(Listener::Public, measure::layer))
        .layer(cors)
        .layer(axum::middleware::from_fn_with_state(incoming, requests::layer))
}

/// The calls of tenants.
fn tenants() -> OpenApiRouter<ApiState> {
    let mut router = OpenApiRouter::with_openapi(Document::openapi()).merge(seed::router()).merge(account::router());
    document::complete(router.get_openapi_mut());
    router
}

/// The calls of operators.
fn operators() -> OpenApiRouter<ApiState> {
    let mut router = OpenApiRouter::with_openapi(Document::openapi()).merge(admin::router());
    document::complete(router.get_openapi_mut());
    router
}

/// What operators reach.
pub fn operator(state: ApiState) -> Router {
    let (router, document) = operators().split_for_parts();
    let incoming = state.config.traces.incoming;
    let pages = CrossSite::of_operators(&state.config.http);
    router
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(collect::metrics))
        .with_state(state)
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .fallback(unrouted::operators_path)
        .method_not_allowed_fallback(unrouted::method)
        .layer(axum::middleware::from_fn_with_state(pages, cross_site::layer))
        .layer(axum::middleware::from_fn(rate_headers::layer))
        .layer(CatchPanicLayer::new())
        .layer(axum::middleware::from_fn_with_state(Listener::Operator, measure::layer))
        .layer(axum::middleware::from_fn_with_state(incoming, requests::layer))
}

/// The operator's own files at `/ui`, for whoever has a key.
fn ui(state: &ApiState) -> Router {
    let directory = &state.config.http.static_dir;
    if directory.as_os_str().is_empty() {
        return Router::new();
    }
    let guard = axum::middleware::from_extractor_with_state::<TenantCaller<AnyKey>, _>(state.clone());
    Router::new()
        .nest_service("/ui/", ServeDir::new(directory))
        .route("/ui", get(|| async { Redirect::temporary("/ui/") }))
        .layer(guard)
}

/// What the scripts of a page that may call can read of an answer's header, besides what every browser shows them.
const EXPOSED_HEADERS: [HeaderName; 7] = [
    RETRY_AFTER,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("traceresponse"),
    LINK,
    CONTENT_DISPOSITION,
];

/// No page of another origin may call, but for the origins that are listed.
fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<_> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    if origins.is_empty() {
        return CorsLayer::new();
    }
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods(tower_http::cors::AllowMethods::mirror_request())
        .allow_headers(tower_http::cors::AllowHeaders::mirror_request())
        .expose_headers(EXPOSED_HEADERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_send_a_key_that_a_call_names_is_described() {
        for router in [tenants(), operators()] {
            let document = serde_json::to_value(router.into_openapi()).unwrap();
            let described = document["components"]["securitySchemes"].as_object().unwrap();
            let calls = document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap());
            for (method, call) in calls {
                let ways = call["security"].as_array().into_iter().flatten();
                for way in ways.flat_map(|way| way.as_object().unwrap().keys()) {
                    assert!(described.contains_key(way), "{method} {}: `{way}`", call["operationId"]);
                }
            }
        }
    }

    #[test]
    fn the_documents_are_what_was_reviewed() {
        insta::assert_json_snapshot!("public_openapi", tenants().into_openapi());
        insta::assert_json_snapshot!("operator_openapi", operators().into_openapi());
    }
}
