//! An installation for drills alone, whose way to Docker leads through the test, which can change what is asked for.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::process::Command;

use crate::drill_weaknesses::Weaken;
use crate::harness::make_installation;

/// Where Docker is.
pub(crate) const DOCKER: &str = "/var/run/docker.sock";

/// An installation whose way to Docker leads through the test.
pub(crate) struct Installation {
    /// Where it keeps everything.
    pub(crate) data: TempDir,
    /// The image of its sandboxes, when it is not everybody's.
    pub(crate) image: Option<String>,
}

impl Installation {
    /// One whose sandboxes are made as `weaken` says.
    pub(crate) async fn new(weaken: Option<Weaken>) -> Self {
        let data = tempfile::tempdir().unwrap();
        make_installation(data.path()).await;
        let listener = UnixListener::bind(data.path().join("proxy.sock")).unwrap();
        let engine = reqwest::Client::builder().no_proxy().unix_socket(DOCKER).build().unwrap();
        let path: Arc<Path> = data.path().into();
        let app = Router::new().fallback(async move |request: axum::extract::Request| {
            let (head, body) = request.into_parts();
            let mut body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
            if let Some(weaken) = weaken.filter(|_| head.uri.path().ends_with("/containers/create")) {
                let mut asked: Value = serde_json::from_slice(&body).unwrap();
                weaken(&mut asked, &path);
                body = asked.to_string().into();
            }
            pass_on(&engine, head, body).await
        });
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { data, image: None }
    }

    /// Holds a drill, and answers whether the program says that all held, and its report.
    pub(crate) async fn drill(&self, arguments: &[&str]) -> (bool, Value) {
        let output = self.program(&[&["--json"], arguments].concat()).output().await.unwrap();
        let report = serde_json::from_slice(&output.stdout);
        let report = report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.success(), report)
    }

    /// The program, about to hold a drill.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("INNKEEPER_DATA_DIR", self.data.path());
        command.env("INNKEEPER_ENGINE__ENDPOINT", self.endpoint());
        if let Some(image) = self.image.clone().or_else(sandbox_image) {
            command.env("INNKEEPER_ENGINE__IMAGE", image);
        }
        command.arg("drill").args(arguments).kill_on_drop(true).stdin(Stdio::null());
        command
    }

    /// Where it finds Docker.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}/proxy.sock", self.data.path().display())
    }

    /// What the drill has left where it was held.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let places = ["drill", "sandboxes"].map(|name| std::fs::read_dir(self.data.path().join(name)));
        places.into_iter().flatten().flatten().map(|entry| entry.unwrap().path()).collect()
    }
}

/// The image to test, where it is not the usual one: the same variable names it to scripts/image.sh.
pub(crate) fn sandbox_image() -> Option<String> {
    std::env::var_os("SANDBOX_IMAGE")?.into_string().ok()
}

/// Hands a request on to Docker, and its answer back as it comes.
async fn pass_on(engine: &reqwest::Client, head: Parts, body: Bytes) -> Response {
    let url = format!("http://docker{}", head.uri);
    let mut request = engine.request(head.method, url).body(body);
    if let Some(kind) = head.headers.get("content-type") {
        request = request.header("content-type", kind);
    }
    let answer = request.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in
        answer.headers().iter().filter(|(name, _)| !matches!(name.as_str(), "transfer-encoding" | "connection"))
    {
        response = response.header(name, value);
    }
    response.body(Body::from_stream(answer.bytes_stream())).unwrap()
}
