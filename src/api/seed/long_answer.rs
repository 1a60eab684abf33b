//! Answers that may be long: given piece by piece, to a bounded number of readers at a time.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use tokio::time::timeout;
use tracing::error;

use super::SeedError;
use crate::store::Pieces;

/// How long a reader waits for its turn.
const WAIT: Duration = Duration::from_secs(30);

/// Reads the first of an answer, and gives the rest as it is taken.
pub(super) async fn soon(read: impl Future<Output = Result<Pieces, SeedError>>) -> Result<Response, SeedError> {
    let too_many = "too many long answers are being read by this tenant; read them to their ends, and try again";
    let pieces = timeout(WAIT, read).await.unwrap_or_else(|_| Err(SeedError::Full(too_many.to_owned())))?;
    let length = pieces.length();
    let logged = pieces.inspect_err(|error| {
        error!(error = error as &dyn std::error::Error, "long answer broken off");
    });
    let mut response = Body::from_stream(logged).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    Ok(response)
}
