//! `POST /v1/tokens`: a key buys a token for a few minutes, or a ticket for one session's stream.

use axum::Json;
use axum::extract::State;
use http::header::CACHE_CONTROL;
use http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::AccountError;
use crate::api::ApiState;
use crate::api::admin::ErrorBody;
use crate::api::auth::{BuyToken, MAX_TOKEN_SECONDS, TICKET_SECONDS, TenantCaller, Ticket};
use crate::api::input::JsonBody;
use crate::domain::{KeyScope, KeyScopes, SessionId, Timestamp};

/// A token to be bought.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NewToken {
    /// What it is to open: at most what the key opens. Left out: all of that.
    #[schema(value_type = Option<Vec<KeyScope>>, example = json!(["sessions:read"]))]
    scopes: Option<KeyScopes>,
    /// For how many seconds, at most 900. Left out: 900. A ticket is valid for 60.
    #[schema(minimum = 1, maximum = 900)]
    ttl_seconds: Option<u32>,
    /// The one session to be looked at: then it is a ticket, which may stand in an address as `?ticket=`.
    session_id: Option<String>,
}

/// A token. Not printable, so that no log shows it.
#[derive(Serialize, ToSchema)]
pub(super) struct Bought {
    /// The token, to be sent where a key is.
    token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// What it opens.
    #[schema(value_type = Vec<KeyScope>)]
    scopes: KeyScopes,
    /// The one session it opens; null when it opens them all.
    #[schema(value_type = Option<String>)]
    session_id: Option<SessionId>,
    /// From when on it opens nothing.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Buy a token with a key, or with an issuer's token, which it does not outlast. Revoking the key ends it too.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "account", operation_id = "create_token", request_body(content = NewToken, example = json!({"ttl_seconds": 300})),
    responses(
        (status = CREATED, description = "The token, shown this once", body = Bought),
        (status = BAD_REQUEST, description = "The body cannot be understood, or asks for what cannot be", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key; the message says how to send one", body = ErrorBody),
        (status = FORBIDDEN, description = "The key does not open that, or is a token itself", body = ErrorBody),
        (status = NOT_FOUND, description = "No such session", body = ErrorBody),
    ),
    security(("x-api-key" = []), ("bearer" = []), ("basic" = [])),
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: TenantCaller<BuyToken>,
    JsonBody(new): JsonBody<NewToken>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<Bought>), AccountError> {
    if caller.expires_at.is_some() && !caller.key.is_identity() {
        return Err(AccountError::Forbidden("a token buys no further token; send the key".to_owned()));
    }
    let session = match &new.session_id {
        Some(text) => Some(find_session(&state, &caller, text).await?),
        None => None,
    };
    let longest = if session.is_some() { TICKET_SECONDS } else { MAX_TOKEN_SECONDS };
    let ttl = new.ttl_seconds.unwrap_or(longest);
    if ttl == 0 || ttl > longest {
        return Err(AccountError::Invalid(format!("`ttl_seconds` is 1 to {longest} here, not {ttl}")));
    }
    let scopes = if session.is_some() { Some(reading()) } else { new.scopes };
    let scopes = match scopes {
        None => caller.scopes,
        Some(asked) if asked.and(caller.scopes) == Some(asked) => asked,
        Some(asked) => {
            let what = format!("the key opens `{}`, and so cannot buy `{asked}`", caller.scopes);
            return Err(AccountError::Forbidden(what));
        }
    };
    let now = state.clock.now();
    let end = now.plus_millis(i64::from(ttl) * 1_000);
    let expires_at = caller.expires_at.map_or(end, |longest| longest.min(end));
    let ticket = Ticket { key: caller.key, tenant: caller.tenant.id, scopes, session, expires_at };
    let token = state.gate.tokens().issue(&ticket, now);
    let bought = Bought { token, token_type: "Bearer", scopes, session_id: session, expires_at };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(bought)))
}

/// What a ticket opens.
fn reading() -> KeyScopes {
    KeyScopes::of(KeyScope::SessionsRead)
}

async fn find_session(
    state: &ApiState,
    caller: &TenantCaller<BuyToken>,
    text: &str,
) -> Result<SessionId, AccountError> {
    let missing = || AccountError::NotFound(format!("there is no session `{text}`"));
    let id = text.parse().map_err(|_| missing())?;
    let found = state.store.sessions().find(caller.tenant.id, id).await?;
    if found.is_some() { Ok(id) } else { Err(missing()) }
}
