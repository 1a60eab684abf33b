//! Every request gets an id, which its answer, its log lines and its span have, and a span that is part of its caller's trace.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use tracing::debug;

use crate::config::IncomingTraces;
use crate::domain::RequestId;
use crate::telemetry::{self, Kind, Span, TraceContext};

/// The id of a request, on its answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// The id its caller gave it. It is noted and believed in nothing: two requests may have the same.
const CALLERS_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's span, on its answer, as W3C's Trace Context (Level 2) has it.
const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// The longest id of a caller that is noted.
const CALLERS_ID_LENGTH: usize = 128;

/// What is asked for all the time and by machines: it has no spans.
const NOT_TRACED: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// Serves a request under its id.
pub(super) async fn layer(State(incoming): State<IncomingTraces>, request: Request, next: Next) -> Response {
    let (id, begun_at) = (RequestId::generate(), Instant::now());
    let (method, route) = (method(&request), route(&request));
    let span = begin(&request, id, method, &route, incoming);
    let context = span.context();
    let callers = callers_id(request.headers());
    let serving = async {
        let response = next.run(request).await;
        let status = response.status();
        let (status_code, duration_ms) =
            (status.as_u16(), u64::try_from(begun_at.elapsed().as_millis()).unwrap_or(u64::MAX));
        debug!(method, route, status = status_code, duration_ms, callers_request = callers, "a request is answered");
        telemetry::set("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            telemetry::fail(status.as_str().to_owned());
        }
        response
    };
    let mut response = telemetry::in_request(span.until_done(serving), id, context.clone()).await;
    let traced = context.traceparent().filter(|_| context.is_sampled());
    for (name, value) in [(REQUEST_ID, Some(id.to_string())), (TRACERESPONSE, traced)] {
        let value = value.and_then(|value| HeaderValue::try_from(value).ok());
        response.headers_mut().extend(value.map(|value| (name, value)));
    }
    response
}

/// The request's span. It has the route in the place of the path: ids are no names, and a ticket in an address is a secret.
fn begin(request: &Request, id: RequestId, method: &'static str, route: &str, incoming: IncomingTraces) -> Span {
    if NOT_TRACED.contains(&route) {
        return Span::none();
    }
    let attributes = [
        ("http.request.method", method.into()),
        ("http.route", route.to_owned().into()),
        ("request", id.to_string().into()),
    ];
    let parent = TraceContext::incoming(request.headers(), incoming);
    let span = Span::begin(Kind::Server, format!("{method} {route}"), &parent, attributes);
    if let Some(callers) = callers_id(request.headers()) {
        span.set("http.request.header.x-request-id", callers);
    }
    span
}

/// What a request wants to do. What is no method of HTTP is a word of the caller's.
fn method(request: &Request) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    METHODS.into_iter().find(|method| *method == request.method().as_str()).unwrap_or("_OTHER")
}

fn route(request: &Request) -> String {
    request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned()
}

fn callers_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(CALLERS_ID)?.to_str().ok()?;
    Some(id.chars().take(CALLERS_ID_LENGTH).collect())
}
