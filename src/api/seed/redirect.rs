//! The paths clients write with a slash too many or too few: they are sent to the one that answers.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::{HOST, HeaderMap, LOCATION};
use http::uri::Authority;
use http::{HeaderName, StatusCode, Uri};

use super::SeedError;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The other spelling of each path. Open to everybody, whatever the method: it tells nothing.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    [
        "/execute",
        "/sessions",
        "/sessions/cleanup/",
        "/sessions/{session_id}/",
        "/status/{session_id}/",
        "/cancel/{session_id}/",
    ]
    .into_iter()
    .fold(Router::new(), |router, path| router.route(path, any(to_other_spelling)))
}

async fn to_other_spelling(uri: Uri, headers: HeaderMap) -> Response {
    if uri.path().ends_with("//") {
        return SeedError::NotFound.into_response();
    }
    let mut target = match uri.path().strip_suffix('/') {
        Some(without) => without.to_owned(),
        None => format!("{}/", uri.path()),
    };
    if let Some(query) = uri.query() {
        target = format!("{target}?{query}");
    }
    let location = origin(&uri, &headers).map_or(target.clone(), |origin| format!("{origin}{target}"));
    (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response()
}

/// Where the caller reached the server, as far as it says. A relay that speaks TLS for the server says so.
fn origin(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let host = host.or_else(|| uri.authority().cloned())?;
    let secure = headers.get(X_FORWARDED_PROTO).is_some_and(|scheme| scheme == "https");
    Some(format!("{}://{host}", if secure { "https" } else { "http" }))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn location(method: &str, path: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = routes::<()>().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        (response.status() == StatusCode::TEMPORARY_REDIRECT)
            .then(|| response.headers()[LOCATION].to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn every_path_leads_to_its_other_spelling_whatever_the_method() {
        for (path, other) in [
            ("/execute", "/execute/"),
            ("/execute?a=b&c", "/execute/?a=b&c"),
            ("/sessions", "/sessions/"),
            ("/sessions/x/", "/sessions/x"),
            ("/sessions/cleanup/?max_age_hours=1", "/sessions/cleanup?max_age_hours=1"),
            ("/status/%C3%A9/", "/status/%C3%A9"),
            ("/cancel/x/?q=1", "/cancel/x?q=1"),
        ] {
            for method in ["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT"] {
                let found = location(method, path, &[("host", "inn.example:8000")]).await;
                assert_eq!(found, Some(format!("http://inn.example:8000{other}")), "{method} {path}");
            }
        }
    }

    #[tokio::test]
    async fn paths_with_no_other_spelling_stay() {
        for path in ["/status", "/status/", "/cancel", "/cancel/", "/status//", "/sessions//", "/nope/", "/EXECUTE"] {
            assert_eq!(location("GET", path, &[("host", "inn.example")]).await, None, "{path}");
        }
    }

    #[tokio::test]
    async fn the_location_is_where_the_caller_came_in() {
        let secure = [("host", "inn.example"), ("x-forwarded-proto", "https")];
        assert_eq!(location("GET", "/sessions", &secure).await.unwrap(), "https://inn.example/sessions/");
        assert_eq!(location("GET", "/sessions", &[("host", "a b<c>")]).await.unwrap(), "/sessions/");
        assert_eq!(location("GET", "/sessions", &[]).await.unwrap(), "/sessions/");
        assert_eq!(location("GET", "http://[::1]:80/sessions", &[]).await.unwrap(), "http://[::1]:80/sessions/");
    }
}
