//! Counts every call of a listener, and how long its answer took.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use tokio::time::Instant;

use crate::metrics::catalogue::{HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS};

/// Which listener a call came to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Listener {
    Public,
    Operator,
}

impl Listener {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Operator => "operator",
        }
    }
}

/// Measures a call.
pub(super) async fn layer(State(listener): State<Listener>, request: Request, next: Next) -> Response {
    let listener = listener.as_str();
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let (route, method) = (route(path).to_owned(), method(request.method()));
    let _in_flight = HTTP_IN_FLIGHT.raised([listener]);
    let began = Instant::now();
    let response = next.run(request).await;
    let took: Duration = began.elapsed();
    HTTP_REQUESTS.one([listener, &route, method, status(response.status())]);
    HTTP_DURATION.took([listener, &route], took);
    response
}

/// The route as it is documented; those below which files lie count as one.
fn route(path: Option<&str>) -> &str {
    match path {
        None => "other",
        Some(path) if path.starts_with("/ui") => "/ui/",
        Some(path) if path.starts_with("/docs") => "/docs",
        Some(path) => path,
    }
}

/// A method anybody may send, as one of a closed list.
fn method(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// A status as its class.
fn status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
