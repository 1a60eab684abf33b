//! An issuer on loopback that answers what a test tells it to, and counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::Signer;

/// An issuer. It ends with the test's runtime.
pub(super) struct IssuerServer {
    /// Its address, and its name.
    pub(super) url: String,
    shared: Arc<Mutex<Shared>>,
    asked: Arc<Notify>,
}

#[derive(Default)]
struct Shared {
    silent: bool,
    answers: HashMap<String, (StatusCode, HeaderMap, String)>,
    requests: Vec<String>,
}

impl IssuerServer {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Shared::default()));
        let asked = Arc::new(Notify::new());
        let router = Router::new().fallback(answer).with_state((Arc::clone(&shared), Arc::clone(&asked)));
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared, asked }
    }

    /// Publishes the keys of `signers`, and no others any more.
    pub(super) fn publish(&self, signers: &[&Signer]) {
        self.publish_keys(&signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>());
    }

    /// Publishes `keys`, and no others any more.
    pub(super) fn publish_keys(&self, keys: &[Value]) {
        self.answer("/keys", &json!({ "keys": keys }).to_string());
    }

    /// Answers `body` at `path` from now on.
    pub(super) fn answer(&self, path: &str, body: &str) {
        self.set(path, StatusCode::OK, HeaderMap::new(), body);
    }

    /// Says from now on that what is asked for at `path` is at `to`.
    pub(super) fn redirect(&self, path: &str, to: &str) {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_str(to).unwrap())]);
        self.set(path, StatusCode::FOUND, headers, "");
    }

    /// Fails from now on.
    pub(super) fn fail(&self) {
        self.shared.lock().unwrap().answers.clear();
    }

    /// Answers nothing from now on, and waits until it is asked.
    pub(super) async fn be_silent_until_asked(&self) {
        self.shared.lock().unwrap().silent = true;
        self.asked.notified().await;
    }

    /// The paths it was asked for.
    pub(super) fn requests(&self) -> Vec<String> {
        self.shared.lock().unwrap().requests.clone()
    }

    fn set(&self, path: &str, status: StatusCode, headers: HeaderMap, body: &str) {
        let answer = (status, headers, body.to_owned());
        self.shared.lock().unwrap().answers.insert(path.to_owned(), answer);
    }
}

async fn answer(State((shared, asked)): State<(Arc<Mutex<Shared>>, Arc<Notify>)>, uri: Uri) -> Response {
    let (answer, silent) = {
        let mut shared = shared.lock().unwrap();
        shared.requests.push(uri.path().to_owned());
        (shared.answers.get(uri.path()).cloned(), shared.silent)
    };
    if silent {
        asked.notify_one();
        std::future::pending::<()>().await;
    }
    answer.map_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response(), IntoResponse::into_response)
}
