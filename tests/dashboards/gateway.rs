//! Calls of the model.

use crate::board::{Board, named, quantile};
use crate::panel::Panel;

pub(crate) fn board() -> Board {
    Board {
        name: "gateway",
        title: "Gateway",
        about: "Calls of the model: how many, how fast, what fails, and whether every one is held and settled.",
        by_tenant: false,
        opens_on: "now-6h",
        in_utc: false,
        rows: vec![("Calls", calls()), ("Failures", failures()), ("Holds and the ledger", ledger())],
    }
}

fn calls() -> Vec<Panel> {
    vec![
        Panel::lines("Calls by model", "Calls a minute that are settled.", "none")
            .ask("{{model}}", "sum by (model) (rate(innkeeper_gateway_calls_total{@}[$__rate_interval])) * 60")
            .stacked(),
        Panel::lines("Time to first token", "From sending a call to the first piece of its answer.", "s")
            .ask("{{model}}, p50", quantile(0.5, "innkeeper_gateway_first_token_seconds", "model"))
            .ask("{{model}}, p95", quantile(0.95, "innkeeper_gateway_first_token_seconds", "model")),
        Panel::lines("Duration of calls, p95", "From sending a call to the end of its answer.", "s")
            .ask("{{model}}", quantile(0.95, "innkeeper_gateway_call_duration_seconds", "model")),
        Panel::lines(
            "Gateway overhead",
            "What it spends on a call before that goes out, waiting for money not included.",
            "s",
        )
        .ask("p50", quantile(0.5, "innkeeper_gateway_overhead_seconds", ""))
        .ask("p95", quantile(0.95, "innkeeper_gateway_overhead_seconds", ""))
        .steps(&[(0.01, "red")]),
        Panel::lines(
            "Under way",
            "Calls at the model API, and answers that are read on although nobody waits.",
            "none",
        )
        .ask("calls", "sum(innkeeper_gateway_calls_in_flight{@})")
        .ask("read on", "sum(innkeeper_gateway_drains{@})"),
        Panel::lines("Tokens", "Tokens a second.", "short")
            .ask("{{type}}", "sum by (type) (rate(innkeeper_model_tokens_total{@}[$__rate_interval]))")
            .stacked(),
    ]
}

fn failures() -> Vec<Panel> {
    vec![
        Panel::lines("Failures of the model API", "By kind, a minute.", "none")
            .ask("{{kind}}", "sum by (kind) (rate(innkeeper_gateway_upstream_errors_total{@}[$__rate_interval])) * 60"),
        Panel::lines("Answers", "Settled calls a minute, by the model's status.", "none")
            .ask("{{status}}", "sum by (status) (rate(innkeeper_gateway_calls_total{@}[$__rate_interval])) * 60")
            .stacked(),
        Panel::lines("Calls that were not made", "A minute, by why.", "none")
            .ask("{{reason}}", "sum by (reason) (rate(innkeeper_gateway_refusals_total{@}[$__rate_interval])) * 60"),
        Panel::lines("Refused by tenant", "Calls a minute that were not made.", "none")
            .ask("{{tenant_name}}", named("sum by (tenant) (rate(innkeeper_gateway_refusals_total{@}[$__rate_interval])) * 60")),
        Panel::lines("Callers that left", "Their answers are read to the end, because they are paid for.", "none")
            .ask("left", "sum(increase(innkeeper_gateway_callers_left_total{@}[$__interval]))")
            .steps_over_time(),
        Panel::lines("Estimated usage", "Calls whose usage the provider did not report to the end, as a part of all.", "percentunit")
            .ask(
                "estimated",
                r#"(sum(rate(innkeeper_gateway_calls_total{@,usage="estimated"}[$__rate_interval])) or vector(0)) / (sum(rate(innkeeper_gateway_calls_total{@}[$__rate_interval])) > 0)"#,
            )
            .steps(&[(0.05, "red")]),
    ]
}

fn ledger() -> Vec<Panel> {
    vec![
        Panel::lines("Waiting for money", "What calls wait until others give back what they hold.", "s")
            .ask("p50", quantile(0.5, "innkeeper_hold_wait_seconds", ""))
            .ask("p95", quantile(0.95, "innkeeper_hold_wait_seconds", "")),
        Panel::heat(
            "Cost by what was held",
            "How much of its hold a call used. Nothing may be above 1.",
            "percentunit",
        )
        .ask("{{le}}", "sum by (le) (increase(innkeeper_hold_settlement_ratio_bucket{@}[$__rate_interval]))"),
        Panel::lines("Ledger transactions, p95", "How long transactions of the ledger take.", "s")
            .ask("{{operation}}", quantile(0.95, "innkeeper_ledger_write_duration_seconds", "operation")),
        Panel::stat("Open calls", "Calls that are open in the ledger.", "none")
            .ask("open", "sum(innkeeper_ledger_open_calls{@})"),
        Panel::stat(
            "Holds passed",
            "Calls that cost more than was held, in this time. Always 0, or the price table is wrong.",
            "none",
        )
        .ask("passed", "sum(increase(innkeeper_holds_overrun_total{@}[$__range]))")
        .steps(&[(1.0, "red")]),
        Panel::stat("Without a price", "Answers of models without a price, in this time.", "none")
            .ask("unpriced", "sum(increase(innkeeper_gateway_unpriced_calls_total{@}[$__range]))")
            .steps(&[(1.0, "red")]),
        Panel::stat("Ledger failures", "Transactions that failed, in this time.", "none")
            .ask("failed", "sum(increase(innkeeper_ledger_errors_total{@}[$__range]))")
            .steps(&[(1.0, "red")]),
        Panel::stat("Age of the prices", "Since the prices in force are right, by their file.", "s")
            .ask("age", "time() - min(innkeeper_prices_effective_timestamp_seconds{@})")
            .steps(&[(3_888_000.0, "orange")]),
        Panel::names("Prices", "The version in force.")
            .ask("{{version}}", "sum by (version) (innkeeper_prices_info{@})"),
        Panel::lines("Prices read again", "Times the prices were read again.", "none")
            .ask("{{result}}", "sum by (result) (increase(innkeeper_price_reloads_total{@}[$__interval]))")
            .steps_over_time()
            .size(12, 7),
    ]
}
