//! Paths and methods, as far as they need no session.

use axum::Router;
use axum::body::Body;
use http::Request;
use http::header::ALLOW;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer;
use crate::api::seed::session_name::SessionName;
use crate::api::seed::{SeedError, not_found, only, redirect, root};
use crate::domain::SeedStatus;
use crate::session::{CancelError, DeleteError, ResumeError, StartError};
use crate::spawner::WorkspaceError;
use crate::store::{Fault, StoreError};

fn app() -> Router {
    let open: OpenApiRouter = OpenApiRouter::new().routes(only("GET", routes!(root::root)));
    Router::from(open.merge(redirect::routes().into())).fallback(not_found)
}

async fn call(method: &str, path: &str) -> (u16, Option<String>, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = app().oneshot(request).await.unwrap();
    let allow = response.headers().get(ALLOW).map(|allow| allow.to_str().unwrap().to_owned());
    let (status, body) = answer(response).await;
    (status, allow, body)
}

#[tokio::test]
async fn the_root_says_what_can_be_called() {
    let (status, _, body) = call("GET", "/").await;
    assert_eq!(status, 200);
    insta::assert_snapshot!(body);
}

#[tokio::test]
async fn any_other_method_is_refused_by_the_one_that_is_taken() {
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let refused = (405, Some("GET".to_owned()), r#"{"detail":"Method Not Allowed"}"#.to_owned());
        assert_eq!(call(method, "/").await, refused, "{method}");
    }
    assert_eq!(call("HEAD", "/").await, (405, Some("GET".to_owned()), String::new()));
}

#[tokio::test]
async fn any_other_path_is_not_found() {
    for path in ["/nope", "/nope/", "/status", "/status/", "/cancel/", "/EXECUTE/", "/execute//", "/sessions//"] {
        assert_eq!(call("GET", path).await, (404, None, r#"{"detail":"Not Found"}"#.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn refusals_say_what_the_clients_know() {
    let name = || SessionName::new("X".to_owned());
    let resume = |error| SeedError::resume(&name(), error);
    let cancel = |error| SeedError::cancel(name(), error);
    let delete = |error| SeedError::delete(name(), error);
    for (error, status, detail) in [
        (resume(ResumeError::NotFound), 400, "Session X not found."),
        (resume(ResumeError::Running), 400, "Session X is currently running"),
        (resume(ResumeError::Ending), 400, "Session X is ending its turn; try again in a moment"),
        (resume(ResumeError::NoConversation), 400, "Session X has no recorded Claude session ID. Cannot resume."),
        (resume(StartError::Draining.into()), 503, "the server is stopping; try again in a moment"),
        (cancel(CancelError::NotFound), 404, "Session X not found"),
        (
            cancel(CancelError::NotRunning(SeedStatus::Completed)),
            400,
            "Session X is not running (status: SessionStatus.COMPLETED)",
        ),
        (delete(DeleteError::NotFound), 404, "Session X not found"),
        (delete(DeleteError::Running), 400, "Cannot delete running session X. Please cancel it first."),
        (StartError::from(WorkspaceError::Missing).into(), 400, "cwd does not exist"),
        (SeedError::BodyTooLarge { limit: 5 }, 413, "The body is larger than 5 bytes"),
    ] {
        assert_eq!(answer(error).await, (status, format!(r#"{{"detail":"{detail}"}}"#)));
    }
}

#[tokio::test]
async fn store_that_cannot_be_used_is_503_until_it_can() {
    for error in [
        SeedError::from(unavailable()),
        StartError::from(unavailable()).into(),
        SeedError::cancel(SessionName::new("X".to_owned()), CancelError::Store(unavailable())),
        SeedError::delete(SessionName::new("X".to_owned()), DeleteError::Store(unavailable())),
    ] {
        let answer = axum::response::IntoResponse::into_response(error);
        assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"5".parse().unwrap()));
    }
    assert_eq!(answer(SeedError::from(StoreError::Corrupt { column: "x" })).await.0, 500);
}

fn unavailable() -> StoreError {
    StoreError::Unavailable { fault: Fault::Full, source: None }
}

#[tokio::test]
async fn refused_variables_are_named() {
    let error = StartError::RefusedEnv { names: vec!["LD_PRELOAD".to_owned(), "ANTHROPIC_BASE_URL".to_owned()] };
    let (status, body) = answer(SeedError::from(error)).await;
    assert_eq!(status, 400);
    assert!(body.contains("LD_PRELOAD, ANTHROPIC_BASE_URL"), "{body}");
}
