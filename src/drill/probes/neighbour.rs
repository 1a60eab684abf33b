//! Another tenant's sandbox, at work at the same time.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::drill::bench::{Bench, unclear};
use crate::drill::outcome::Outcome;
use crate::drill::probe::{Attempt, Class, Probe, Size};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        id: "neighbour_files",
        class: Class::Neighbour,
        attack: "another tenant's workspace",
        guard: "only the requested directory is mounted",
        attempt: Attempt::Around(|bench| Box::pin(beside(bench, include_str!("scripts/neighbour_files.py")))),
    },
    Probe {
        id: "neighbour_processes",
        class: Class::Neighbour,
        attack: "another tenant's processes",
        guard: "a process table of its own",
        attempt: Attempt::Around(|bench| Box::pin(beside(bench, include_str!("scripts/neighbour_processes.py")))),
    },
    Probe {
        id: "neighbour_sockets",
        class: Class::Neighbour,
        attack: "another tenant's loopback and abstract sockets",
        guard: "a network of its own",
        attempt: Attempt::Around(|bench| Box::pin(beside(bench, include_str!("scripts/neighbour_sockets.py")))),
    },
    Probe {
        id: "neighbour_memory",
        class: Class::Neighbour,
        attack: "another tenant's shared memory and message queues",
        guard: "private IPC",
        attempt: Attempt::Around(|bench| Box::pin(beside(bench, include_str!("scripts/neighbour_memory.py")))),
    },
];

/// Runs `script` for one tenant while another's agent is at work.
async fn beside(bench: &Bench, script: &str) -> Outcome {
    let (victim, attacker) = match bench.ground.tenant().and_then(|one| Ok((one, bench.ground.tenant()?))) {
        Ok(both) => both,
        Err(error) => return unclear("a tenant's directory could not be made", &error),
    };
    let secret = Uuid::new_v4();
    let (number, _) = secret.as_fields().0.overflowing_shr(1);
    let mut known = json!({
        "secret": secret.to_string(),
        "needle": secret.to_string(),
        "abstract": format!("drill-{secret}"),
        "key": number.max(1),
        "name": format!("drill{:08x}", secret.as_fields().0),
        "path": victim.root,
    });
    let mut guest = match bench.open(&victim, Size::Ordered).await {
        Ok(guest) => guest,
        Err(outcome) => return outcome,
    };
    guest.start(include_str!("scripts/victim.py"), known.clone());
    let ready = guest.line().await.and_then(|line| serde_json::from_str::<Value>(&line).ok());
    let outcome = match ready.and_then(|ready| ready.get("port").cloned()) {
        Some(port) => {
            known["port"] = port;
            bench.run_for(&attacker, Size::Ordered, script, known).await
        }
        None => Outcome::Unclear("the neighbour did not come up".to_owned()),
    };
    guest.tell("that is all");
    let ended = guest.verdict().await;
    guest.close().await;
    outcome.and(ended).and(bench.returned(&victim).await).and(bench.returned(&attacker).await)
}
