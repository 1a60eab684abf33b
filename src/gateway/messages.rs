//! The Messages API as a sandbox sees it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{any, head, post};
use http::StatusCode;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::ask::{self, Rules};
use super::call::Call;
use super::client::Client;
use super::forward::Outgoing;
use super::headers;
use super::pace::TooSoon;
use super::price::PriceTable;
use super::reply::Refusal;
use super::request::{self, Fetch, Policy};
use super::server::Peer;
use super::traced;
use crate::domain::TenantLimits;

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
    let tenant = peer.caller.tenant;
    let taken = async {
        let limits = pace(&peer).await?;
        let outgoing = peer.take(request).await?;
        let (prices, taken_at) = (peer.gateway.books.prices().current(), Instant::now());
        let (outgoing, asked) = peer.checked(outgoing, limits, &prices, ask::read).await?;
        peer.record_fetches(&asked.contents.fetches);
        Ok((outgoing, prices, taken_at, asked))
    };
    let taken = taken.await.map_err(|refusal: Refusal| refusal.counted(tenant));
    let (outgoing, prices, taken_at, asked) = taken?;
    let span = traced::begin(&peer.caller, &asked.model, &asked.ask);
    let reader = peer.gateway.limits.reader;
    let (client, answer) = Client::new(reader, peer.closed.clone(), peer.gateway.tasks.stopping().clone());
    let gateway = Arc::clone(&peer.gateway);
    let call = Call { gateway, caller: peer.caller, asked, prices, outgoing, client, taken_at };
    peer.gateway.tasks.spawn("model call", span.until_done(call.run()));
    answer.await.map_err(|_| Refusal::ended())
}

/// What a body is read with.
type Read<T> = fn(&[u8], Rules<'_>, &mut Option<Fetch>) -> Result<T, Refusal>;

impl Peer {
    /// Reads a request by the rules of its tenant, with `read`, and gives it back with what that is.
    async fn checked<T: Send + 'static>(
        &self,
        outgoing: Outgoing,
        limits: TenantLimits,
        prices: &Arc<PriceTable>,
        read: Read<T>,
    ) -> Result<(Outgoing, T), Refusal> {
        let (peer, prices, size) = (self.clone(), Arc::clone(prices), outgoing.body.len());
        let reading = move || Ok((peer.check(&outgoing, &limits, &prices, read)?, outgoing));
        let checked = self.gateway.parsing.run(self.caller.tenant, size, reading).await;
        checked.unwrap_or_else(|| Err(Refusal::no_memory())).map(|(found, outgoing)| (outgoing, found))
    }

    fn check<T>(
        &self,
        outgoing: &Outgoing,
        limits: &TenantLimits,
        prices: &PriceTable,
        read: Read<T>,
    ) -> Result<T, Refusal> {
        let policy =
            Policy { egress: &self.caller.egress, web_search: self.gateway.web_search, tools: limits.tools.as_deref() };
        let rules = Rules { policy, models: limits.models.as_deref(), prices };
        let mut denied = None;
        let checked = request::check_betas(&outgoing.headers, &self.gateway.allowed_betas)
            .and_then(|()| read(&outgoing.body, rules, &mut denied));
        if let Some(Fetch { host, port }) = &denied {
            self.egress.provider_refused(host, *port);
        }
        checked.inspect_err(|refusal| {
            warn!(status = refusal.status().as_u16(), kind = refusal.sort(), "model call refused");
        })
    }

    /// Records what the provider fetches for the sandbox as what the sandbox reaches.
    fn record_fetches(&self, fetches: &[Fetch]) {
        for Fetch { host, port } in fetches {
            self.egress.provider_fetches(host, *port);
        }
    }
}

/// Lets a call wait for others that came before it: the agent does so when it is told.
async fn pace(peer: &Peer) -> Result<TenantLimits, Refusal> {
    peer.gateway.pace.take(&peer.caller).await.map_err(|too_soon| match too_soon {
        TooSoon::Wait(allowance) => {
            info!(rate = allowance.class.as_str(), "a call came too soon");
            Refusal::too_soon(&allowance)
        }
        TooSoon::Store(error) => {
            error!(error = &error as &dyn std::error::Error, "a call cannot be paced");
            Refusal::no_ledger()
        }
    })
}

/// Counts a request's tokens, which is free.
async fn count_tokens(State(peer): State<Peer>, request: Request) -> Result<Response, Refusal> {
    let tenant = pace(&peer).await?;
    let outgoing = peer.take(request).await?;
    let prices = peer.gateway.books.prices().current();
    let (outgoing, contents) = peer.checked(outgoing, tenant, &prices, ask::check_count).await?;
    peer.record_fetches(&contents.fetches);
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
