//! Settings: the embedded `config/default.toml`, then a file, then the environment; unknown keys are refused.

mod agent;
mod auth;
mod drill;
mod egress;
mod engine;
mod gateway;
mod http;
mod load;
mod log;
mod metrics;
mod rates;
mod sandbox;
mod session;
mod spawner;
mod survey;
mod traces;

pub use agent::AgentConfig;
pub use auth::{AuthConfig, OidcAlgorithm, OidcConfig};
pub use drill::DrillConfig;
pub use egress::{EgressConfig, ExtraHost, OutsideCeiling};
pub use engine::{EngineConfig, HandOver};
pub use gateway::GatewayConfig;
pub use http::{HttpConfig, listen_address};
pub use load::{Config, ConfigError, DEFAULT_TOML};
pub use log::{LogConfig, LogFormat};
pub use metrics::MetricsConfig;
pub use rates::RatesConfig;
pub use sandbox::SandboxConfig;
pub use session::SessionConfig;
pub use spawner::SpawnerConfig;
pub use survey::SurveyConfig;
pub use traces::{IncomingTraces, TracesConfig};
