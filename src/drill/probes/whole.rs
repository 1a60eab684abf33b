//! The sandbox as a whole: what its shim finds is what was ordered.

use crate::drill::bench::{Bench, unclear};
use crate::drill::outcome::{Outcome, told};
use crate::drill::probe::{Attempt, Class, Probe};
use crate::sandbox::OpenError;

pub(super) const PROBES: &[Probe] = &[Probe {
    id: "posture",
    class: Class::Whole,
    attack: "an engine that silently drops a wall which was ordered",
    guard: "the server's check of what the shim finds, before any agent starts",
    attempt: Attempt::Around(|bench| Box::pin(posture(bench))),
}];

/// Opens a sandbox as sessions do: this alone refuses one that is weaker than ordered.
async fn posture(bench: &Bench) -> Outcome {
    let tenant = match bench.ground.tenant() {
        Ok(tenant) => tenant,
        Err(error) => return unclear("a tenant's directory could not be made", &error),
    };
    match bench.open_strictly(&tenant, tenant.workspace("")).await {
        Ok(guest) => {
            guest.close().await;
            bench.returned(&tenant).await
        }
        Err(OpenError::Weak(how)) => Outcome::Broke(how),
        Err(error) => Outcome::Unclear(told(&error)),
    }
}
