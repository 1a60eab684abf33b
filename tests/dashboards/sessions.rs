//! Sessions and their turns.

use crate::board::{Board, named, quantile};
use crate::panel::Panel;
use crate::totals::{TURN_SECONDS, TURNS};

pub(crate) fn board() -> Board {
    Board {
        name: "sessions",
        title: "Sessions",
        about: "How many sessions run and wait, how long turns take and how they end.",
        by_tenant: true,
        opens_on: "now-6h",
        in_utc: false,
        rows: vec![("Concurrency", concurrency()), ("Turns", turns()), ("Live sessions", live())],
    }
}

fn concurrency() -> Vec<Panel> {
    vec![
        Panel::lines("Live sessions by tenant", "All states together.", "none")
            .ask("{{tenant_name}}", named("sum by (tenant) (innkeeper_sessions{@t})"))
            .stacked(),
        Panel::lines("Quota in use", "Sessions of a tenant that have a place, as a part of how many may.", "percentunit")
            .ask(
                "{{tenant_name}}",
                named(
                    "sum by (tenant) (innkeeper_sessions{@t,state=~\"starting|running|stopping\"}) / (sum by (tenant) (innkeeper_sessions_quota{@t}) > 0)",
                ),
            )
            .steps(&[(1.0, "red")]),
        Panel::lines("Queue", "Turns that wait, and places there are, of all tenants.", "none")
            .ask("waiting", "sum(innkeeper_queue_length{@})")
            .ask("places", "sum(innkeeper_sessions_capacity{@})"),
        Panel::lines("Longest wait", "How long the oldest of the waiting turns has waited.", "s")
            .ask("{{instance}}", "max by (instance) (innkeeper_queue_oldest_seconds{@})"),
        Panel::heat("Waits", "How many turns waited how long for their place, of all tenants.", "s")
            .ask("{{le}}", "sum by (le) (increase(innkeeper_queue_wait_seconds_bucket{@}[$__rate_interval]))"),
        Panel::lines("Sessions created", "By tenant.", "none")
            .ask("{{tenant_name}}", named("sum by (tenant) (increase(innkeeper_sessions_created_total{@t}[$__interval]))"))
            .steps_over_time(),
        Panel::lines("Average concurrency", "How many sessions of a tenant had a place on average: short ones count too, which no scrape sees.", "none")
            .ask("{{tenant_name}}", named("sum by (tenant) (rate(innkeeper_sessions_place_seconds_total{@t}[$__rate_interval]))"))
            .stacked(),
    ]
}

fn turns() -> Vec<Panel> {
    vec![
        Panel::lines("How turns end", "Turns by the reason of their end. Those that a crash ended are `interrupted`.", "none")
            .ask("{{reason}}", format!("{} > 0", TURNS.step("reason")))
            .steps_over_time(),
        Panel::lines("Turns that were answered", "As a part of all turns that ended and were not cancelled.", "percentunit")
            .ask(
                "answered",
                format!(
                    "{} / ({} > 0)",
                    TURNS.of(r#"@t,reason="answered""#).step(""),
                    TURNS.of(r#"@t,reason!="cancelled""#).step("")
                ),
            )
            .between(0.0, 1.0),
        Panel::lines("Turn duration, p50 and p95", "From the request to the turn's end, the wait for a place included, of all tenants.", "s")
            .ask("{{outcome}}, p50", quantile(0.5, "innkeeper_turn_total_duration_seconds", "outcome"))
            .ask("{{outcome}}, p95", quantile(0.95, "innkeeper_turn_total_duration_seconds", "outcome")),
        Panel::lines("Turn duration without the queue, p50 and p95", "From the making of the sandbox to the turn's end, of all tenants.", "s")
            .ask("{{outcome}}, p50", quantile(0.5, "innkeeper_turn_duration_seconds", "outcome"))
            .ask("{{outcome}}, p95", quantile(0.95, "innkeeper_turn_duration_seconds", "outcome")),
        Panel::table("Turn duration by tenant", "From the request to the turn's end in this time, the wait for a place included. The mean is of all turns, p95 of those that had series of their own.")
            .column("Turns", "none", named(&TURNS.shown("tenant")))
            .column("Mean", "s", named(&format!("{} / ({} > 0)", TURN_SECONDS.shown("tenant"), TURNS.shown("tenant"))))
            .column("p95", "s", named("quantile by (tenant) (0.95, max by (tenant, session, turn) (max_over_time(innkeeper_live_session_age_seconds{@t}[$__range])) and max by (tenant, session, turn) (last_over_time(innkeeper_live_session_ended_timestamp_seconds{@t}[$__range])))"))
            .sorted_by("Mean")
            .size(24, 8),
        Panel::lines("Rounds", "Rounds of model and tools in a turn, of all tenants.", "none")
            .ask("p50", quantile(0.5, "innkeeper_turn_rounds", ""))
            .ask("p95", quantile(0.95, "innkeeper_turn_rounds", "")),
        Panel::lines("Failures by tenant", "Turns that ended otherwise than by an answer or a cancel.", "none")
            .ask(
                "{{tenant_name}}",
                named(&format!("{} > 0", TURNS.of(r#"@t,reason!~"answered|cancelled""#).step("tenant"))),
            )
            .steps_over_time(),
    ]
}

fn live() -> Vec<Panel> {
    let sum = |name: &str| named(&format!("sum by (tenant, session) ({name}{{@t}})"));
    // A turn that has ended keeps its cost for a while, and is not live any more.
    let turn = |name: &str| {
        named(&format!(
            "sum by (tenant, session) ({name}{{@t}} unless on (job, instance, turn) innkeeper_live_session_ended_timestamp_seconds{{@t}})"
        ))
    };
    vec![
        Panel::table("Live sessions", "Each session as it is now. It is gone from here when its sandbox is.")
            .column("Cost", "currencyUSD", turn("innkeeper_live_session_cost_usd"))
            .column("Age", "s", turn("innkeeper_live_session_age_seconds"))
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
        Panel::stat(
            "Ended turns without series",
            "Turns that ended in the last five minutes beyond metrics.max_ended_turns. They are missing where single sessions are shown.",
            "none",
        )
        .ask("omitted", "sum(innkeeper_ended_turns_omitted{@})")
        .steps(&[(1.0, "orange")]),
    ]
}
