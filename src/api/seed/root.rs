//! `GET /`: what this API is. Open, for it says the same to everybody: a probe or a client's first look needs no key.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// What the API is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Root {
    #[schema(value_type = String)]
    message: &'static str,
    #[schema(value_type = String)]
    version: &'static str,
    endpoints: Endpoints,
}

/// What can be called.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Endpoints {
    #[schema(value_type = String)]
    execute: &'static str,
    #[schema(value_type = String)]
    status: &'static str,
    #[schema(value_type = String)]
    cancel: &'static str,
    #[schema(value_type = String)]
    delete: &'static str,
    #[schema(value_type = String)]
    sessions: &'static str,
    #[schema(value_type = String)]
    cleanup: &'static str,
}

/// Say what this API is.
#[utoipa::path(get, path = "/", tag = "sessions", operation_id = "describe_api", responses((status = OK, description = "What the API is", body = Root)), security(()))]
pub(super) async fn root() -> Json<Root> {
    Json(Root {
        message: "Claude Agent SDK API",
        version: "1.0.0",
        endpoints: Endpoints {
            execute: "POST /execute/ - Execute a new agent session",
            status: "GET /status/{session_id} - Get session status",
            cancel: "POST /cancel/{session_id} - Cancel a running session",
            delete: "DELETE /sessions/{session_id} - Delete a specific session",
            sessions: "GET /sessions/ - List all sessions",
            cleanup: "DELETE /sessions/cleanup - Cleanup old sessions",
        },
    })
}
