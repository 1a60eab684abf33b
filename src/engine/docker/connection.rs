//! The connection to Docker: finding it, agreeing on a version, and telling its failures apart.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker as Client};
use tokio::time::timeout;

use crate::engine::{Cause, EngineError, EngineId, NoAnswer, TimeLimits};

/// Where Docker listens unless it is told otherwise.
const DEFAULT_ENDPOINT: &str = "unix:///var/run/docker.sock";

/// The first API that knows every field a sandbox needs; older ones ignore what they do not know.
const OLDEST_API: ClientVersion = ClientVersion { major_version: 1, minor_version: 41 };

/// How much longer than any call of ours the client waits by itself: a call that is given up says so in our words.
const CLIENT_SLACK: Duration = Duration::from_secs(5);

/// A Docker engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Docker {
    /// Speaks its API. To a socket bollard sends no version, so Docker answers as the newest it is.
    pub(super) client: Client,
    /// Where it listens: for people who are told that it does not answer.
    endpoint: String,
    /// How long its calls may take.
    pub(super) limits: TimeLimits,
    /// The names of sandboxes that may or may not have been created when it did not answer.
    pub(super) doubtful: Arc<Mutex<Vec<EngineId>>>,
}

impl Docker {
    /// Connects to the Docker that listens at `endpoint`, such as `unix:///var/run/docker.sock`; `None` for the
    /// usual place.
    ///
    /// # Errors
    /// When nothing answers there in time, or what answers is too old for sandboxes.
    pub async fn connect(endpoint: Option<&str>, limits: TimeLimits) -> Result<Self, EngineError> {
        let endpoint = endpoint.unwrap_or(DEFAULT_ENDPOINT).to_owned();
        if !endpoint.starts_with("unix:///") {
            return Err(EngineError::Endpoint { endpoint });
        }
        let failed = |error| EngineError::Connect(cause(error, &endpoint));
        let seconds = (limits.longest() + CLIENT_SLACK).as_secs();
        let client = Client::connect_with_unix(&endpoint, seconds, API_DEFAULT_VERSION).map_err(failed)?;
        let client = within(limits.inspect, client.negotiate_version()).await.map_err(failed)?;
        let version = client.client_version();
        if version < OLDEST_API {
            return Err(EngineError::TooOld { version: version.to_string() });
        }
        Ok(Self { client, endpoint, limits, doubtful: Arc::default() })
    }

    /// What lies behind an answer that is not the one that was hoped for.
    pub(super) fn cause(&self, error: Error) -> Cause {
        cause(error, &self.endpoint)
    }
}

/// Waits for an answer no longer than `limit`.
pub(super) async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let no_answer = || Error::from(io::Error::new(io::ErrorKind::TimedOut, NoAnswer(limit)));
    timeout(limit, call).await.unwrap_or_else(|_| Err(no_answer()))
}

fn cause(error: Error, endpoint: &str) -> Cause {
    match error {
        Error::IOError { err } if err.kind() == io::ErrorKind::TimedOut => {
            Cause::TimedOut { endpoint: endpoint.to_owned(), source: err.into() }
        }
        Error::RequestTimeoutError => Cause::TimedOut { endpoint: endpoint.to_owned(), source: error.into() },
        Error::DockerResponseServerError { status_code: 404, .. } => Cause::Gone(error.into()),
        Error::SocketNotFoundError(_)
        | Error::HyperLegacyError { .. }
        | Error::HyperResponseError { .. }
        | Error::IOError { .. } => Cause::Unreachable { endpoint: endpoint.to_owned(), source: error.into() },
        _ => Cause::Refused(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    const LIMITS: TimeLimits = TimeLimits::all(Duration::from_mins(1));

    #[tokio::test]
    async fn an_endpoint_of_another_kind_is_refused_by_its_name() {
        for endpoint in ["tcp://127.0.0.1:2375", "/var/run/docker.sock", "unix://docker.sock", ""] {
            let error = Docker::connect(Some(endpoint), LIMITS).await.unwrap_err();
            assert!(error.to_string().contains(&format!("`{endpoint}`")), "{error}");
        }
    }

    #[tokio::test]
    async fn a_docker_that_is_not_there_is_unreachable() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("docker.sock");
        let endpoint = format!("unix://{}", socket.display());
        assert!(Docker::connect(Some(&endpoint), LIMITS).await.unwrap_err().is_unreachable());
        drop(UnixListener::bind(&socket).unwrap());
        assert!(Docker::connect(Some(&endpoint), LIMITS).await.unwrap_err().is_unreachable());
    }

    #[tokio::test]
    async fn a_docker_whose_api_is_too_old_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let old_docker = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            let body = r#"{"ApiVersion":"1.40"}"#;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let endpoint = format!("unix://{}", socket.display());
        let (error, ()) = tokio::join!(Docker::connect(Some(&endpoint), LIMITS), old_docker);
        assert!(matches!(error, Err(EngineError::TooOld { version }) if version == "1.40"));
    }
}
