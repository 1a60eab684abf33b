//! From the bytes of a request to its JSON object, as far as there is one.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::value::RawValue;

use super::SeedError;
use super::fault::{Fault, Kind, Step};
use super::json_fault;
use crate::api::input::is_json;

/// The JSON object in `bytes`. A body that is labelled as something else than JSON is a text, whatever it looks like.
pub(super) fn object<'a>(headers: &HeaderMap, bytes: &'a [u8]) -> Result<&'a RawValue, SeedError> {
    let whole = || vec![Step::name("body")];
    let missing = || SeedError::fault(Fault::new(&Kind::Missing, whole(), RawValue::NULL));
    if bytes.is_empty() {
        return Err(missing());
    }
    let label = headers.get(CONTENT_TYPE).map(|label| String::from_utf8_lossy(label.as_bytes()));
    if label.is_some_and(|label| !label.is_empty() && !is_json(&label)) {
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
