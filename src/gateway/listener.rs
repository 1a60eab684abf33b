//! What the sockets of all sandboxes share: places for connections, memory for bodies, and the deadlines of both.

use std::sync::Arc;
use std::time::Duration;

use crate::config::GatewayConfig;
use crate::lifecycle::Tasks;
use crate::net::{BodyMemory, DescriptorBudget, Limits, Listener, Pool, Share};
use crate::sandbox::Caller;

/// Connections one sandbox may have at the same time; further ones wait.
const MAX_CONNECTIONS: usize = 64;

/// The part of all sandboxes' places that one sandbox may take where places are few, and that one tenant's may.
const SANDBOX_PART: usize = 4;
const TENANT_PART: usize = 2;

/// How long the head of a request may take, and how long a connection may be idle: an agent keeps its own for minutes.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// How long a body may pause, and the rate it keeps in the long run.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
const MIN_BODY_BYTES_PER_SECOND: u64 = 4 * 1024;

/// How long an agent may read nothing of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_mins(5);

/// What the listeners of all sandboxes share.
#[derive(Debug)]
pub(super) struct Sockets {
    pool: Arc<Pool>,
    memory: Arc<BodyMemory>,
    limits: Limits,
}

impl Sockets {
    pub(super) fn new(config: &GatewayConfig) -> Self {
        let limits = Limits {
            head: HEAD_TIMEOUT,
            idle: IDLE_TIMEOUT,
            body: BODY_TIMEOUT,
            min_body_bytes_per_second: MIN_BODY_BYTES_PER_SECOND,
            write: WRITE_TIMEOUT,
            discard_bytes: config.max_body_bytes as u64,
        };
        let memory = BodyMemory::new(config.body_memory_bytes, config.max_body_bytes);
        Self { pool: Pool::new(DescriptorBudget::current().sandboxes), memory, limits }
    }

    /// The listener of one sandbox.
    pub(super) fn listener(&self, caller: &Caller, tasks: &Tasks) -> Listener {
        let of = |owner, max: usize| Share { owner, max: max.max(1) };
        let sandbox = of(caller.session.as_u128(), MAX_CONNECTIONS.min(self.pool.max() / SANDBOX_PART));
        let tenant = of(caller.tenant.as_u128(), self.pool.max() / TENANT_PART);
        Listener {
            name: "sandbox",
            limits: self.limits,
            pool: Arc::clone(&self.pool),
            max_per_address: None,
            shared_addresses: Vec::new(),
            shares: vec![sandbox, tenant],
            memory: Some(Arc::clone(&self.memory)),
            tasks: tasks.clone(),
        }
    }
}
