//! One connection: HTTP is spoken on it until it ends, is overdue, has to make room, or the server stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::body::GuardedBody;
use super::limits::sleep_until;
use super::linger::linger;
use super::pool::Place;
use super::state::{ActiveRequest, State};
use super::stream::Guarded;
use super::{BodyClaim, BodyError, BodyMemory, Limits};

/// The largest head of a request, and the most that is read ahead of a body.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// Of HTTP/2: requests of a connection that are answered at the same time, the largest head, and bytes of bodies that may
/// arrive before anybody reads them.
const HTTP2_STREAMS: u32 = 64;
const HTTP2_HEAD_BYTES: u32 = 16 * 1024;
const HTTP2_STREAM_WINDOW: u32 = 64 * 1024;
const HTTP2_CONNECTION_WINDOW: u32 = 256 * 1024;

/// Of HTTP/2: how often is looked whether the peer is there, and how long it may take to say so.
const HTTP2_PING_EVERY: Duration = Duration::from_secs(20);
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long requests may go on after the process was told to stop everything.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// When a caller may come again for whose body there was no memory.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// What all connections of a listener share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) memory: Option<Arc<BodyMemory>>,
    /// Cancelled when no more requests are taken.
    pub(super) closing: CancellationToken,
    /// Cancelled when everything is to end.
    pub(super) stopping: CancellationToken,
}

/// A response, and the request it keeps active until it is sent.
struct ActiveBody {
    inner: Body,
    _active: ActiveRequest,
}

/// Serves a connection to its end.
pub(super) async fn serve<S>(shared: Shared, stream: S, place: Place, state: Arc<State>, peer: Option<SocketAddr>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, returned) = Guarded::new(stream, place, Arc::clone(&state));
    if !converse(&shared, stream, &state, peer).await {
        return;
    }
    match returned.take() {
        Some((stream, _place)) => {
            let lingering = linger(stream, &state, &shared.limits);
            shared.stopping.run_until_cancelled(lingering).await;
        }
        // It is at its end, or a handler has it now and closes it by itself.
        None => state.hand_over(),
    }
}

/// Speaks HTTP. Returns whether the connection came to its end by itself.
async fn converse<S>(shared: &Shared, stream: Guarded<S>, state: &Arc<State>, peer: Option<SocketAddr>) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = builder();
    let service = service_fn(|request| answer(shared.clone(), Arc::clone(state), peer, request));
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let (mut is_closing, mut stop_at) = (false, None);
    loop {
        tokio::select! {
            // What goes wrong on a connection is its peer's doing, and told to nobody else.
            _ = connection.as_mut() => return true,
            () = sleep_until(state.deadline()) => if state.is_overdue() { return false },
            () = state.changed() => if state.is_evicted() { return false },
            () = shared.closing.cancelled(), if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = shared.stopping.cancelled(), if stop_at.is_none() => stop_at = Some(Instant::now() + STOP_GRACE),
            () = sleep_until(stop_at), if stop_at.is_some() => return false,
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // The deadline of the head is kept by the connection's state, for both versions and before the version is known.
    builder.http1().max_buf_size(READ_AHEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_PING_EVERY)
        .keep_alive_timeout(HTTP2_PING_TIMEOUT)
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(HTTP2_HEAD_BYTES)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
        .enable_connect_protocol();
    builder
}

async fn answer(
    shared: Shared,
    state: Arc<State>,
    peer: Option<SocketAddr>,
    request: Request<Incoming>,
) -> Result<Response<ActiveBody>, Infallible> {
    let is_http2 = request.version() >= Version::HTTP_2;
    let active = state.begin_request(is_http2);
    let claim = BodyClaim::default();
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(claim.clone());
    if let Some(peer) = peer {
        parts.extensions.insert(ConnectInfo(peer));
    }
    let body = Body::new(GuardedBody::new(body, shared.limits, shared.memory, claim.clone()));
    let mut response = shared.router.oneshot(Request::from_parts(parts, body)).await?;
    if let Some(failure) = claim.failure().filter(|_| response.status().is_client_error()) {
        correct(&mut response, failure);
    }
    if !is_http2 && !claim.is_read() {
        // The rest is discarded, and there is no telling how long that takes.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|inner| ActiveBody { inner, _active: active }))
}

/// Most handlers know a body that cannot be read only as the caller's fault.
fn correct(response: &mut Response<Body>, failure: BodyError) {
    match failure {
        BodyError::TooSlow => *response.status_mut() = StatusCode::REQUEST_TIMEOUT,
        BodyError::NoMemory => {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
    }
}

impl HttpBody for ActiveBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
