//! The fleet, for the operator who looks once a day and when it is on fire.

use crate::board::{Board, quantile, quantile_of};
use crate::panel::Panel;
use crate::totals::{COST, TURNS};

/// The tenants' listener.
const PUBLIC: &str = r#"@,listener="public""#;

pub(crate) fn board() -> Board {
    Board {
        name: "overview",
        title: "Overview",
        about: "Is everything all right? What runs, what waits, what failed, what it costs.",
        by_tenant: false,
        opens_on: "now-6h",
        in_utc: false,
        rows: vec![("Now", now()), ("Work", work()), ("The API", api()), ("The process", process())],
    }
}

fn now() -> Vec<Panel> {
    let bad = [(1.0, "red")];
    vec![
        Panel::stat("Servers up", "Servers that Prometheus reaches.", "none")
            .ask("up", "sum(up{@}) or vector(0)")
            .steps(&[(0.0, "red"), (1.0, "green")]),
        Panel::stat("Sessions running", "Sessions whose agents work at this moment.", "none")
            .ask("running", r#"sum(innkeeper_sessions{@,state="running"}) or vector(0)"#),
        Panel::stat("Places taken", "Sandboxes by the places there are.", "percentunit")
            .ask("taken", "sum(innkeeper_sandboxes{@}) / sum(innkeeper_sessions_capacity{@})")
            .steps(&[(0.8, "orange"), (1.0, "red")]),
        Panel::stat("Waiting", "Turns that wait for a place.", "none")
            .ask("waiting", "sum(innkeeper_queue_length{@})")
            .steps(&[(5.0, "orange"), (20.0, "red")]),
        Panel::stat("Longest wait", "How long the oldest of the waiting turns has waited.", "s")
            .ask("longest", "max(innkeeper_queue_oldest_seconds{@})")
            .steps(&[(60.0, "orange"), (300.0, "red")]),
        Panel::stat("Spending", "What the last hour cost.", "currencyUSD")
            .ask("an hour", format!("{} or vector(0)", COST.of("@").hour(""))),
        Panel::stat("Lost turns", "Turns that were under way when a server ended, by its last start.", "none")
            .ask("lost", "sum(innkeeper_turns_lost_at_start{@})")
            .steps(&bad),
        Panel::stat("Drill", "Probes of the last drill that did not hold. Without data there was no drill yet.", "none")
            .ask("not held", "sum(1 - innkeeper_drill_probe_passed{@})")
            .steps(&bad),
        Panel::stat("Out of memory", "Processes killed in sandboxes for want of memory in this time.", "none")
            .ask("killed", "sum(increase(innkeeper_sandbox_oom_kills_total{@}[$__range])) or vector(0)")
            .steps(&[(1.0, "orange")]),
        Panel::stat("Errors in the log", "Lines of the log that are errors, in this time.", "none")
            .ask("errors", r#"sum(increase(innkeeper_log_messages_total{@,level="error"}[$__range]))"#)
            .steps(&bad),
        Panel::stat("Overspent", "The most that a hard budget was passed by. Always 0, or it is a fault.", "currencyUSD")
            .ask(
                "overspent",
                r#"max(clamp_min(innkeeper_budget_spent_usd{@,enforcement="hard"} - innkeeper_budget_limit_usd{@,enforcement="hard"}, 0)) or vector(0)"#,
            )
            .steps(&[(0.01, "red")]),
        Panel::names("Version", "Versions that run.")
            .ask("{{version}}", "sum by (version) (innkeeper_build_info{@})"),
    ]
}

fn work() -> Vec<Panel> {
    vec![
        Panel::lines("Sessions by state", "What live sessions are about.", "none")
            .ask("{{state}}", "sum by (state) (innkeeper_sessions{@})")
            .ask("places", "sum(innkeeper_sessions_capacity{@})"),
        Panel::lines(
            "Turns that ended",
            "By the reason of their end. Those that a crash ended are `interrupted`.",
            "none",
        )
        .ask("{{reason}}", format!("{} > 0", TURNS.of("@").step("reason")))
        .steps_over_time(),
        Panel::lines("Sandbox start", "From a place to an agent that can be asked.", "s")
            .ask("p50", quantile_of(0.5, "innkeeper_sandbox_start_duration_seconds", r#"@,phase="total""#, ""))
            .ask("p95", quantile_of(0.95, "innkeeper_sandbox_start_duration_seconds", r#"@,phase="total""#, "")),
        Panel::lines(
            "Spending by the hour",
            "What model calls cost, as an amount an hour, and the same a day before.",
            "currencyUSD",
        )
        .ask("now", "sum(rate(innkeeper_model_cost_usd_total{@}[$__rate_interval])) * 3600")
        .ask("a day before", "sum(rate(innkeeper_model_cost_usd_total{@}[$__rate_interval] offset 1d)) * 3600"),
        Panel::lines("Turned away", "Calls of tenants that did not get what they asked for, by why.", "reqps")
            .ask("{{reason}}", "sum by (reason) (rate(innkeeper_requests_rejected_total{@}[$__rate_interval]))"),
        Panel::alerts("Alerts", "What fires or is about to."),
    ]
}

fn api() -> Vec<Panel> {
    vec![
        Panel::lines("Calls", "Calls of both listeners, by how they were answered.", "reqps")
            .ask("{{listener}} {{status}}", "sum by (listener, status) (rate(innkeeper_http_requests_total{@}[$__rate_interval]))"),
        Panel::lines("Failures of the server", "Answers of 5xx to tenants, as a part of all. What Prometheus itself asks would hide them.", "percentunit")
            .ask(
                "5xx",
                r#"(sum(rate(innkeeper_http_requests_total{@,listener="public",status="5xx"}[$__rate_interval])) or vector(0)) / (sum(rate(innkeeper_http_requests_total{@,listener="public"}[$__rate_interval])) > 0)"#,
            )
            .steps(&[(0.02, "red")]),
        Panel::lines("Time to answer", "From a tenant's call to the head of its answer.", "s")
            .ask("p50", quantile_of(0.5, "innkeeper_http_request_duration_seconds", PUBLIC, ""))
            .ask("p95", quantile_of(0.95, "innkeeper_http_request_duration_seconds", PUBLIC, ""))
            .ask("p99", quantile_of(0.99, "innkeeper_http_request_duration_seconds", PUBLIC, "")),
        Panel::lines("Calls being answered", "Calls under way.", "none")
            .ask("{{listener}}", "sum by (listener) (innkeeper_http_requests_in_flight{@})"),
        Panel::lines("Slowest paths, p95", "From a call to the head of its answer.", "s")
            .ask("{{route}}", format!("topk(5, {} > 0)", quantile(0.95, "innkeeper_http_request_duration_seconds", "route"))),
        Panel::lines("Warnings and errors", "Lines of the log a minute.", "none")
            .ask("{{level}}", "sum by (level) (rate(innkeeper_log_messages_total{@}[$__rate_interval])) * 60"),
    ]
}

fn process() -> Vec<Panel> {
    vec![
        Panel::lines("Processor", "Processors the server itself uses.", "none")
            .ask("{{instance}}", "sum by (instance) (rate(process_cpu_seconds_total{@}[$__rate_interval]))")
            .size(6, 7),
        Panel::lines("Memory", "Memory of the server itself.", "bytes")
            .ask("{{instance}}", "sum by (instance) (process_resident_memory_bytes{@})")
            .size(6, 7),
        Panel::lines(
            "Runtime lag",
            "How late a timer of the runtime comes: what every task waits for a processor.",
            "s",
        )
        .ask("p50", quantile(0.5, "innkeeper_runtime_lag_seconds", ""))
        .ask("p99", quantile(0.99, "innkeeper_runtime_lag_seconds", ""))
        .size(6, 7),
        Panel::lines("Open files", "Descriptors the server holds, of those it may.", "percentunit")
            .ask("{{instance}}", "sum by (instance) (process_open_fds{@}) / sum by (instance) (process_max_fds{@})")
            .size(6, 7),
        Panel::lines("Collecting", "What each collector takes at a scrape.", "s")
            .ask("{{collector}}", "max by (collector) (innkeeper_collect_duration_seconds{@})")
            .size(8, 7),
        Panel::lines("Series", "Series of a scrape.", "short")
            .ask("{{instance}}", "sum by (instance) (innkeeper_exported_series{@})")
            .size(8, 7),
        Panel::lines("Collectors that failed", "Their families were left out of the scrape.", "none")
            .ask("{{collector}}", "sum by (collector) (increase(innkeeper_collect_errors_total{@}[$__interval]))")
            .steps_over_time()
            .size(8, 7),
        Panel::lines("Free disk space", "Of the filesystem that holds the data directory.", "bytes")
            .ask("{{instance}} free", "min by (instance) (innkeeper_disk_free_bytes{@})")
            .ask("{{instance}} size", "min by (instance) (innkeeper_disk_size_bytes{@})")
            .size(12, 7),
        Panel::lines("Database size", "The database with its write-ahead log.", "bytes")
            .ask("{{instance}}", "max by (instance) (innkeeper_database_size_bytes{@})")
            .size(12, 7),
    ]
}
