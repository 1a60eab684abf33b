//! A sandbox's socket, before it is known what is wanted: the model, or a host.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode, Version};
use tokio::time::Instant;
use tower::ServiceExt;

use super::Egress;
use super::reason::Refused;
use crate::domain::EgressHost;

/// Granted hosts that are named to who is refused another.
const NAMED: usize = 20;

/// What stands behind the door.
#[derive(Clone, Debug)]
struct Behind {
    egress: Arc<Egress>,
    api: Router,
}

/// Everything a sandbox can ask for: `api`, and what its egress lets it reach.
pub(in crate::gateway) fn router(egress: Arc<Egress>, api: Router) -> Router {
    Router::new().fallback(enter).with_state(Behind { egress, api })
}

async fn enter(State(Behind { egress, api }): State<Behind>, mut request: Request) -> Response {
    let is_http1 = request.version() <= Version::HTTP_11;
    if request.method() == Method::CONNECT {
        if !is_http1 {
            return refused(&egress, egress.refuse("", 0, Refused::BadTarget, Instant::now()), "");
        }
        let asked = request.uri().authority().map_or("", http::uri::Authority::as_str).to_owned();
        return match egress.connect(&asked).await {
            Ok((connected, stream)) => {
                connected.spawn(hyper::upgrade::on(&mut request), stream);
                Response::new(Body::empty())
            }
            Err(reason) => refused(&egress, reason, &asked),
        };
    }
    // Of HTTP/1 only a request to a proxy names the host in its first line.
    if is_http1 && request.uri().scheme().is_some() {
        let uri = request.uri();
        let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
        let reason = egress.refuse(host, port, Refused::NotHttps, Instant::now());
        return refused(&egress, reason, host);
    }
    match api.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// What who asked is told; it is a program, and the text is for the person who reads its output.
fn refused(egress: &Egress, reason: Refused, asked: &str) -> Response {
    let why = match reason {
        Refused::BadTarget => "is not a host's NAME:PORT; addresses cannot be reached".to_owned(),
        Refused::NotHttps => "was asked for without TLS; only HTTPS goes through here".to_owned(),
        Refused::NotGranted => format!("is not granted: the session's egress policy has {}", listed(egress.policy())),
        Refused::TooManyConnections => "cannot be reached now: the sandbox has all the connections it may".to_owned(),
        Refused::BytesUsedUp => "cannot be reached any more: the sandbox has sent and received all it may".to_owned(),
        Refused::UnknownHost => "is not known".to_owned(),
        Refused::ForbiddenAddress => {
            "is granted, and has no address that may be reached: private, loopback, link-local and \
                                      metadata addresses are closed"
                .to_owned()
        }
        Refused::Unreachable => "does not answer".to_owned(),
        Refused::Ending => "cannot be reached any more: the sandbox is being stopped".to_owned(),
        Refused::NoHello | Refused::NotTls | Refused::NoServerName | Refused::OtherServerName => {
            "is refused".to_owned()
        }
    };
    let shown: String = asked.chars().take(300).collect();
    let mut response = Response::new(Body::from(format!("`{shown}` {why}\n")));
    *response.status_mut() = reason.status();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if reason.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("CONNECT"));
    }
    response
}

fn listed(policy: &[EgressHost]) -> String {
    let named: Vec<_> = policy.iter().take(NAMED).map(ToString::to_string).collect();
    match policy.len() {
        0 => "no hosts".to_owned(),
        all if all > NAMED => format!("{} and {} more", named.join(", "), all - NAMED),
        _ => named.join(", "),
    }
}
