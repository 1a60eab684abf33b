//! Requests that a page of somebody else's site has a browser make.
//!
//! A browser adds the Basic credential it keeps to every request to its origin, whichever page makes the request. So a request
//! with such a credential that changes something has to come from a page of this server, or of an origin in
//! `http.cors_origins`, and its body has to be JSON, which no form can send. A client that is no browser says nothing of
//! where a request comes from, and is not affected.
//!
//! The operators' listener on loopback also checks the name it is called by. A name that its owner pointed at 127.0.0.1
//! (DNS rebinding) makes a foreign page and this server one origin for the browser.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::credentials::is_ambient;
use super::rejection::{Audience, Reason, Rejection};
use crate::config::HttpConfig;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a listener checks of requests that browsers make.
#[derive(Clone, Debug)]
pub(in crate::api) struct CrossSite(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    audience: Audience,
    /// Origins of pages that may call.
    origins: Vec<HeaderValue>,
    /// Names the listener may be called by; `None`: any.
    hosts: Option<Vec<String>>,
}

impl CrossSite {
    /// The checks of the tenants' listener.
    pub(in crate::api) fn of_tenants(http: &HttpConfig) -> Self {
        let origins = http.cors_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
        Self(Arc::new(Rules { audience: Audience::Tenants, origins, hosts: None }))
    }

    /// The checks of the operators' listener.
    pub(in crate::api) fn of_operators(http: &HttpConfig) -> Self {
        let is_local = http.operator_listen.ip().to_canonical().is_loopback();
        let hosts = is_local.then(|| http.operator_hosts.iter().map(|host| host.to_ascii_lowercase()).collect());
        Self(Arc::new(Rules { audience: Audience::Operators, origins: Vec::new(), hosts }))
    }
}

/// Lets a request pass, or refuses it.
pub(in crate::api) async fn layer(State(CrossSite(rules)): State<CrossSite>, request: Request, next: Next) -> Response {
    match rules.check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(reason) => {
            let audience = match rules.audience {
                Audience::Operators => Audience::Operators,
                Audience::Tenants | Audience::Account => Audience::of_tenants(request.uri().path()),
            };
            Rejection { audience, reason }.into_response()
        }
    }
}

impl Rules {
    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Reason> {
        let host = host(uri, headers);
        if let Some(hosts) = &self.hosts
            && let Some(host) = &host
            && !is_local_name(host, hosts)
        {
            return Err(Reason::UnknownHost);
        }
        if method.is_safe() || !is_ambient(headers) {
            return Ok(());
        }
        if !self.is_of_our_page(host.as_ref(), headers) {
            return Err(Reason::CrossSite);
        }
        if !has_json_or_nothing(headers) {
            return Err(Reason::NotJson);
        }
        Ok(())
    }

    /// Whether a request comes from a page of this server or a listed origin, or from no page at all.
    fn is_of_our_page(&self, host: Option<&Authority>, headers: &HeaderMap) -> bool {
        let origin = headers.get(ORIGIN);
        if origin.is_some_and(|origin| self.origins.contains(origin)) {
            return true;
        }
        if let Some(site) = headers.get(SEC_FETCH_SITE) {
            return site == "same-origin" || site == "none";
        }
        let Some(origin) = origin else { return true };
        let authority =
            origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
        authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host.as_str()))
    }
}

fn host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let named = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    named.or_else(|| uri.authority().cloned())
}

/// Whether a host is an address, this machine's own name for itself, or listed.
fn is_local_name(host: &Authority, listed: &[String]) -> bool {
    let name = host.host().trim_end_matches('.').to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    address.parse::<IpAddr>().is_ok()
        || host.as_str().parse::<SocketAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || listed.contains(&name)
}

/// Whether a request has a body of JSON, or none.
fn has_json_or_nothing(headers: &HeaderMap) -> bool {
    let Some(label) = headers.get(CONTENT_TYPE) else {
        let length = headers.get(CONTENT_LENGTH);
        return !headers.contains_key(TRANSFER_ENCODING) && length.is_none_or(|length| length == "0");
    };
    let media_type = label.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let (first, second) = media_type.split_once('/').unwrap_or_default();
    let second = second.to_ascii_lowercase();
    first.eq_ignore_ascii_case("application") && (second == "json" || second.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::any;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use http::StatusCode;
    use proptest::prelude::*;
    use tower::ServiceExt;

    use super::*;
    use crate::config::Config;

    const JSON: (&str, &str) = ("content-type", "application/json");

    fn http() -> HttpConfig {
        let mut http = Config::load(None).unwrap().http;
        http.cors_origins = vec!["https://console.example".to_owned()];
        http.operator_hosts = vec!["Inn.example".to_owned()];
        http
    }

    async fn status(rules: CrossSite, method: &str, headers: &[(&str, &str)]) -> u16 {
        let router = Router::new().route("/", any(async || StatusCode::OK));
        let router = router.layer(axum::middleware::from_fn_with_state(rules, layer));
        let mut request = http::Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
    }

    /// The status of a request with the credential a browser keeps.
    async fn with_basic(method: &str, headers: &[(&str, &str)]) -> u16 {
        let basic = format!("Basic {}", BASE64.encode("ink_live_x:"));
        let mut all = vec![("authorization", basic.as_str())];
        if !headers.iter().any(|(name, _)| *name == "host") {
            all.push(("host", "inn.example:8000"));
        }
        all.extend(headers);
        status(CrossSite::of_tenants(&http()), method, &all).await
    }

    #[tokio::test]
    async fn page_of_another_site_changes_nothing_with_a_kept_credential() {
        for (expected, headers) in [
            (200, vec![]),
            (200, vec![("sec-fetch-site", "same-origin"), ("origin", "https://behind-a-proxy.example")]),
            (200, vec![("sec-fetch-site", "none")]),
            (403, vec![("sec-fetch-site", "cross-site")]),
            (403, vec![("sec-fetch-site", "same-site")]),
            (403, vec![("sec-fetch-site", "nonsense")]),
            (200, vec![("sec-fetch-site", "cross-site"), ("origin", "https://console.example")]),
            (403, vec![("sec-fetch-site", "cross-site"), ("origin", "http://inn.example:8000")]),
            (200, vec![("origin", "http://inn.example:8000")]),
            (200, vec![("origin", "http://INN.example:8000")]),
            (403, vec![("origin", "http://inn.example")]),
            (403, vec![("origin", "http://evil.example")]),
            (403, vec![("origin", "null")]),
            (403, vec![("origin", "")]),
            (403, vec![("origin", "https://console.example.evil.example")]),
            (200, vec![("origin", "https://console.example")]),
        ] {
            for method in ["POST", "PUT", "PATCH", "DELETE", "ODD"] {
                let mut sent = headers.clone();
                sent.push(JSON);
                assert_eq!(with_basic(method, &sent).await, expected, "{method} {headers:?}");
            }
            assert_eq!(with_basic("GET", &headers).await, 200, "{headers:?}");
        }
    }

    #[tokio::test]
    async fn body_with_a_kept_credential_is_json() {
        for (expected, headers) in [
            (200, vec![JSON]),
            (200, vec![("content-type", "Application/JSON; charset=utf-8")]),
            (200, vec![("content-type", "application/merge-patch+json")]),
            (200, vec![("content-length", "0")]),
            (415, vec![("content-type", "text/plain")]),
            (415, vec![("content-type", "text/json")]),
            (415, vec![("content-type", "application/x-www-form-urlencoded")]),
            (415, vec![("content-type", "multipart/form-data; boundary=application/json")]),
            (415, vec![("content-type", "")]),
            (415, vec![("content-length", "2")]),
            (415, vec![("transfer-encoding", "chunked")]),
        ] {
            assert_eq!(with_basic("POST", &headers).await, expected, "{headers:?}");
        }
    }

    #[tokio::test]
    async fn credential_that_a_page_has_to_add_by_itself_is_not_affected() {
        let rules = || CrossSite::of_tenants(&http());
        let key = crate::domain::PlainKey::generate(crate::domain::KeyOwner::Operator);
        let bearer = format!("Bearer {}", key.expose());
        for credential in [("x-api-key", key.expose()), ("authorization", bearer.as_str())] {
            let headers = [credential, ("origin", "http://evil.example"), ("content-type", "text/plain")];
            assert_eq!(status(rules(), "POST", &headers).await, 200);
        }
        let basic = format!("Basic {}", BASE64.encode("x:y"));
        let headers =
            [("x-api-key", "junk"), ("authorization", basic.as_str()), ("origin", "http://evil.example"), JSON];
        assert_eq!(status(rules(), "POST", &headers).await, 403, "the Basic credential is the one that counts");
    }

    #[tokio::test]
    async fn operators_listener_on_loopback_is_called_by_its_own_names() {
        for (expected, host) in [
            (200, "127.0.0.1:8001"),
            (200, "[::1]:8001"),
            (200, "192.0.2.7"),
            (200, "localhost"),
            (200, "LocalHost.:8001"),
            (200, "inn.example:8001"),
            (421, "evil.example:8001"),
            (421, "localhost.evil.example"),
            (421, "127.0.0.1.evil.example"),
        ] {
            assert_eq!(status(CrossSite::of_operators(&http()), "GET", &[("host", host)]).await, expected, "{host}");
        }
        let mut open = http();
        open.operator_listen = "0.0.0.0:8001".parse().unwrap();
        assert_eq!(status(CrossSite::of_operators(&open), "GET", &[("host", "evil.example")]).await, 200);
    }

    proptest! {
        #[test]
        fn no_header_makes_the_checks_panic(
            host in proptest::collection::vec(32_u8..=255, 0..40), origin in proptest::collection::vec(32_u8..=255, 0..40),
            label in proptest::collection::vec(32_u8..=255, 0..40),
        ) {
            let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).unwrap_or(HeaderValue::from_static("x"));
            let headers = [
                (HOST, value(&host)), (ORIGIN, value(&origin)), (CONTENT_TYPE, value(&label)),
                (http::header::AUTHORIZATION, HeaderValue::from_static("Basic eDp5")),
            ];
            let headers: HeaderMap = headers.into_iter().collect();
            for CrossSite(rules) in [CrossSite::of_tenants(&http()), CrossSite::of_operators(&http())] {
                let _ = rules.check(&Method::POST, &Uri::from_static("/"), &headers);
            }
        }
    }
}
