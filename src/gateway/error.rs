//! Why a gateway cannot be made.

use super::PriceError;
use crate::telemetry::OtlpError;

/// Settings the gateway cannot work with.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The prices cannot be used.
    #[error(transparent)]
    Prices(#[from] PriceError),
    /// The way of agents' telemetry cannot be used.
    #[error(transparent)]
    Telemetry(#[from] OtlpError),
    /// The upstream's address cannot be used.
    #[error("`gateway.upstream_url` must be an http or https URL without user name, query or fragment")]
    UpstreamUrl,
    /// The key cannot be sent. The text is kept out of the message.
    #[error("`gateway.api_key` holds characters that a header cannot carry")]
    ApiKey,
    /// The HTTP client cannot be made.
    #[error("the HTTP client for the model API cannot be made")]
    Client(#[source] reqwest::Error),
}
