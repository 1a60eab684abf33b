//! From the bytes of a request to its JSON object, as far as there is one.

use std::error::Error;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::LengthLimitError;
use serde_json::value::RawValue;

use super::SeedError;
use super::fault::{Fault, Kind, Step};
use super::json_fault;
use crate::net::BodyError;

/// Reads a body of at most `limit` bytes.
pub(super) async fn collect(body: Body, limit: usize) -> Result<Bytes, SeedError> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
        let error = causes.find_map(|cause| match cause.downcast_ref::<BodyError>() {
            Some(error) => Some(SeedError::Body(*error)),
            None => cause.is::<LengthLimitError>().then_some(SeedError::BodyTooLarge { limit }),
        });
        error.unwrap_or(SeedError::UnreadableBody)
    })
}

/// The JSON object in `bytes`. A body that is labelled as something else than JSON is a text, whatever it looks like.
pub(super) fn object<'a>(headers: &HeaderMap, bytes: &'a [u8]) -> Result<&'a RawValue, SeedError> {
    let whole = || vec![Step::name("body")];
    let missing = || SeedError::fault(Fault::new(&Kind::Missing, whole(), RawValue::NULL));
    if bytes.is_empty() {
        return Err(missing());
    }
    if !is_json(headers) {
        let text = String::from_utf8_lossy(bytes);
        return Err(SeedError::fault(Fault::of_text(&Kind::NotAnObject, whole(), &text)));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| SeedError::UnreadableBody)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value: &RawValue = serde_json::from_str(text).map_err(|_| match json_fault::find(text) {
        Some(broken) => SeedError::fault(Fault::broken_json(broken.place, broken.error)),
        None => SeedError::UnreadableBody,
    })?;
    match value.get() {
        "null" => Err(missing()),
        text if text.starts_with('{') => Ok(value),
        _ => Err(SeedError::fault(Fault::new(&Kind::NotAnObject, whole(), value))),
    }
}

/// Whether the body is labelled as JSON, or not labelled at all.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(label) = headers.get(CONTENT_TYPE) else { return true };
    let Ok(label) = label.to_str() else { return false };
    let media_type = label.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let Some(subtype) = media_type.strip_prefix("application/") else { return media_type.is_empty() };
    subtype == "json" || subtype.ends_with("+json")
}
