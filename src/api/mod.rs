//! The HTTP APIs: extract, authorize, call, render.

pub mod account;
pub mod admin;
pub mod auth;
pub mod collect;
mod document;
pub mod export;
mod health;
mod input;
mod measure;
mod rate_headers;
mod requests;
mod router;
pub mod seed;
mod unrouted;

pub use router::{operator, public};

use std::sync::Arc;

use crate::admin::Findings;
use crate::config::Config;
use crate::domain::Clock;
use crate::gateway::Prices;
use crate::session::Registry;
use crate::spawner::RootKeeper;
use crate::store::Store;

/// What the handlers share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ApiState {
    /// All settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Every fact.
    pub store: Store,
    /// Who may come in.
    pub gate: Arc<auth::Gate>,
    /// What model calls cost.
    pub prices: Prices,
    /// The live sessions.
    pub sessions: Registry,
    /// How far the agents' claims are from the ledger.
    pub drift: Arc<collect::DriftWatch>,
    /// What is set and cannot work.
    pub findings: Findings,
    /// What makes tenants' roots.
    pub roots: Arc<dyn RootKeeper>,
    /// Whose large bodies are read.
    pub parsing: crate::fair::Parsing,
}
