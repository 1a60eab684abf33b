//! All settings together, and how they are read: one layer over the other.

use std::path::{Path, PathBuf};

use config::{Config as Layers, Environment, File, FileFormat};
use serde::Deserialize;

use super::{
    AgentConfig, AuthConfig, DrillConfig, EgressConfig, EngineConfig, GatewayConfig, HttpConfig, LogConfig,
    MetricsConfig, RatesConfig, SandboxConfig, SessionConfig, SpawnerConfig, SurveyConfig, TracesConfig,
};

/// The settings' defaults and their documentation.
pub const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

/// Variables that share the prefix and tell clients (`innkeeper run`) where the server is: no settings of it.
const OF_CLIENTS: [&str; 2] = ["INNKEEPER_URL", "INNKEEPER_KEY"];

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the server keeps everything.
    pub data_dir: PathBuf,
    /// The listeners.
    pub http: HttpConfig,
    /// Keys.
    pub auth: AuthConfig,
    /// The engine.
    pub engine: EngineConfig,
    /// Who holds the engine.
    pub spawner: SpawnerConfig,
    /// What a sandbox may use.
    pub sandbox: SandboxConfig,
    /// What is kept and told of what sessions change.
    pub survey: SurveyConfig,
    /// The agent.
    pub agent: AgentConfig,
    /// Sessions and turns.
    pub session: SessionConfig,
    /// The model.
    pub gateway: GatewayConfig,
    /// What sandboxes may be granted to reach.
    pub egress: EgressConfig,
    /// Rates.
    pub rates: RatesConfig,
    /// The drill.
    pub drill: DrillConfig,
    /// The metrics.
    pub metrics: MetricsConfig,
    /// Logs.
    pub log: LogConfig,
    /// Traces.
    pub traces: TracesConfig,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or variable cannot be read, or names a key that does not exist, or gives it a wrong value.
    #[error("the settings cannot be used: {0}")]
    Invalid(config::ConfigError),
}

impl Config {
    /// Reads the settings: defaults, then `file`, then `INNKEEPER_*` variables.
    ///
    /// # Errors
    /// When something cannot be read, or a key is unknown or has a wrong value; the message names it.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let ours = std::env::vars_os().filter_map(|(name, value)| {
            let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
            (!OF_CLIENTS.contains(&name.as_str())).then_some((name, value))
        });
        let config = Self::layered(file, Environment::default().source(Some(ours.collect())))?;
        #[expect(clippy::disallowed_methods, reason = "DOCKER_HOST is Docker's own setting, not one of ours")]
        let docker_host = std::env::var("DOCKER_HOST").ok();
        Ok(config.beside_docker(docker_host))
    }

    /// Where the settings name no engine, it is where Docker's own client would look: whoever asks for the endpoint is to
    /// get the one that is used.
    fn beside_docker(mut self, docker_host: Option<String>) -> Self {
        if self.engine.endpoint.is_empty() {
            self.engine.endpoint = docker_host.unwrap_or_default();
        }
        self
    }

    /// Reads the settings with `environment` in place of the process's own.
    fn layered(file: Option<&Path>, environment: Environment) -> Result<Self, ConfigError> {
        let mut layers = Layers::builder().add_source(File::from_str(DEFAULT_TOML, FileFormat::Toml));
        if let Some(path) = file {
            layers = layers.add_source(File::from(path).format(FileFormat::Toml));
        }
        let environment = environment
            .prefix("INNKEEPER")
            .prefix_separator("_")
            .separator("__")
            .list_separator(",")
            .with_list_parse_key("http.cors_origins")
            .with_list_parse_key("http.operator_hosts")
            .with_list_parse_key("http.trusted_proxies")
            .with_list_parse_key("spawner.bases")
            .with_list_parse_key("spawner.images")
            .with_list_parse_key("spawner.runtimes")
            .with_list_parse_key("egress.allowed_hosts")
            .with_list_parse_key("egress.allowed_private")
            .with_list_parse_key("egress.extra_hosts")
            .try_parsing(true);
        let layers = layers.add_source(environment).build().map_err(ConfigError::Invalid)?;
        layers.try_deserialize().map_err(ConfigError::Invalid)
    }

    /// The database's file.
    pub fn database_path(&self) -> PathBuf {
        self.data_dir.join("innkeeper.db")
    }

    /// The file of the secret that tokens are signed with.
    pub fn tokens_path(&self) -> PathBuf {
        self.data_dir.join("tokens.key")
    }

    /// Where what was undone of sessions' changes is kept, one directory a session.
    pub fn files_dir(&self) -> PathBuf {
        self.data_dir.join("files")
    }

    /// Where drills are held.
    pub fn drill_dir(&self) -> PathBuf {
        self.data_dir.join("drill")
    }

    /// Where the reports of drills are kept.
    pub fn drill_reports_dir(&self) -> PathBuf {
        match &self.drill.reports_dir {
            chosen if chosen.as_os_str().is_empty() => self.data_dir.join("drills"),
            chosen => chosen.clone(),
        }
    }

    /// Where live sandboxes have their sockets.
    pub fn sandboxes_dir(&self) -> PathBuf {
        self.data_dir.join("sandboxes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OidcAlgorithm;
    use crate::domain::KeyScopes;

    fn with_environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let pairs = pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        Config::layered(None, Environment::default().source(Some(pairs)))
    }

    #[test]
    fn the_defaults_are_complete() {
        let config = with_environment(&[]).unwrap();
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:8000");
        assert!(config.http.cors_origins.is_empty());
    }

    #[test]
    fn a_variable_overrides_the_file() {
        let config = with_environment(&[
            ("INNKEEPER_HTTP__LISTEN", "0.0.0.0:9000"),
            ("INNKEEPER_HTTP__CORS_ORIGINS", "https://a.example,https://b.example"),
            ("INNKEEPER_DATA_DIR", "/var/lib/innkeeper"),
        ])
        .unwrap();
        assert_eq!(config.http.listen.port(), 9000);
        assert_eq!(config.http.cors_origins.len(), 2);
        assert_eq!(config.data_dir, Path::new("/var/lib/innkeeper"));
    }

    #[test]
    fn docker_s_own_variable_counts_where_no_engine_is_named() {
        let host = || Some("unix:///srv/docker.sock".to_owned());
        let config = with_environment(&[]).unwrap();
        assert_eq!(config.clone().beside_docker(None).engine.endpoint, "");
        assert_eq!(config.beside_docker(host()).engine.endpoint, "unix:///srv/docker.sock");
        let config = with_environment(&[("INNKEEPER_ENGINE__ENDPOINT", "unix:///run/ours.sock")]).unwrap();
        assert_eq!(config.beside_docker(host()).engine.endpoint, "unix:///run/ours.sock");
    }

    fn with_file(text: &str) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("innkeeper.toml");
        std::fs::write(&path, text).unwrap();
        Config::layered(Some(&path), Environment::default().source(Some(config::Map::new())))
    }

    #[test]
    fn issuers_are_a_list_and_each_has_its_defaults() {
        assert!(with_environment(&[]).unwrap().auth.oidc.is_empty());
        let issuer = "[[auth.oidc]]\nissuer = 'https://Login.example/A'\naudience = 'us'\ntenant_claim = 'Org'\n";
        let two = format!("{issuer}{issuer}algorithms = ['EdDSA', 'RS256']\nscopes = ['usage:read']\n");
        let oidc = with_file(&two).unwrap().auth.oidc;
        assert_eq!((oidc.len(), &*oidc[0].issuer), (2, "https://Login.example/A"));
        assert_eq!((oidc[0].tenant_claim.as_deref(), oidc[0].max_token_age_ms), (Some("Org"), 86_400_000));
        assert_eq!(oidc[0].algorithms, OidcAlgorithm::ALL);
        assert_eq!(oidc[0].scopes.join(" "), KeyScopes::TENANT.to_string());
        assert!(!oidc[0].insecure_http && oidc[0].jwks_url.is_none());
        assert_eq!(oidc[1].algorithms, [OidcAlgorithm::EdDsa, OidcAlgorithm::Rs256]);
        assert_eq!(oidc[1].scopes, ["usage:read"]);
    }

    #[test]
    fn an_issuer_with_a_wrong_setting_is_refused_by_its_name() {
        let issuer = "[[auth.oidc]]\nissuer = 'https://login.example'\naudience = 'us'\n";
        for (line, named) in [
            ("tenannt = 'acme'", "tenannt"),
            ("algorithms = ['HS256']", "HS256"),
            ("max_token_age_ms = 'long'", "max_token_age_ms"),
        ] {
            let error = with_file(&format!("{issuer}{line}\n")).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let error = with_file("[[auth.oidc]]\nissuer = 'https://login.example'\n").unwrap_err().to_string();
        assert!(error.contains("audience"), "{error}");
    }

    #[test]
    fn nothing_may_be_granted_unless_the_settings_list_it() {
        let egress = with_environment(&[]).unwrap().egress;
        assert_eq!((egress.allowed_hosts.len(), egress.allowed_private.len(), egress.extra_hosts.len()), (0, 0, 0));
        let egress = with_environment(&[
            ("INNKEEPER_EGRESS__ALLOWED_HOSTS", "packages.example.com:443,*.example.org:443"),
            ("INNKEEPER_EGRESS__ALLOWED_PRIVATE", "10.0.0.0/8,fd00:1::/32"),
            ("INNKEEPER_EGRESS__EXTRA_HOSTS", "packages.example.com=10.0.0.7"),
        ])
        .unwrap()
        .egress;
        assert_eq!((egress.allowed_hosts.len(), egress.allowed_private.len(), egress.extra_hosts.len()), (2, 2, 1));
        for (name, value) in [("ALLOWED_HOSTS", "10.0.0.1:443"), ("ALLOWED_PRIVATE", "10"), ("EXTRA_HOSTS", "a.b")] {
            let error = with_environment(&[(&format!("INNKEEPER_EGRESS__{name}"), value)]).unwrap_err().to_string();
            assert!(error.contains(value), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_its_name() {
        let error = with_environment(&[("INNKEEPER_HTTP__LISTENN", "x")]).unwrap_err().to_string();
        assert!(error.contains("listenn"), "{error}");
        let error = with_environment(&[("INNKEEPER_SANDBOX__MEMORY_BYTES", "lots")]).unwrap_err().to_string();
        assert!(error.contains("memory_bytes"), "{error}");
    }
}
