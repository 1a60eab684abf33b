//! Responses as the API sends them, with the headers that a gateway has to take off.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use uuid::Uuid;

use super::errors::ApiError;
use super::record::Delivery;
use super::reply::{Delivered, Reply};
use super::stream::{Playback, document, events};

/// Headers that the API adds to its answers and that describe the holder of the key: nothing for a tenant to see.
const PRIVATE_HEADERS: [(&str, &str); 8] = [
    ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
    ("anthropic-ratelimit-requests-limit", "4000"),
    ("anthropic-ratelimit-requests-remaining", "3999"),
    ("anthropic-ratelimit-requests-reset", "2030-01-01T00:00:00Z"),
    ("anthropic-ratelimit-tokens-limit", "2000000"),
    ("anthropic-ratelimit-tokens-remaining", "1990000"),
    ("anthropic-ratelimit-tokens-reset", "2030-01-01T00:00:00Z"),
    ("set-cookie", "__cf_bm=stand-in; path=/; HttpOnly; Secure"),
];

/// Sends `reply`.
pub(super) async fn respond(reply: Reply, delivery: Delivery) -> Response {
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    let mut response = match reply.outcome {
        Ok(delivered) => deliver(delivered, delivery),
        Err(error) => refuse(error, delivery),
    };
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Sends `error`.
pub(super) fn refuse(error: ApiError, delivery: Delivery) -> Response {
    let request_id = new_request_id();
    finished(error.into_response(&request_id), &request_id, delivery)
}

/// Sends a response that is complete.
pub(super) fn finish(response: Response, delivery: Delivery) -> Response {
    finished(response, &new_request_id(), delivery)
}

fn finished(mut response: Response<Body>, request_id: &str, mut delivery: Delivery) -> Response {
    delivery.answer(response.status());
    delivery.finish();
    add_headers(response.headers_mut(), request_id);
    response
}

fn deliver(delivered: Delivered, delivery: Delivery) -> Response {
    let Delivered { answer, streams, breaks } = delivered;
    let (content_type, pace, frames) = if streams {
        ("text/event-stream; charset=utf-8", answer.pace, events(answer))
    } else {
        ("application/json", answer.duration(), document(answer))
    };
    let request_id = new_request_id();
    delivery.answer(StatusCode::OK);
    let playback = Playback::new(frames, pace, breaks, &request_id, delivery);
    let mut response = Response::new(playback.into_body());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    add_headers(response.headers_mut(), &request_id);
    response
}

fn add_headers(headers: &mut HeaderMap, request_id: &str) {
    for (name, value) in PRIVATE_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(request_id) = HeaderValue::try_from(request_id) {
        headers.insert("request-id", request_id);
    }
}

fn new_request_id() -> String {
    format!("req_{}", Uuid::new_v4().simple())
}
