//! The stand-in's HTTP side: the routes, and the way out for what tests ask.

use std::convert::Infallible;
use std::future::Future;
use std::io;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, Json, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::serve::ListenerExt;
use bytes::Bytes;
use http::{StatusCode, Uri};
use serde_json::json;
use tokio::net::TcpListener;

use super::errors::ApiError;
use super::record::{Delivery, Received, Recorder};
use super::reply::{FailureCounts, Reply};
use super::response::{finish, refuse, respond};
use super::usage::tokens;

/// The longest request that the API takes.
const MOST_BODY_BYTES: usize = 32 * 1024 * 1024;

/// A model API that answers by script and remembers what it was asked. Cheap to clone; all clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct StandIn {
    recorder: Recorder,
    failures: FailureCounts,
}

/// Serves a new stand-in on `listener` until `shutdown`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    StandIn::new().serve(listener, shutdown).await
}

impl StandIn {
    /// A stand-in that has not been asked anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves this stand-in on `listener` until `shutdown`. It does not wait for answers in the air: some never end.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection of the stand-in sends with delay");
            }
        });
        tokio::select! {
            served = async { axum::serve(listener, self.router()).await } => served,
            () = shutdown => Ok(()),
        }
    }

    /// The routes, for a server of one's own.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v1/messages", post(create_message))
            .route("/v1/messages/count_tokens", post(count_tokens))
            .route("/", get(say_hello))
            .route("/api/hello", get(say_hello))
            .fallback(any(refuse_unknown))
            .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
            .route("/v1/models", get(list_models))
            .route("/recorded", get(list_recorded).delete(forget_recorded))
            .with_state(self.clone())
    }

    /// Everything it was asked and remembers, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.recorder.received()
    }

    /// Waits until `condition` holds for everything received, and answers what it held for.
    pub async fn wait_until(&self, condition: impl FnMut(&[Received]) -> bool) -> Vec<Received> {
        self.recorder.wait_until(condition).await
    }

    /// Forgets what it was asked, and how often scripted failures have happened.
    pub fn forget(&self) {
        self.recorder.forget();
        self.failures.forget();
    }
}

async fn create_message(State(stand_in): State<StandIn>, arrival: Arrival) -> Response {
    let reply = match arrival.body {
        Ok(body) => Reply::to(&body, &stand_in.failures),
        Err(error) => Reply::refusing(error),
    };
    respond(reply, arrival.delivery).await
}

async fn count_tokens(arrival: Arrival) -> Response {
    match arrival.body {
        Ok(body) => finish(Json(json!({"input_tokens": tokens(body.len())})).into_response(), arrival.delivery),
        Err(error) => refuse(error, arrival.delivery),
    }
}

async fn say_hello(arrival: Arrival) -> Response {
    finish(StatusCode::OK.into_response(), arrival.delivery)
}

async fn refuse_unknown(uri: Uri, arrival: Arrival) -> Response {
    let message = format!("the stand-in does not serve {}", uri.path());
    refuse(ApiError::new(StatusCode::NOT_FOUND, message), arrival.delivery)
}

/// What is asked for to see whether the model is there: no call, and not remembered.
async fn list_models() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "data": [], "has_more": false }))
}

async fn list_recorded(State(stand_in): State<StandIn>) -> Json<Vec<Received>> {
    Json(stand_in.received())
}

async fn forget_recorded(State(stand_in): State<StandIn>) -> StatusCode {
    stand_in.forget();
    StatusCode::NO_CONTENT
}

/// A request that is taken down, with its body if that could be read.
struct Arrival {
    body: Result<Bytes, ApiError>,
    delivery: Delivery,
}

impl FromRequest<StandIn> for Arrival {
    type Rejection = Infallible;

    async fn from_request(request: Request, stand_in: &StandIn) -> Result<Self, Infallible> {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head.clone(), body);
        let body = Bytes::from_request(request, stand_in).await;
        let delivery = stand_in.recorder.receive(&head, body.as_ref().cloned().unwrap_or_default());
        let body = body.map_err(|rejection| ApiError::new(rejection.status(), rejection.body_text()));
        Ok(Self { body, delivery })
    }
}
