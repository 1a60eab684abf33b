//! The Messages API as a sandbox sees it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{any, head, post};
use http::StatusCode;
use serde::Deserialize;
use tracing::warn;

use super::call::Call;
use super::client::Client;
use super::headers;
use super::reply::Refusal;
use super::server::Peer;

/// What of a call's body decides its price. The rest is the provider's business, and the body goes on as it came. A
/// field that is there twice is refused, because the provider may read the other one.
#[derive(Deserialize)]
struct Ask {
    model: String,
    max_tokens: Option<u64>,
    speed: Option<String>,
    inference_geo: Option<String>,
}

/// The routes of one sandbox's socket.
pub(super) fn router(peer: Peer) -> Router {
    Router::new()
        .route("/", head(alive))
        .route("/api/hello", head(alive))
        .route("/v1/messages", post(create))
        .route("/v1/messages/count_tokens", post(count_tokens))
        .route("/v1/messages/batches", any(batches))
        .route("/v1/messages/batches/{*rest}", any(batches))
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .with_state(peer)
}

/// What the agent asks to see whether it is connected.
async fn alive() -> StatusCode {
    StatusCode::OK
}

async fn nothing_here() -> Refusal {
    Refusal::unknown_path()
}

async fn batches() -> Refusal {
    Refusal::unpriceable("a batch of calls")
}

/// Calls the model.
async fn create(State(peer): State<Peer>, request: Request) -> Result<Response, Refusal> {
    let outgoing = peer.take(request).await?;
    let ask: Ask = serde_json::from_slice(&outgoing.body).map_err(Refusal::malformed)?;
    ask.check()?;
    if !peer.gateway.books.prices().knows(&ask.model) {
        warn!(model = ask.model.chars().take(100).collect::<String>(), session = %peer.caller.session, "no price");
        return Err(Refusal::unpriced_model(&ask.model));
    }
    let (client, answer) = Client::new(peer.closed.clone(), peer.gateway.tasks.stopping().clone());
    let gateway = Arc::clone(&peer.gateway);
    // A call without `max_tokens` is refused by the model API.
    let max_tokens = ask.max_tokens.unwrap_or_default();
    let call = Call { gateway, caller: peer.caller, model: ask.model, max_tokens, outgoing, client };
    peer.gateway.tasks.spawn("model call", call.run());
    answer.await.map_err(|_| Refusal::ended())
}

/// Counts a request's tokens, which is free.
async fn count_tokens(State(peer): State<Peer>, request: Request) -> Result<Response, Refusal> {
    let outgoing = peer.take(request).await?;
    let limit = peer.gateway.limits.response;
    let counted = async {
        let mut answer = peer.gateway.upstream.count_tokens(outgoing).await?;
        let head = (answer.status(), headers::incoming(std::mem::take(answer.headers_mut())));
        Ok((head, answer.bytes().await?))
    };
    let counted = tokio::time::timeout(limit, counted).await.map_err(|_| Refusal::no_answer(limit))?;
    let ((status, headers), body) = counted.map_err(|error: reqwest::Error| {
        warn!(error = &error as &dyn std::error::Error, "counting tokens failed");
        if error.is_connect() { Refusal::unreachable() } else { Refusal::broken() }
    })?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

impl Ask {
    /// Refuses what changes the price in a way the table does not tell.
    fn check(&self) -> Result<(), Refusal> {
        match (self.speed.as_deref(), self.inference_geo.as_deref()) {
            (None | Some("standard"), None | Some("global")) => Ok(()),
            (None | Some("standard"), Some(_)) => Err(Refusal::unpriceable("an `inference_geo` other than `global`")),
            (Some(_), _) => Err(Refusal::unpriceable("a `speed` other than `standard`")),
        }
    }
}
