//! Sessions and their turns.

use crate::board::{Board, Panel, named, quantile};

pub(crate) fn board() -> Board {
    Board {
        name: "sessions",
        title: "Sessions",
        about: "How many sessions run and wait, how long turns take and how they end.",
        by_tenant: true,
        rows: vec![("Concurrency", concurrency()), ("Turns", turns()), ("Live sessions", live())],
    }
}

fn concurrency() -> Vec<Panel> {
    vec![
        Panel::lines("Live sessions by tenant", "All states together.", "none")
            .ask("{{tenant_name}}", named("sum by (tenant) (innkeeper_sessions{@t})"))
            .stacked(),
        Panel::lines("Quota in use", "Running sessions of a tenant, as a part of how many may run.", "percentunit")
            .ask(
                "{{tenant_name}}",
                named(
                    "sum by (tenant) (innkeeper_sessions{@t,state=~\"starting|running\"}) / (sum by (tenant) (innkeeper_sessions_quota{@t}) > 0)",
                ),
            )
            .steps(&[(1.0, "red")]),
        Panel::lines("Queue", "Turns that wait, and places there are.", "none")
            .ask("waiting", "sum(innkeeper_queue_length{@})")
            .ask("places", "sum(innkeeper_sessions_capacity{@})"),
        Panel::lines("Longest wait", "How long the oldest of the waiting turns has waited.", "s")
            .ask("{{instance}}", "max by (instance) (innkeeper_queue_oldest_seconds{@})"),
        Panel::heat("Waits", "How many turns waited how long for their place.", "s")
            .ask("{{le}}", "sum by (le) (increase(innkeeper_queue_wait_seconds_bucket{@}[$__rate_interval]))"),
        Panel::lines("Sessions created", "An hour, by tenant.", "none")
            .ask("{{tenant_name}}", named("sum by (tenant) (rate(innkeeper_sessions_created_total{@t}[$__rate_interval])) * 3600")),
    ]
}

fn turns() -> Vec<Panel> {
    vec![
        Panel::lines("How turns end", "Turns an hour.", "none")
            .ask("{{reason}}", "sum by (reason) (rate(innkeeper_turns_ended_total{@t}[$__rate_interval])) * 3600")
            .stacked(),
        Panel::lines("Turns that were answered", "As a part of all turns that ended.", "percentunit")
            .ask(
                "answered",
                r#"sum(rate(innkeeper_turns_ended_total{@t,reason="answered"}[$__rate_interval])) / (sum(rate(innkeeper_turns_ended_total{@t}[$__rate_interval])) > 0)"#,
            )
            .between(0.0, 1.0),
        Panel::lines("Duration, median", "From the making of the sandbox to the turn's end.", "s")
            .ask("{{outcome}}", quantile(0.5, "innkeeper_turn_duration_seconds", "outcome")),
        Panel::lines("Duration, 95 of 100", "95 of 100 turns were faster.", "s")
            .ask("{{outcome}}", quantile(0.95, "innkeeper_turn_duration_seconds", "outcome")),
        Panel::lines("Rounds", "Rounds of model and tools in a turn.", "none")
            .ask("median", quantile(0.5, "innkeeper_turn_rounds", ""))
            .ask("95 of 100", quantile(0.95, "innkeeper_turn_rounds", "")),
        Panel::lines("Failures by tenant", "Turns an hour that ended otherwise than by an answer or a cancel.", "none")
            .ask(
                "{{tenant_name}}",
                named(r#"sum by (tenant) (rate(innkeeper_turns_ended_total{@t,reason!~"answered|cancelled"}[$__rate_interval])) * 3600"#),
            ),
    ]
}

fn live() -> Vec<Panel> {
    let sum = |name: &str| named(&format!("sum by (tenant, session) ({name}{{@t}})"));
    vec![
        Panel::table("Live sessions", "Each session as it is now. It is gone from here when its sandbox is.")
            .column("Cost", "currencyUSD", sum("innkeeper_live_session_cost_usd"))
            .column("Age", "s", sum("innkeeper_live_session_age_seconds"))
            .column("Memory", "bytes", sum("innkeeper_live_session_memory_bytes"))
            .column("Memory limit", "bytes", sum("innkeeper_live_session_memory_limit_bytes"))
            .column("Processor time", "s", sum("innkeeper_live_session_cpu_seconds_total"))
            .column("Processes", "none", sum("innkeeper_live_session_pids")),
        Panel::stat(
            "Not in the table",
            "Live sessions beyond metrics.max_live_sessions, which are in sums only.",
            "none",
        )
        .ask("omitted", "sum(innkeeper_live_sessions_omitted{@})")
        .steps(&[(1.0, "orange")]),
    ]
}
