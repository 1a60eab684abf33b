//! What operators give to several calls: times, reasons and the length of a page.

use super::AdminError;
use crate::domain::Timestamp;

/// The longest reason.
const MAX_REASON_CHARS: usize = 500;

/// A moment, as `2026-11-01T00:00:00Z`.
pub(super) fn moment(text: &str) -> Result<Timestamp, AdminError> {
    let moment = Timestamp::parse(text);
    moment.ok_or_else(|| AdminError::Invalid(format!("`{text}` is no time like 2026-11-01T00:00:00Z")))
}

/// How many entries a page has: `limit`, or `default` when nothing is said.
pub(super) fn page_size(limit: Option<u32>, default: u32, max: u32) -> Result<u32, AdminError> {
    let limit = limit.unwrap_or(default);
    if (1..=max).contains(&limit) {
        return Ok(limit);
    }
    Err(AdminError::Invalid(format!("`limit` is 1 to {max}, not {limit}")))
}

/// A reason: something that a later reader of the audit can make sense of.
pub(super) fn reason(text: &str) -> Result<&str, AdminError> {
    let reason = text.trim();
    let fits = !reason.is_empty() && reason.chars().count() <= MAX_REASON_CHARS;
    if fits && !reason.chars().any(char::is_control) {
        return Ok(reason);
    }
    Err(AdminError::Invalid(format!("give a reason of 1 to {MAX_REASON_CHARS} characters, on one line")))
}
