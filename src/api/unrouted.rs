//! Answers to requests that no route takes: a path there is none of, or a path that takes other methods.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, Uri};

use super::admin::{ErrorBody, ErrorDetail};
use super::seed;

/// A path of tenants' listener that does not exist. The seed API has an answer of its own.
pub(super) async fn tenants_path(uri: Uri) -> Response {
    if uri.path().starts_with("/v1/") { no_path(&uri) } else { seed::not_found().await }
}

/// A path of operators' listener that does not exist.
pub(super) async fn operators_path(uri: Uri) -> Response {
    no_path(&uri)
}

/// A method that a path does not take. `Allow` says which ones it takes.
pub(super) async fn method(method: Method, uri: Uri) -> Response {
    let message = format!("`{}` does not take {method}; the header `Allow` says what it takes", shortened(uri.path()));
    answer(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

fn no_path(uri: &Uri) -> Response {
    let message = format!("there is no path `{}` here; /docs shows those that there are", shortened(uri.path()));
    answer(StatusCode::NOT_FOUND, "not_found", message)
}

/// A path as it is repeated to its caller.
fn shortened(path: &str) -> String {
    path.chars().take(200).collect()
}

fn answer(status: StatusCode, code: &'static str, message: String) -> Response {
    (status, Json(ErrorBody { error: ErrorDetail { code, message } })).into_response()
}
