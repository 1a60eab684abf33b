//! Using up what neighbours and the server need. Each bomb must end at its bound, and all of it must come back.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::drill::bench::{Bench, unclear};
use crate::drill::outcome::Outcome;
use crate::drill::probe::{Attempt, Class, Probe, Size};

/// The most that may be under way of what nobody acknowledges: the shim's journal, the reports on the way, and pipes.
const UNHEARD_BYTES: u64 = 64 << 20;

/// How long an agent may take to find that nobody listens.
const STANDSTILL: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);

const fn bomb(id: &'static str, attack: &'static str, guard: &'static str, script: &'static str) -> Probe {
    Probe { id, class: Class::Resources, attack, guard, attempt: Attempt::bomb(script) }
}

const fn flood(id: &'static str, attack: &'static str, guard: &'static str, script: &'static str) -> Probe {
    Probe { id, class: Class::Resources, attack, guard, attempt: Attempt::script(script) }
}

pub(super) const PROBES: &[Probe] = &[
    bomb("fork_bomb", "processes without end", "the limit of processes", include_str!("scripts/fork_bomb.py")),
    bomb(
        "orphan_bomb",
        "dead processes that nobody buries",
        "the shim buries them",
        include_str!("scripts/orphan_bomb.py"),
    ),
    bomb(
        "memory_bomb",
        "memory without end: plain, as a shared file, as System V memory",
        "the limit of memory; tools die before the shim",
        include_str!("scripts/memory_bomb.py"),
    ),
    bomb(
        "processor_bomb",
        "every processor, for ever",
        "the limit of processor time",
        include_str!("scripts/processor_bomb.py"),
    ),
    bomb(
        "processor_priority",
        "going before everybody else",
        "no CAP_SYS_NICE, and no limits that stand for it",
        include_str!("scripts/processor_priority.py"),
    ),
    bomb(
        "memory_priority",
        "being spared when the machine runs out of memory",
        "an out-of-memory score far above the server's, which cannot be lowered below it",
        include_str!("scripts/memory_priority.py"),
    ),
    flood("scratch_bomb", "filling /tmp and the home", "a size for each", include_str!("scripts/scratch_bomb.py")),
    flood(
        "inode_bomb",
        "files without end in /tmp and the home",
        "a number of files for each",
        include_str!("scripts/inode_bomb.py"),
    ),
    flood(
        "shared_memory_bomb",
        "filling /dev/shm and the message queues",
        "a size and a number of files for /dev/shm, the kernel's for queues",
        include_str!("scripts/shared_memory_bomb.py"),
    ),
    flood(
        "descriptor_bomb",
        "open files without end",
        "the limit of open files",
        include_str!("scripts/descriptor_bomb.py"),
    ),
    flood(
        "signal_bomb",
        "signals left waiting, which are counted for each user of the whole machine",
        "the limit of waiting signals",
        include_str!("scripts/signal_bomb.py"),
    ),
    flood(
        "locked_memory",
        "memory the kernel cannot move",
        "the limit of locked memory",
        include_str!("scripts/locked_memory.py"),
    ),
    flood(
        "core_dump",
        "a core dump, which a program of the host's takes",
        "no cores",
        include_str!("scripts/core_dump.py"),
    ),
    Probe {
        id: "output_bomb",
        class: Class::Resources,
        attack: "output without end, while nobody listens",
        guard: "the shim's bounded journal: the agent waits, and nothing goes through the engine",
        attempt: Attempt::Around(|bench| Box::pin(output_bomb(bench))),
    },
];

/// Acknowledges nothing, and asks how much was taken of what the agent said.
async fn output_bomb(bench: &Bench) -> Outcome {
    let tenant = match bench.ground.tenant() {
        Ok(tenant) => tenant,
        Err(error) => return unclear("a tenant's directory could not be made", &error),
    };
    let guest = match bench.open(&tenant, Size::Ordered).await {
        Ok(guest) => guest,
        Err(outcome) => return outcome,
    };
    guest.start(include_str!("scripts/output_bomb.py"), json!({}));
    let deadline = Instant::now() + STANDSTILL;
    let said = loop {
        if let Ok(text) = std::fs::read_to_string(tenant.path("said")) {
            break text.parse::<u64>().ok();
        }
        if Instant::now() >= deadline || bench.is_stopping() {
            break None;
        }
        sleep(LOOK_EVERY).await;
    };
    guest.close().await;
    let outcome = match said {
        Some(0) => Outcome::Unclear("the agent could say nothing".to_owned()),
        Some(said) if said <= UNHEARD_BYTES => Outcome::Held,
        Some(said) => Outcome::Broke(format!("{} MiB were taken that nobody listened to", said >> 20)),
        None => Outcome::Unclear(format!("the agent did not come to a standstill within {STANDSTILL:?}")),
    };
    outcome.and(bench.returned(&tenant).await)
}
