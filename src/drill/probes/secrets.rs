//! Finding a key, and speaking in the agent's place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::agent::{self, Conversation};
use crate::domain::{SessionId, TurnSpec};
use crate::drill::bench::{Bench, unclear};
use crate::drill::outcome::Outcome;
use crate::drill::probe::{Attempt, Class, Probe, Size};
use crate::spawner::MODEL_SOCKET_INSIDE;

pub(super) const PROBES: &[Probe] = &[
    Probe {
        id: "model_key",
        class: Class::Secrets,
        attack: "searching environment, /proc and every file for the model's key",
        guard: "the key is the gateway's; a sandbox gets a placeholder",
        attempt: Attempt::script(include_str!("scripts/model_key.py")),
    },
    Probe {
        id: "forged_output",
        class: Class::Forgery,
        attack: "writing a line into the real agent's output, memory or descriptors",
        guard: "the agent's program is execute-only, so that the kernel refuses every way through /proc",
        attempt: Attempt::Around(|bench| Box::pin(forged_output(bench))),
    },
];

async fn forged_output(bench: &Bench) -> Outcome {
    let tenant = match bench.ground.tenant() {
        Ok(tenant) => tenant,
        Err(error) => return unclear("a tenant's directory could not be made", &error),
    };
    let (settings, conversation) = (&bench.config.agent, Conversation::New(SessionId::generate()));
    let env = agent::agent_env(&BTreeMap::new(), MODEL_SOCKET_INSIDE, None, settings, &BTreeSet::new());
    let asked = json!({
        "argv": agent::argv(conversation, &TurnSpec::default(), settings, &BTreeSet::new(), &env),
        "env": env,
    });
    let script = include_str!("scripts/forged_output.py");
    bench.run_for(&tenant, Size::Ordered, script, asked).await.and(bench.returned(&tenant).await)
}
