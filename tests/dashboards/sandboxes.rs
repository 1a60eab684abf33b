//! Sandboxes.

use crate::board::{Board, named, quantile};
use crate::panel::Panel;

pub(crate) fn board() -> Board {
    Board {
        name: "sandboxes",
        title: "Sandboxes",
        about: "How long sandboxes take to stand, why some do not, and what they use.",
        by_tenant: true,
        opens_on: "now-6h",
        in_utc: false,
        rows: vec![("Starts", starts()), ("What they use", used()), ("The spawner", spawner())],
    }
}

fn starts() -> Vec<Panel> {
    vec![
        Panel::lines("Start duration by phase, p50", "What each phase of a start takes.", "s")
            .ask("{{phase}}", quantile(0.5, "innkeeper_sandbox_start_duration_seconds", "phase")),
        Panel::lines(
            "Start duration by phase, p95",
            "What each phase of a start takes at most, but for one start in twenty.",
            "s",
        )
        .ask("{{phase}}", quantile(0.95, "innkeeper_sandbox_start_duration_seconds", "phase")),
        Panel::lines("Failed starts", "By reason.", "none")
            .ask("{{reason}}", "sum by (reason) (increase(innkeeper_sandbox_start_failures_total{@}[$__interval]))")
            .steps_over_time(),
        Panel::lines("Sandboxes", "Sandboxes that are made, used or being removed.", "none")
            .ask("{{instance}}", "sum by (instance) (innkeeper_sandboxes{@})"),
        Panel::lines("Out of memory", "Processes killed for want of memory, by tenant.", "none")
            .ask(
                "{{tenant_name}}",
                named("sum by (tenant) (increase(innkeeper_sandbox_oom_kills_total{@t}[$__interval]))"),
            )
            .steps_over_time(),
        Panel::lines(
            "Orphaned sandboxes",
            "Sandboxes of no live session that were removed, and sandboxes that could not be.",
            "none",
        )
        .ask("removed", "sum(increase(innkeeper_orphan_sandboxes_removed_total{@}[$__interval]))")
        .ask("not removed", "sum(increase(innkeeper_sandbox_remove_failures_total{@}[$__interval]))")
        .steps_over_time(),
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
        Panel::lines(
            "Spawner calls, p95",
            "How long the spawner takes for what it is asked, the engine's time in it.",
            "s",
        )
        .ask("{{call}}", quantile(0.95, "innkeeper_spawner_call_duration_seconds", "call")),
        Panel::lines("What the spawner is asked for", "Calls a minute; `open` makes a sandbox.", "none")
            .ask(
                "{{call}}",
                "sum by (call) (rate(innkeeper_spawner_call_duration_seconds_count{@}[$__rate_interval])) * 60",
            )
            .stacked(),
        Panel::lines("Failures of the spawner", "By what it was asked for.", "none")
            .ask("{{call}}", "sum by (call) (increase(innkeeper_spawner_errors_total{@}[$__interval]))")
            .steps_over_time(),
    ]
}
