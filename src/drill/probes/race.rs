//! A workspace that is exchanged for a link to another tenant's directory while sandboxes are opened on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use innkeeper_shim::protocol::FaultKind;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::drill::bench::{Bench, unclear};
use crate::drill::ground::Tenant;
use crate::drill::guest::Guest;
use crate::drill::outcome::Outcome;
use crate::drill::probe::{Attempt, Class, Probe};
use crate::sandbox::OpenError;
use crate::spawner::SpawnerError;

/// How many sandboxes are opened meanwhile.
const OPENINGS: usize = 6;

/// How long the directory and the link stay as they are.
const SWAP_EVERY: Duration = Duration::from_micros(100);

/// How often the directory is looked for between two swaps.
const LOOKS: usize = 10_000;

pub(super) const PROBES: &[Probe] = &[Probe {
    id: "swapped_workspace",
    class: Class::Race,
    attack: "the cwd is exchanged for a link to another tenant's directory, thousands of times a second",
    guard: "the open descriptor is handed over; the shim compares device and inode",
    attempt: Attempt::Around(|bench| Box::pin(swapped(bench))),
}];

/// Exchanges two names until dropped.
struct Swapper(Arc<AtomicBool>);

impl Swapper {
    fn start(tenant: &Tenant) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, one, other) = (Arc::clone(&stop), tenant.path("project"), tenant.path("other"));
        thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // The ground may be gone already.
                let _ = renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE);
                thread::sleep(SWAP_EVERY);
            }
        });
        Self(stop)
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A sandbox that was ordered while the name meant the directory, whatever it means when it is mounted; `None` when it never did.
async fn opened(bench: &Bench, tenant: &Tenant) -> Option<Result<Guest, OpenError>> {
    for _ in 0..LOOKS {
        match bench.open_on(tenant, tenant.workspace("project")).await {
            Err(OpenError::Spawner(SpawnerError::Workspace(_))) => {}
            opened => return Some(opened),
        }
    }
    None
}

async fn swapped(bench: &Bench) -> Outcome {
    let laid_out = || {
        let (tenant, rival) = (bench.ground.tenant()?, bench.ground.tenant()?);
        rival.file("secret", "the rival's own")?;
        tenant.directory("project")?;
        std::os::unix::fs::symlink(&rival.root, tenant.path("other"))?;
        Ok((tenant, rival))
    };
    let (tenant, _rival) = match laid_out() {
        Ok(both) => both,
        Err::<_, std::io::Error>(error) => return unclear("the directories could not be laid out", &error),
    };
    let swapper = Swapper::start(&tenant);
    let mut known = 0;
    for _ in 0..OPENINGS {
        let mut guest = match opened(bench, &tenant).await {
            Some(Ok(guest)) => guest,
            Some(Err(error)) => return unclear("no sandbox could be opened between two swaps", &error),
            None => continue,
        };
        guest.start(include_str!("scripts/swapped_workspace.py"), serde_json::json!({}));
        let outcome = guest.verdict().await;
        let is_caught = guest.fault == Some(FaultKind::WorkspaceMismatch);
        guest.close().await;
        // A swap that the shim saw is held as well as one that came to nothing.
        if !outcome.held() && !is_caught {
            return outcome;
        }
        known += 1;
    }
    drop(swapper);
    if known == 0 {
        return Outcome::Unclear("the directory could not be opened between two swaps".to_owned());
    }
    bench.returned(&tenant).await
}
