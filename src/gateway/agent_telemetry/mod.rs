//! What an agent tells about itself by OTLP: taken from sandboxes whose tenant is granted it, and sent on as theirs.
//!
//! A sandbox is believed nothing about whose it is: `relabel` writes that over whatever it says. It is bounded in size and
//! in rate, it is asked for protobuf alone, and what cannot be read goes nowhere.

mod relabel;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};

use self::relabel::{Labels, relabel};
use crate::admission::Rates;
use crate::config::TracesConfig;
use crate::domain::{Rate, RateClass, SessionId};
use crate::sandbox::Caller;
use crate::telemetry::{Otlp, OtlpError, Signal};

/// The one form it is taken in.
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// How long a session's use of its rate is remembered.
const RATES_IDLE: Duration = Duration::from_hours(1);

/// What takes the telemetry of all sandboxes.
#[derive(Debug)]
pub(super) struct Intake {
    otlp: Otlp,
    max_body_bytes: usize,
    rate: Rate,
    rates: Rates<SessionId>,
}

/// One sandbox's way in.
#[derive(Clone, Debug)]
struct Way {
    intake: Arc<Intake>,
    labels: Arc<Labels>,
    session: SessionId,
}

impl Intake {
    /// What the settings say, if they say where telemetry goes.
    ///
    /// # Errors
    /// When they cannot be used.
    pub(super) fn new(config: &TracesConfig) -> Result<Option<Self>, OtlpError> {
        let intake = |otlp| Self {
            otlp,
            max_body_bytes: config.agent_max_body_bytes,
            rate: config.agent_rate,
            rates: Rates::new(RATES_IDLE),
        };
        Ok(Otlp::new(config)?.map(intake))
    }
}

/// The paths the sandbox of `caller` may tell on: none, unless it is granted and there is where to send it.
pub(super) fn router(intake: Option<&Arc<Intake>>, caller: &Caller) -> Router {
    let Some(intake) = intake.filter(|_| caller.agent_telemetry) else { return Router::new() };
    let way = Way { intake: Arc::clone(intake), labels: Arc::new(Labels::of(caller)), session: caller.session };
    [Signal::Traces, Signal::Metrics, Signal::Logs]
        .into_iter()
        .fold(Router::new(), |router, signal| {
            router.route(signal.path(), post(move |way: State<Way>, request: Request| take(way, signal, request)))
        })
        .with_state(way)
}

async fn take(State(way): State<Way>, signal: Signal, request: Request) -> Response {
    let Way { intake, labels, session } = way;
    if let Err(soon) = intake.rates.take(session, RateClass::Write, intake.rate) {
        let seconds = soon.retry_after_s().unwrap_or(1).to_string();
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds)]).into_response();
    }
    let headers = request.headers();
    if headers.get(CONTENT_TYPE) != Some(&PROTOBUF) || headers.contains_key(CONTENT_ENCODING) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let Ok(body) = to_bytes(request.into_body(), intake.max_body_bytes).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Ok(ours) = relabel(signal, &body, &labels) else { return StatusCode::BAD_REQUEST.into_response() };
    if let Some(ours) = ours
        && intake.otlp.send(signal, ours).await.is_err()
    {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    // An empty message says that all was taken.
    (StatusCode::OK, [(CONTENT_TYPE, PROTOBUF)]).into_response()
}
