//! `DELETE /sessions/cleanup`: forgets the sessions that ended long ago.

use axum::Json;
use axum::extract::{Query, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::SeedError;
use super::error::{Invalid, Refusal};
use super::fault::{Fault, Kind, Step};
use super::schema::WholeNumber;
use super::{integer, warnings};
use crate::api::ApiState;
use crate::api::auth::{ChangeSessions, TenantCaller};

/// The one parameter.
const MAX_AGE_HOURS: &str = "max_age_hours";

/// How long ago, when the request does not say.
const DEFAULT_HOURS: i64 = 24;

/// Sessions that were deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CleanupResponse {
    /// How many.
    removed: u64,
    /// The same in words.
    message: String,
    /// Which parameters were ignored, in words; absent when none was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Delete the sessions that ended more than so many hours ago.
#[utoipa::path(
    delete, path = "/sessions/cleanup", tag = "sessions", operation_id = "clean_up_sessions",
    params(("max_age_hours" = inline(Option<WholeNumber>), Query, description = "24 when absent; 0 for all that ended")),
    responses(
        (status = OK, description = "The sessions were deleted", body = CleanupResponse),
        (status = UNAUTHORIZED, description = "No valid key", body = Refusal),
        (status = UNPROCESSABLE_ENTITY, description = "The age is no whole number, or negative", body = Invalid),
    ),
    security(("x-api-key" = ["sessions:write"]), ("bearer" = ["sessions:write"]), ("basic" = ["sessions:write"])),
)]
pub(super) async fn cleanup(
    State(state): State<ApiState>,
    caller: TenantCaller<ChangeSessions>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<CleanupResponse>, SeedError> {
    let hours = max_age_hours(&query)?;
    let ended_before = state.clock.now().minus_seconds(hours.saturating_mul(3_600));
    let unknown: Vec<_> =
        query.into_iter().map(|(name, _)| name).filter(|name| name != MAX_AGE_HOURS).take(20).collect();
    let warnings = warnings::ignored("parameter", &unknown, &[MAX_AGE_HOURS]);
    let removed = state.sessions.cleanup(caller.tenant.id, ended_before).await?;
    Ok(Json(CleanupResponse { removed, message: format!("Cleaned up {removed} old sessions"), warnings }))
}

/// The age the query names; of several, the last counts.
fn max_age_hours(query: &[(String, String)]) -> Result<i64, SeedError> {
    let name = MAX_AGE_HOURS;
    let Some((_, text)) = query.iter().rfind(|(key, _)| key == name) else { return Ok(DEFAULT_HOURS) };
    let fault = |kind: &Kind| SeedError::fault(Fault::of_text(kind, vec![Step::name("query"), Step::name(name)], text));
    match integer::from_text(text) {
        Ok(hours) if hours < 0 => Err(fault(&Kind::BelowLeast(0))),
        Ok(hours) => Ok(hours),
        Err(kind) => Err(fault(&kind)),
    }
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::*;

    fn read(query: &str) -> Result<i64, String> {
        let uri: Uri = format!("/sessions/cleanup{query}").parse().unwrap();
        let Query(pairs) = Query::<Vec<_>>::try_from_uri(&uri).unwrap();
        max_age_hours(&pairs).map_err(|error| match error {
            SeedError::Invalid(faults) => serde_json::to_string(&faults[0]).unwrap(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_last_age_counts_however_it_is_written() {
        for (query, hours) in [
            ("", 24),
            ("?", 24),
            ("?foo=1", 24),
            ("?MAX_AGE_HOURS=x", 24),
            ("?max_age_hours=0", 0),
            ("?max_age_hours=-0", 0),
            ("?max_age_hours=1.0", 1),
            ("?max_age_hours=%201%20", 1),
            ("?max_age_hours=+1+", 1),
            ("?max_age_hours=%2B5", 5),
            ("?max%5Fage%5Fhours=7", 7),
            ("?max_age_hours=1&max_age_hours=2", 2),
            ("?max_age_hours=x&max_age_hours=2", 2),
            ("?max_age_hours=9223372036854775808", i64::MAX),
        ] {
            assert_eq!(read(query), Ok(hours), "{query}");
        }
        assert_eq!(read(&format!("?max_age_hours={}", "9".repeat(400))), Ok(i64::MAX));
    }

    #[test]
    fn anything_else_is_a_fault_at_its_place() {
        let parsing = "Input should be a valid integer, unable to parse string as an integer";
        for (query, input) in [
            ("?max_age_hours=abc", "abc"),
            ("?max_age_hours=", ""),
            ("?max_age_hours", ""),
            ("?max_age_hours=1.5", "1.5"),
            ("?max_age_hours=true", "true"),
            ("?max_age_hours=2&max_age_hours=x", "x"),
            ("?max_age_hours=%ff", "\u{fffd}"),
            ("?max_age_hours=%zz", "%zz"),
            ("?max_age_hours=1=2", "1=2"),
            ("?max_age_hours=1;max_age_hours=2", "1;max_age_hours=2"),
        ] {
            let fault = format!(
                r#"{{"type":"int_parsing","loc":["query","max_age_hours"],"msg":"{parsing}","input":"{input}"}}"#
            );
            assert_eq!(read(query), Err(fault), "{query}");
        }
        assert!(read(&format!("?max_age_hours={}", "9".repeat(5_000))).unwrap_err().contains("int_parsing_size"));
    }

    #[test]
    fn a_negative_age_is_refused() {
        let fault = concat!(
            r#"{"type":"greater_than_equal","loc":["query","max_age_hours"],"#,
            r#""msg":"Input should be greater than or equal to 0","input":"-1","ctx":{"ge":0}}"#
        );
        assert_eq!(read("?max_age_hours=-1"), Err(fault.to_owned()));
    }
}
