//! How an issuer's keys are had: by one or two short requests that trust nothing on the way but TLS.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use super::OidcError;
use super::keys::KeySet;
use super::settings::{KeysAt, Settings, address};

/// How long each request may take, to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The most that is read of an answer.
const MAX_BYTES: usize = 512 * 1024;

/// Where an issuer's keys are fetched from.
#[derive(Debug)]
pub(super) struct Source {
    client: Client,
    issuer: String,
    keys_at: KeysAt,
    insecure_http: bool,
    timeout: Duration,
}

/// Why keys could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
    #[error("the answer was {0}; it must be 200, and redirects are not followed")]
    Status(StatusCode),
    #[error("the answer was longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("the answer was not the JSON it should be")]
    Json(#[from] serde_json::Error),
    #[error("the discovered `issuer` is not the one of the settings")]
    OtherIssuer,
    #[error("the discovered `jwks_uri` {0}")]
    KeysAddress(&'static str),
}

/// What an issuer says of itself.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

impl Source {
    pub(super) fn new(settings: &Settings) -> Result<Self, OidcError> {
        let mut client = Client::builder().redirect(Policy::none()).referer(false);
        if settings.insecure_http {
            // A proxy would be asked for its own loopback.
            client = client.no_proxy();
        }
        let client = client.https_only(!settings.insecure_http).build().map_err(OidcError::Client)?;
        let (issuer, keys_at) = (settings.issuer.clone(), settings.keys_at.clone());
        Ok(Self { client, issuer, keys_at, insecure_http: settings.insecure_http, timeout: TIMEOUT })
    }

    /// The issuer's name.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Fetches the keys. Where they are is discovered each time, because an issuer may move them.
    pub(super) async fn fetch(&self) -> Result<KeySet, FetchError> {
        let url = match &self.keys_at {
            KeysAt::Url(url) => url.clone(),
            KeysAt::Discovered(url) => self.discover(url.clone()).await?,
        };
        Ok(KeySet::read(&self.get(url).await?)?)
    }

    async fn discover(&self, at: Url) -> Result<Url, FetchError> {
        let discovered: Discovered = serde_json::from_slice(&self.get(at).await?)?;
        if discovered.issuer != self.issuer {
            return Err(FetchError::OtherIssuer);
        }
        address(&discovered.jwks_uri, self.insecure_http).map_err(FetchError::KeysAddress)
    }

    async fn get(&self, url: Url) -> Result<Vec<u8>, FetchError> {
        let mut answer = self.client.get(url).timeout(self.timeout).send().await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            if body.len() + piece.len() > MAX_BYTES {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OidcConfig;

    #[tokio::test]
    async fn an_issuer_that_never_answers_is_not_waited_for() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let config = format!(
            "issuer = 'http://{}'\naudience = 'innkeeper'\ntenant = 'acme'\ninsecure_http = true",
            silent.local_addr().unwrap()
        );
        let settings = Settings::new(&toml::from_str::<OidcConfig>(&config).unwrap()).unwrap();
        let source = Source { timeout: Duration::from_millis(1), ..Source::new(&settings).unwrap() };
        let failed = source.fetch().await;
        assert!(matches!(&failed, Err(FetchError::Request(error)) if error.is_timeout()), "{failed:?}");
    }
}
