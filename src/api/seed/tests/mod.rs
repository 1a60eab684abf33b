//! The API as its clients meet it: bodies and their faults, the shapes of the answers, paths and methods.

mod broken_bodies;
mod faults;
mod messages;
mod requests;
mod routes;
mod views;

use axum::response::IntoResponse;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::validate::{ExecuteRequest, TextBounds};
use super::{SeedError, body, validate};

/// The longest prompt these tests allow.
const MAX_PROMPT_BYTES: usize = 64;

/// The longest texts these tests allow.
const BOUNDS: TextBounds = TextBounds { prompt: MAX_PROMPT_BYTES, system_prompt: 128, env: 100_000 };

/// Reads a request as the handler does; `Err` is what is answered.
async fn read(content_type: Option<&str>, bytes: &[u8]) -> Result<ExecuteRequest, (u16, String)> {
    let mut headers = HeaderMap::new();
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    }
    let request =
        body::object(&headers, bytes).and_then(|object| validate::execute(object, &BOUNDS).map_err(SeedError::Invalid));
    match request {
        Ok(request) => Ok(request),
        Err(error) => Err(answer(error).await),
    }
}

/// Reads a request labelled as JSON.
async fn read_json(bytes: &[u8]) -> Result<ExecuteRequest, (u16, String)> {
    read(Some("application/json"), bytes).await
}

/// What an error is answered with.
async fn answer(error: impl IntoResponse) -> (u16, String) {
    let response = error.into_response();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}
