//! Sandboxes.

use crate::board::{Board, Panel, named, quantile};

pub(crate) fn board() -> Board {
    Board {
        name: "sandboxes",
        title: "Sandboxes",
        about: "How long sandboxes take to stand, why some do not, and what they use.",
        by_tenant: true,
        rows: vec![("Starts", starts()), ("What they use", used()), ("The spawner", spawner())],
    }
}

fn starts() -> Vec<Panel> {
    vec![
        Panel::lines("Start by phase, median", "What each phase of a start takes.", "s")
            .ask("{{phase}}", quantile(0.5, "innkeeper_sandbox_start_duration_seconds", "phase")),
        Panel::lines("Start by phase, 95 of 100", "95 of 100 starts were faster.", "s")
            .ask("{{phase}}", quantile(0.95, "innkeeper_sandbox_start_duration_seconds", "phase")),
        Panel::lines("Starts that failed", "An hour, by why.", "none").ask(
            "{{reason}}",
            "sum by (reason) (rate(innkeeper_sandbox_start_failures_total{@}[$__rate_interval])) * 3600",
        ),
        Panel::lines("Sandboxes", "Sandboxes that are made, used or being removed.", "none")
            .ask("{{instance}}", "sum by (instance) (innkeeper_sandboxes{@})"),
        Panel::lines("Out of memory", "Processes killed for want of memory an hour, by tenant.", "none").ask(
            "{{tenant_name}}",
            named("sum by (tenant) (rate(innkeeper_sandbox_oom_kills_total{@t}[$__rate_interval])) * 3600"),
        ),
        Panel::lines(
            "Left over",
            "Sandboxes of no live session that were removed, and sandboxes that could not be.",
            "none",
        )
        .ask("removed", "sum(increase(innkeeper_orphan_sandboxes_removed_total{@}[$__rate_interval]))")
        .ask("not removed", "sum(increase(innkeeper_sandbox_remove_failures_total{@}[$__rate_interval]))"),
    ]
}

fn used() -> Vec<Panel> {
    let session = "{{tenant_name}} {{session}}";
    vec![
        Panel::lines("Memory", "Of the ten largest live sandboxes.", "bytes")
            .ask(session, named("topk(10, sum by (tenant, session) (innkeeper_live_session_memory_bytes{@t}))")),
        Panel::lines("Memory of what it may use", "Of the ten nearest to their limit.", "percentunit")
            .ask(
                session,
                named("topk(10, sum by (tenant, session) (innkeeper_live_session_memory_bytes{@t} / innkeeper_live_session_memory_limit_bytes{@t}))"),
            )
            .steps(&[(0.9, "red")])
            .between(0.0, 1.0),
        Panel::lines("Processor", "Processors that live sandboxes use, the ten busiest.", "none")
            .ask(session, named("topk(10, sum by (tenant, session) (rate(innkeeper_live_session_cpu_seconds_total{@t}[$__rate_interval])))")),
        Panel::lines("Processes", "Processes and threads of the ten largest.", "none")
            .ask(session, named("topk(10, sum by (tenant, session) (innkeeper_live_session_pids{@t}))")),
        Panel::lines("Memory by tenant", "All live sandboxes of a tenant.", "bytes")
            .ask("{{tenant_name}}", named("sum by (tenant) (innkeeper_live_session_memory_bytes{@t})"))
            .stacked(),
        Panel::lines("Processor by tenant", "All live sandboxes of a tenant.", "none")
            .ask("{{tenant_name}}", named("sum by (tenant) (rate(innkeeper_live_session_cpu_seconds_total{@t}[$__rate_interval]))"))
            .stacked(),
    ]
}

fn spawner() -> Vec<Panel> {
    vec![
        Panel::lines("Calls of the spawner", "95 of 100 were faster.", "s")
            .ask("{{call}}", quantile(0.95, "innkeeper_spawner_call_duration_seconds", "call"))
            .size(12, 8),
        Panel::lines("Failures of the spawner", "An hour, by what it was asked for.", "none")
            .ask("{{call}}", "sum by (call) (rate(innkeeper_spawner_errors_total{@}[$__rate_interval])) * 3600")
            .size(12, 8),
    ]
}
