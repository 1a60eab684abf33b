//! Money, for finance and for whoever answers for a budget.

use crate::board::{Board, Panel, named};

/// What a budget has left.
const LEFT: &str =
    "clamp_min(innkeeper_budget_limit_usd{@t} - innkeeper_budget_spent_usd{@t} - innkeeper_budget_held_usd{@t}, 0)";

/// What the scope of each tenant's budget spends an hour, by its last hour.
const HOURLY: &str = "sum by (tenant) (rate(innkeeper_model_cost_usd_total{@t}[1h])) * 3600";

pub(crate) fn board() -> Board {
    Board {
        name: "tenants-and-cost",
        title: "Tenants and cost",
        about: "Who spends how much on what, and when which budget is used up.",
        by_tenant: true,
        rows: vec![
            ("So far", so_far()),
            ("Budgets", budgets()),
            ("Where it goes", where_it_goes()),
            ("What it buys", buys()),
        ],
    }
}

fn so_far() -> Vec<Panel> {
    vec![
        Panel::stat(
            "Spent in this time",
            "By the ledger. An estimate at the edges of the time; for bills use the usage export.",
            "currencyUSD",
        )
        .ask("spent", "sum(increase(innkeeper_model_cost_usd_total{@t}[$__range]))"),
        Panel::stat("Spent in all", "All calls that were ever settled, by the ledger.", "currencyUSD")
            .ask("spent", "sum(innkeeper_model_cost_usd_total{@t})"),
        Panel::stat("Corrections", "What operators' corrections add to that.", "currencyUSD")
            .ask("corrections", "sum(innkeeper_corrections_usd{@t}) or vector(0)"),
        Panel::stat("Held", "What calls under way may still cost.", "currencyUSD")
            .ask("held", r#"sum(max by (tenant) (innkeeper_budget_held_usd{@t,scope="tenant"})) or vector(0)"#),
        Panel::stat("An hour", "What the last hour cost.", "currencyUSD")
            .ask("an hour", "sum(rate(innkeeper_model_cost_usd_total{@t}[1h])) * 3600"),
        Panel::stat("Tenants", "Tenants that may begin something.", "none")
            .ask("active", r#"count(innkeeper_tenant_info{@t,state="active"}) or vector(0)"#),
    ]
}

fn budgets() -> Vec<Panel> {
    let by = "budget, scope, tenant, period, enforcement";
    let sum = |name: &str| format!("sum by ({by}) ({name}{{@t}})");
    vec![
        Panel::table("Budgets", "Every budget in its present window. What is held is neither spent nor left.")
            .column("Limit", "currencyUSD", sum("innkeeper_budget_limit_usd"))
            .column("Spent", "currencyUSD", sum("innkeeper_budget_spent_usd"))
            .column("Held", "currencyUSD", sum("innkeeper_budget_held_usd"))
            .column("Left", "currencyUSD", format!("sum by ({by}) ({LEFT})"))
            .column("Used", "percentunit", format!("{} / {}", sum("innkeeper_budget_spent_usd"), sum("innkeeper_budget_limit_usd")))
            .column("Begins anew in", "s", format!("sum by ({by}) (innkeeper_budget_reset_timestamp_seconds{{@t}} - time())")),
        Panel::bars("Used of the budget", "Spent of each tenant's budgets, as a part of the limit.", "percentunit")
            .ask(
                "{{tenant_name}} ({{period}})",
                named("sum by (tenant, period, budget) (innkeeper_budget_spent_usd{@t,scope=\"tenant\"} / innkeeper_budget_limit_usd{@t,scope=\"tenant\"})"),
            )
            .steps(&[(0.8, "orange"), (0.95, "red")])
            .between(0.0, 1.0)
            .size(8, 9),
        Panel::lines(
            "Hours until it is used up",
            "At the pace of the last hour. A budget that begins anew before has more hours than its window.",
            "h",
        )
        .ask(
            "{{tenant_name}}",
            named(&format!("min by (tenant) ({}) / ({HOURLY} > 0)", LEFT.replace("@t", "@t,scope=\"tenant\""))),
        )
        .size(8, 9),
        Panel::lines(
            "Forecast for the end of the window",
            "What will be spent when the window ends, at the pace of the last hour, as a part of the limit.",
            "percentunit",
        )
        .ask(
            "{{tenant_name}}",
            named(
                "max by (tenant) ((innkeeper_budget_spent_usd{@t,scope=\"tenant\"} + (innkeeper_budget_reset_timestamp_seconds{@t,scope=\"tenant\"} - time()) * on (job, instance, tenant) group_left () sum by (job, instance, tenant) (rate(innkeeper_model_cost_usd_total{@t}[1h]))) / innkeeper_budget_limit_usd{@t,scope=\"tenant\"})",
            ),
        )
        .steps(&[(1.0, "red")])
        .size(8, 9),
    ]
}

fn where_it_goes() -> Vec<Panel> {
    vec![
        Panel::lines("Spending by tenant", "As an amount an hour, the ten dearest.", "currencyUSD")
            .ask("{{tenant_name}}", named("topk(10, sum by (tenant) (rate(innkeeper_model_cost_usd_total{@t}[$__rate_interval])) * 3600)"))
            .stacked()
            .size(12, 9),
        Panel::lines("Spending by model", "As an amount an hour.", "currencyUSD")
            .ask("{{model}}", "sum by (model) (rate(innkeeper_model_cost_usd_total{@t}[$__rate_interval])) * 3600")
            .stacked()
            .size(12, 9),
        Panel::table("All that tenants spent", "What each tenant's settled calls came to, by the ledger, since the beginning.")
            .column("Cost", "currencyUSD", named("sum by (tenant) (innkeeper_model_cost_usd_total{@t})"))
            .column("An hour", "currencyUSD", named(HOURLY))
            .column("Calls", "none", named("sum by (tenant) (innkeeper_model_calls_total{@t})"))
            .column("Tokens", "none", named("sum by (tenant) (innkeeper_model_tokens_total{@t})"))
            .column("Web searches", "none", named("sum by (tenant) (innkeeper_model_web_searches_total{@t})"))
            .size(12, 9),
        Panel::table("All that models cost", "What calls of each model came to, by the ledger, since the beginning.")
            .column("Cost", "currencyUSD", "sum by (model) (innkeeper_model_cost_usd_total{@t})")
            .column("Calls", "none", "sum by (model) (innkeeper_model_calls_total{@t})")
            .column("Tokens", "none", "sum by (model) (innkeeper_model_tokens_total{@t})")
            .column("A call", "currencyUSD", "sum by (model) (innkeeper_model_cost_usd_total{@t}) / sum by (model) (innkeeper_model_calls_total{@t})")
            .size(12, 9),
        Panel::table("Dearest live sessions", "What the present turns of live sessions have cost so far.")
            .column("Cost", "currencyUSD", named("topk(20, sum by (tenant, session) (innkeeper_live_session_cost_usd{@t}))"))
            .column("Age", "s", named("sum by (tenant, session) (innkeeper_live_session_age_seconds{@t})")),
    ]
}

fn buys() -> Vec<Panel> {
    vec![
        Panel::stat("A turn", "What a turn that ended in this time cost on average.", "currencyUSD").ask(
            "a turn",
            "sum(increase(innkeeper_turn_cost_usd_sum{@}[$__range])) / (sum(increase(innkeeper_turn_cost_usd_count{@}[$__range])) > 0)",
        ),
        Panel::stat("A session", "What was spent in this time by the sessions that were created in it.", "currencyUSD").ask(
            "a session",
            "sum(increase(innkeeper_model_cost_usd_total{@t}[$__range])) / (sum(increase(innkeeper_sessions_created_total{@t}[$__range])) > 0)",
        ),
        Panel::stat("From the cache", "Tokens of input that the provider had in its cache, as a part of all input.", "percentunit").ask(
            "from the cache",
            r#"sum(increase(innkeeper_model_tokens_total{@t,type="cache_read"}[$__range])) / (sum(increase(innkeeper_model_tokens_total{@t,type!="output"}[$__range])) > 0)"#,
        ),
        Panel::stat("Refused for money", "Model calls that were not made because a budget is spent, in this time.", "none")
            .ask("refused", r#"sum(increase(innkeeper_gateway_refusals_total{@t,reason="budget"}[$__range])) or vector(0)"#),
        Panel::stat("Drift", "By how much what the agents claim differs from the ledger, turns of the last 24 hours.", "percentunit")
            .ask("drift", "max(innkeeper_metering_drift_ratio{@})")
            .steps(&[(0.02, "orange"), (0.1, "red")]),
        Panel::stat("Compared turns", "Turns that drift is reckoned from.", "none")
            .ask("turns", "sum(innkeeper_metering_compared_turns{@})"),
        Panel::lines("Tokens by type", "Tokens a minute.", "none")
            .ask("{{type}}", "sum by (type) (rate(innkeeper_model_tokens_total{@t}[$__rate_interval])) * 60")
            .stacked(),
        Panel::lines("Hits of the cache", "Tokens of input from the provider's cache, as a part of all input.", "percentunit")
            .ask(
                "{{model}}",
                r#"sum by (model) (rate(innkeeper_model_tokens_total{@t,type="cache_read"}[$__rate_interval])) / (sum by (model) (rate(innkeeper_model_tokens_total{@t,type!="output"}[$__rate_interval])) > 0)"#,
            )
            .between(0.0, 1.0),
        Panel::heat("What turns cost", "How many turns ended at which cost.", "currencyUSD")
            .ask("{{le}}", "sum by (le) (increase(innkeeper_turn_cost_usd_bucket{@}[$__rate_interval]))"),
    ]
}
