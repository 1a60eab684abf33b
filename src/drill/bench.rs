//! Where attacks are made: sandboxes for tenants made up for them. The one place of the drill that makes sandboxes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustix::system::uname;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::ground::{Ground, Tenant};
use super::guest::{Guest, nothing};
use super::outcome::{Outcome, told};
use super::probe::Size;
use super::refusal::RefusingModel;
use crate::config::Config;
use crate::domain::{Secret, SessionId, SessionLimits, TurnId};
use crate::lifecycle::Tasks;
use crate::sandbox::{Activity, Caller, Maker, OpenError, Sandbox, Wish};
use crate::spawner::{Spawner, WorkspacePath};
use crate::telemetry::TraceContext;

/// A sandbox for bombs: the least an agent comes up in, and half a processor.
const SMALL: SessionLimits = SessionLimits {
    max_cost_usd: None,
    max_turns: None,
    turn_timeout_ms: None,
    total_timeout_ms: None,
    memory_bytes: Some(256 << 20),
    cpus: Some(0.5),
    pids: Some(64),
    workspace_bytes: None,
    output_bytes: None,
};

/// How long what a sandbox used may take to come back.
const RETURN_LIMIT: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What looks like the model's key in every drill, in the key's place. In two pieces, which a script puts together.
pub(super) const KEY: [&str; 2] = ["sk-ant-drill00-", "never-to-be-seen-in-a-sandbox"];

/// Where attacks are made.
#[derive(Debug)]
pub(super) struct Bench {
    /// The settings, with a key that opens nothing in the place of the model's.
    pub(super) config: Arc<Config>,
    /// What the sandboxes' agents ask of the model.
    pub(super) model: RefusingModel,
    /// Where the tenants are made.
    pub(super) ground: Ground,
    maker: Maker,
    accepting: Maker,
    tasks: Tasks,
    epochs: AtomicI64,
}

impl Bench {
    /// A bench whose sandboxes are made through `spawner`.
    ///
    /// # Errors
    /// When its ground cannot be made.
    pub(super) fn new(spawner: Arc<dyn Spawner>, config: &Config, tasks: Tasks) -> std::io::Result<Self> {
        let mut config = config.clone();
        config.gateway.api_key = Secret::new(KEY.concat());
        // The model that refuses will refuse again.
        config.agent.max_retries = 0;
        let ground = Ground::create(&config.drill_dir(), config.drill.uid)?;
        let config = Arc::new(config);
        let (model, sockets) = RefusingModel::start(&tasks);
        let maker = Maker::new(spawner, Arc::clone(&config), tasks.clone(), sockets);
        let accepting = maker.clone().accepting_weak_sandboxes();
        Ok(Self { config, model, ground, maker, accepting, tasks, epochs: AtomicI64::new(1) })
    }

    /// Runs `script` in a sandbox of its own, and sees that all of it comes back.
    pub(super) async fn run(&self, size: Size, script: &str) -> Outcome {
        let tenant = match self.ground.tenant() {
            Ok(tenant) => tenant,
            Err(error) => return unclear("a tenant's directory could not be made", &error),
        };
        let outcome = self.run_for(&tenant, size, script, nothing()).await;
        outcome.and(self.returned(&tenant).await)
    }

    /// Runs `script` for `tenant` in a sandbox of its own.
    pub(super) async fn run_for(&self, tenant: &Tenant, size: Size, script: &str, asked: Value) -> Outcome {
        let mut guest = match self.open(tenant, size).await {
            Ok(guest) => guest,
            Err(outcome) => return outcome,
        };
        guest.start(script, asked);
        let outcome = guest.verdict().await;
        guest.close().await;
        outcome
    }

    /// Opens a sandbox on a tenant's root, however weak it is, for attacks are to show what that means.
    ///
    /// # Errors
    /// Why it is unclear what would have held.
    pub(super) async fn open(&self, tenant: &Tenant, size: Size) -> Result<Guest, Outcome> {
        self.open_as(tenant, SessionId::generate(), size).await
    }

    /// The same for a session that is known.
    ///
    /// # Errors
    /// Why it is unclear what would have held.
    pub(super) async fn open_as(&self, tenant: &Tenant, session: SessionId, size: Size) -> Result<Guest, Outcome> {
        let sandbox = self.make(&self.accepting, tenant, session, tenant.workspace(""), size).await;
        let sandbox = sandbox.map_err(|error| unclear("no sandbox could be attacked", &error))?;
        Ok(self.guest(sandbox, tenant, size))
    }

    /// Opens a sandbox on a workspace, as sessions do.
    ///
    /// # Errors
    /// When it cannot be made, or is weaker than it was ordered.
    pub(super) async fn open_strictly(&self, tenant: &Tenant, workspace: WorkspacePath) -> Result<Guest, OpenError> {
        let sandbox = self.make(&self.maker, tenant, SessionId::generate(), workspace, Size::Ordered).await?;
        Ok(self.guest(sandbox, tenant, Size::Ordered))
    }

    /// Opens a sandbox on a workspace, however weak it is.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) async fn open_on(&self, tenant: &Tenant, workspace: WorkspacePath) -> Result<Guest, OpenError> {
        let sandbox = self.make(&self.accepting, tenant, SessionId::generate(), workspace, Size::Ordered).await?;
        Ok(self.guest(sandbox, tenant, Size::Ordered))
    }

    /// Whether the process stops, and the drill with it.
    pub(super) fn is_stopping(&self) -> bool {
        self.tasks.stopping().is_cancelled()
    }

    async fn make(
        &self,
        maker: &Maker,
        tenant: &Tenant,
        session: SessionId,
        workspace: WorkspacePath,
        size: Size,
    ) -> Result<Sandbox, OpenError> {
        let (activity, egress) = (Activity::new(), Arc::default());
        let (turn, trace, log) = (TurnId::generate(), TraceContext::default(), tracing::Span::current());
        let caller = Caller { tenant: tenant.id, session, turn, activity, egress, agent_telemetry: false, trace, log };
        let epoch = self.epochs.fetch_add(1, Ordering::Relaxed);
        let wish = Wish { epoch, workspace, image: None, runtime: None, limits: limits(size), survey: false };
        maker.open(caller, wish).await
    }

    fn guest(&self, sandbox: Sandbox, tenant: &Tenant, size: Size) -> Guest {
        Guest::new(sandbox, self.ordered(tenant, size), self.tasks.stopping().clone())
    }

    /// What a sandbox is ordered to be, as scripts read it.
    fn ordered(&self, tenant: &Tenant, size: Size) -> Value {
        let (most, asked) = (&self.config.sandbox, limits(size));
        let [begins, ends] = KEY;
        json!({
            "uid": tenant.uid,
            "gid": tenant.gid,
            "host_name": uname().nodename().to_string_lossy(),
            "key_begins": begins,
            "key_ends": ends,
            "limits": {
                "memory_bytes": asked.memory_bytes.map_or(most.memory_bytes, |asked| asked.min(most.memory_bytes)),
                "cpus": asked.cpus.map_or(most.cpus, |asked| asked.min(most.cpus)),
                "pids": asked.pids.map_or(most.pids, |asked| asked.min(most.pids)),
                "open_files": most.open_files,
                "scratch_bytes": most.scratch_bytes,
                "scratch_inodes": most.scratch_inodes,
            },
        })
    }

    /// Whether everything a tenant's sandboxes used has come back: no sandbox, no process, no mount is left.
    pub(super) async fn returned(&self, tenant: &Tenant) -> Outcome {
        let deadline = Instant::now() + RETURN_LIMIT;
        loop {
            let left = match self.left_of(tenant).await {
                Ok(None) => return Outcome::Held,
                Ok(Some(left)) => left,
                Err(outcome) => return outcome,
            };
            if Instant::now() >= deadline {
                return Outcome::Broke(format!("{RETURN_LIMIT:?} after the end there was {left}"));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn left_of(&self, tenant: &Tenant) -> Result<Option<String>, Outcome> {
        let sandboxes = self.maker.spawner().list().await;
        let sandboxes = sandboxes.map_err(|error| unclear("what is left could not be listed", &error))?;
        if sandboxes.iter().any(|labels| labels.tenant == tenant.id) {
            return Ok(Some("still its sandbox".to_owned()));
        }
        let (uid, id) = (tenant.uid, tenant.id.to_string());
        let counted = tokio::task::spawn_blocking(move || processes_of(uid, &id));
        let processes = counted.await.map_err(|error| unclear("its processes could not be counted", &error))?;
        Ok((processes > 0).then(|| format!("still {processes} of its processes")))
    }
}

/// How many processes of the machine run as `uid` with the root of the tenant `id` mounted.
fn processes_of(uid: u32, id: &str) -> usize {
    let line = format!("Uid:\t{uid}\t");
    let holds = |path: &Path, name, words: &str| {
        std::fs::read_to_string(path.join(name)).is_ok_and(|text| text.contains(words))
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    processes.filter(|process| holds(process, "status", &line) && holds(process, "mountinfo", id)).count()
}

fn limits(size: Size) -> SessionLimits {
    match size {
        Size::Ordered => SessionLimits::default(),
        Size::Small => SMALL,
    }
}

/// An attack that could not be made.
pub(super) fn unclear(what: &str, error: &dyn std::error::Error) -> Outcome {
    Outcome::Unclear(format!("{what}: {}", told(error)))
}
