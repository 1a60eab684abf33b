//! `RateLimit` and `RateLimit-Policy` on every answer to a caller that was let in, as draft-ietf-httpapi-ratelimit-headers
//! has them: how many calls remain, and when all are there again.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};

use super::auth::RateNote;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE: HeaderName = HeaderName::from_static("ratelimit");

/// Lets the call note its rate, and writes the headers from that.
pub(super) async fn layer(mut request: Request, next: Next) -> Response {
    let note = RateNote::default();
    request.extensions_mut().insert(RateNote::clone(&note));
    let mut response = next.run(request).await;
    if let Some(allowance) = note.get() {
        for (name, value) in [(POLICY, allowance.policy_header()), (RATE, allowance.header())] {
            response.headers_mut().extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        }
    }
    response
}
