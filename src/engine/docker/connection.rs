//! The connection to Docker: finding it, agreeing on a version, and telling its failures apart.

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker as Client};

use crate::engine::{Cause, EngineError};

/// Where Docker listens unless it is told otherwise.
const DEFAULT_ENDPOINT: &str = "unix:///var/run/docker.sock";

/// The first API that knows every field a sandbox needs; older ones ignore what they do not know.
const OLDEST_API: ClientVersion = ClientVersion { major_version: 1, minor_version: 41 };

/// How long Docker may take to begin its answer. Removing a sandbox that fills its memory takes it some seconds.
const REQUEST_TIMEOUT_SECONDS: u64 = 60;

/// A Docker engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Docker {
    /// Speaks its API. To a socket bollard sends no version, so Docker answers as the newest it is.
    pub(super) client: Client,
    /// Where it listens: for people who are told that it does not answer.
    endpoint: String,
}

impl Docker {
    /// Connects to the Docker that listens at `endpoint`, such as `unix:///var/run/docker.sock`; `None` for the
    /// usual place.
    ///
    /// # Errors
    /// When nothing answers there, or what answers is too old for sandboxes.
    pub async fn connect(endpoint: Option<&str>) -> Result<Self, EngineError> {
        let endpoint = endpoint.unwrap_or(DEFAULT_ENDPOINT).to_owned();
        if !endpoint.starts_with("unix:///") {
            return Err(EngineError::Endpoint { endpoint });
        }
        let failed = |error| EngineError::Connect(cause(error, &endpoint));
        let client = Client::connect_with_unix(&endpoint, REQUEST_TIMEOUT_SECONDS, API_DEFAULT_VERSION)
            .map_err(failed)?
            .negotiate_version()
            .await
            .map_err(failed)?;
        let version = client.client_version();
        if version < OLDEST_API {
            return Err(EngineError::TooOld { version: version.to_string() });
        }
        Ok(Self { client, endpoint })
    }

    /// What lies behind an answer that is not the one that was hoped for.
    pub(super) fn cause(&self, error: Error) -> Cause {
        cause(error, &self.endpoint)
    }
}

fn cause(error: Error, endpoint: &str) -> Cause {
    match error {
        Error::DockerResponseServerError { status_code: 404, .. } => Cause::Gone(error.into()),
        Error::SocketNotFoundError(_)
        | Error::RequestTimeoutError
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

    #[tokio::test]
    async fn an_endpoint_of_another_kind_is_refused_by_its_name() {
        for endpoint in ["tcp://127.0.0.1:2375", "/var/run/docker.sock", "unix://docker.sock", ""] {
            let error = Docker::connect(Some(endpoint)).await.unwrap_err();
            assert!(error.to_string().contains(&format!("`{endpoint}`")), "{error}");
        }
    }

    #[tokio::test]
    async fn a_docker_that_is_not_there_is_unreachable() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("docker.sock");
        let endpoint = format!("unix://{}", socket.display());
        assert!(Docker::connect(Some(&endpoint)).await.unwrap_err().is_unreachable());
        drop(UnixListener::bind(&socket).unwrap());
        assert!(Docker::connect(Some(&endpoint)).await.unwrap_err().is_unreachable());
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
        let (error, ()) = tokio::join!(Docker::connect(Some(&endpoint)), old_docker);
        assert!(matches!(error, Err(EngineError::TooOld { version }) if version == "1.40"));
    }
}
