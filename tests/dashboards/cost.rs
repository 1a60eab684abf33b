//! Money, for finance and for whoever answers for a budget.

use crate::board::{Board, Panel, named};

/// What a budget has left.
const LEFT: &str =
    "clamp_min(innkeeper_budget_limit_usd{@t} - innkeeper_budget_spent_usd{@t} - innkeeper_budget_held_usd{@t}, 0)";

/// What the scope of each tenant's budget spends an hour, by its last hour.
const HOURLY: &str = "sum by (tenant) (rate(innkeeper_model_cost_usd_total{@t}[1h])) * 3600";

/// The same of all tenants together.
const ALL_HOURLY: &str = "sum(rate(innkeeper_model_cost_usd_total{@t}[1h])) * 3600";

/// What bounds a budget's series together, so that a budget that several servers tell of counts once.
const BUDGET: &str = "budget, scope, tenant, period, enforcement";

pub(crate) fn board() -> Board {
    Board {
        name: "tenants-and-cost",
        title: "Tenants and cost",
        about: "Who spends how much on what, and when which budget is used up.",
        by_tenant: true,
        rows: vec![
            ("So far", so_far()),
            ("Budgets", budgets().into_iter().chain(outlook()).collect()),
            ("Where it goes", where_it_goes()),
            ("What it buys", buys()),
        ],
    }
}

fn so_far() -> Vec<Panel> {
    vec![
        Panel::stat(
            "Spent in this time",
            "An estimate: Prometheus reckons at the edges of the time, and does not see the first call of a tenant with a model. \
             For bills use the usage export.",
            "currencyUSD",
        )
        .ask("spent", "sum(increase(innkeeper_model_cost_usd_total{@t}[$__range])) or vector(0)")
        .size(3, 4),
        Panel::stat("Spent in all", "All calls that were ever settled, by the ledger.", "currencyUSD")
            .ask("spent", "sum(innkeeper_model_cost_usd_total{@t}) or vector(0)")
            .size(3, 4),
        Panel::stat("Corrections", "What operators' corrections add to that.", "currencyUSD")
            .ask("corrections", "sum(innkeeper_corrections_usd{@t}) or vector(0)")
            .size(3, 4),
        Panel::stat("Held", "What calls under way may still cost, where a budget of their tenant or of all tenants holds it.", "currencyUSD")
            .ask(
                "held",
                r#"max(sum(max by (tenant) (innkeeper_budget_held_usd{@t,scope="tenant"})) or max by (scope) (innkeeper_budget_held_usd{@t,scope="installation"})) or vector(0)"#,
            )
            .size(3, 4),
        Panel::stat("An hour", "What the last hour cost.", "currencyUSD")
            .ask("an hour", "sum(rate(innkeeper_model_cost_usd_total{@t}[1h])) * 3600 or vector(0)")
            .size(3, 4),
        Panel::stat("Budgets nearly spent", "Budgets of which 80 of 100 or more are spent or held, those that are used up among them.", "none")
            .ask("nearly", format!("count({} >= 0.8) or vector(0)", taken()))
            .steps(&[(1.0, "orange")])
            .size(3, 4),
        Panel::stat("Budgets used up", "Budgets that are spent or held in whole. A hard one stops its sessions.", "none")
            .ask("used up", format!("count({} >= 1) or vector(0)", taken()))
            .steps(&[(1.0, "red")])
            .size(3, 4),
        Panel::stat("Tenants", "Tenants that may begin something.", "none")
            .ask("active", r#"count(max by (tenant) (innkeeper_tenant_info{@t,state="active",tenant!="other"})) or vector(0)"#)
            .size(3, 4),
    ]
}

/// What is taken of each budget, as a part of its limit.
fn taken() -> String {
    format!(
        "max by ({BUDGET}) ((innkeeper_budget_spent_usd{{@t}} + innkeeper_budget_held_usd{{@t}}) / innkeeper_budget_limit_usd{{@t}})"
    )
}

fn budgets() -> Vec<Panel> {
    let each = |value: &str| named(&format!("max by ({BUDGET}) ({value})"));
    let pace = "clamp_min(deriv(innkeeper_budget_spent_usd{@t}[1h]), 0)";
    vec![
        Panel::table(
            "Budgets",
            "Every budget in its present window. What is held is neither spent nor left. The pace is that of its last hour, and \
             can be told only some time after the window began.",
        )
            .column("Limit", "currencyUSD", each("innkeeper_budget_limit_usd{@t}"))
            .column("Spent", "currencyUSD", each("innkeeper_budget_spent_usd{@t}"))
            .column("Held", "currencyUSD", each("innkeeper_budget_held_usd{@t}"))
            .column("Left", "currencyUSD", each(LEFT))
            .column("Used", "percentunit", each("innkeeper_budget_spent_usd{@t} / innkeeper_budget_limit_usd{@t}"))
            .column("Begins anew in", "s", each("innkeeper_budget_reset_timestamp_seconds{@t} - time()"))
            .column("An hour", "currencyUSD", each(&format!("{pace} * 3600")))
            .column("Used up in", "s", each(&format!("{LEFT} / ({pace} > 0)"))),
        Panel::bars("Used of the budget", "Spent of the twenty fullest budgets, as a part of the limit.", "percentunit")
            .ask(
                "{{tenant_name}} ({{scope}}, {{period}})",
                format!(
                    "sort_desc({})",
                    named(
                        "topk(20, max by (tenant, scope, period, budget) (innkeeper_budget_spent_usd{@t} / innkeeper_budget_limit_usd{@t}))"
                    ),
                ),
            )
            .steps(&[(0.8, "orange"), (0.95, "red")])
            .between(0.0, 1.0)
            .size(8, 9),
    ]
}

fn outlook() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Hours until it is used up",
            "At the pace of the last hour, 31 days at most. A budget that begins anew before has more hours than its window.",
            "h",
        )
        .ask(
            "{{tenant_name}}",
            named(&format!("clamp_max(min by (tenant) ({}) / ({HOURLY} > 0), 744)", LEFT.replace("@t", "@t,scope=\"tenant\""))),
        )
        .ask(
            "all tenants",
            format!("clamp_max(min({}) / ({ALL_HOURLY} > 0), 744)", LEFT.replace("@t", "@t,scope=\"installation\"")),
        )
        .size(8, 9),
        Panel::lines(
            "Forecast for the end of the window",
            "What will be spent when the window ends, at the pace of the last hour, as a part of the limit. A budget in total \
             has no window that ends.",
            "percentunit",
        )
        .ask(
            "{{tenant_name}} ({{period}})",
            named(
                "max by (tenant, period) ((innkeeper_budget_spent_usd{@t,scope=\"tenant\"} + (innkeeper_budget_reset_timestamp_seconds{@t,scope=\"tenant\"} - time()) * on (job, instance, tenant) group_left () sum by (job, instance, tenant) (rate(innkeeper_model_cost_usd_total{@t}[1h]))) / innkeeper_budget_limit_usd{@t,scope=\"tenant\"})",
            ),
        )
        .ask(
            "all tenants ({{period}})",
            "max by (period) ((innkeeper_budget_spent_usd{@t,scope=\"installation\"} + (innkeeper_budget_reset_timestamp_seconds{@t,scope=\"installation\"} - time()) * on (job, instance) group_left () sum by (job, instance) (rate(innkeeper_model_cost_usd_total{@t}[1h]))) / innkeeper_budget_limit_usd{@t,scope=\"installation\"})",
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
        Panel::table("All that tenants spent", "What each tenant's settled calls came to, by the ledger, since the beginning; last an estimate of the time that is shown, and what a turn that ended in it cost on average.")
            .column("Cost", "currencyUSD", named("sum by (tenant) (innkeeper_model_cost_usd_total{@t})"))
            .column("An hour", "currencyUSD", named(HOURLY))
            .column("Calls", "none", named("sum by (tenant) (innkeeper_model_calls_total{@t})"))
            .column("Tokens", "short", named("sum by (tenant) (innkeeper_model_tokens_total{@t})"))
            .column("Web searches", "none", named("sum by (tenant) (innkeeper_model_web_searches_total{@t})"))
            .column("In this time", "currencyUSD", named("sum by (tenant) (increase(innkeeper_model_cost_usd_total{@t}[$__range]))"))
            .column(
                "A turn",
                "currencyUSD",
                named(
                    "sum by (tenant) (increase(innkeeper_model_cost_usd_total{@t}[$__range])) / (sum by (tenant) (increase(innkeeper_turns_ended_total{@t}[$__range])) > 0)",
                ),
            )
            .size(24, 9),
        Panel::table("All that models cost", "What calls of each model came to, by the ledger, since the beginning.")
            .column("Cost", "currencyUSD", "sum by (model) (innkeeper_model_cost_usd_total{@t})")
            .column("Calls", "none", "sum by (model) (innkeeper_model_calls_total{@t})")
            .column("Tokens", "short", "sum by (model) (innkeeper_model_tokens_total{@t})")
            .column("A call", "currencyUSD", "sum by (model) (innkeeper_model_cost_usd_total{@t}) / sum by (model) (innkeeper_model_calls_total{@t})")
            .column("In this time", "currencyUSD", "sum by (model) (increase(innkeeper_model_cost_usd_total{@t}[$__range]))")
            .size(12, 9),
        Panel::table("Dearest live sessions", "What the present turns of live sessions have cost so far.")
            .column("Cost", "currencyUSD", named("topk(20, sum by (tenant, session) (innkeeper_live_session_cost_usd{@t}))"))
            .column("Age", "s", named("sum by (tenant, session) (innkeeper_live_session_age_seconds{@t}) and topk(20, sum by (tenant, session) (innkeeper_live_session_cost_usd{@t}))"))
            .size(12, 9),
    ]
}

fn buys() -> Vec<Panel> {
    vec![
        Panel::stat("A turn", "What a turn that ended in this time cost on average, of all tenants together.", "currencyUSD").ask(
            "a turn",
            "sum(increase(innkeeper_turn_cost_usd_sum{@}[$__range])) / (sum(increase(innkeeper_turn_cost_usd_count{@}[$__range])) > 0)",
        ),
        Panel::stat("A session", "What was spent in this time, by the sessions that were created in it: older ones spend too, and have no part.", "currencyUSD").ask(
            "a session",
            "sum(increase(innkeeper_model_cost_usd_total{@t}[$__range])) / (sum(increase(innkeeper_sessions_created_total{@t}[$__range])) > 0)",
        ),
        Panel::stat("From the cache", "Tokens of input that the provider had in its cache, as a part of all input.", "percentunit").ask(
            "from the cache",
            r#"sum(increase(innkeeper_model_tokens_total{@t,type="cache_read"}[$__range])) / (sum(increase(innkeeper_model_tokens_total{@t,type!="output"}[$__range])) > 0)"#,
        ),
        Panel::stat("Refused for money", "Model calls that were not made because a budget is spent or held in whole, in this time.", "none")
            .ask("refused", r#"sum(increase(innkeeper_gateway_refusals_total{@t,reason=~"budget|held"}[$__range])) or vector(0)"#),
        Panel::stat("Drift", "By how much what the agents claim differs from the ledger, turns of the last 24 hours.", "percentunit")
            .ask("drift", "max(abs(innkeeper_metering_drift_ratio{@}))")
            .steps(&[(0.02, "orange"), (0.1, "red")]),
        Panel::stat("Compared turns", "Turns that drift is reckoned from.", "none")
            .ask("turns", "sum(innkeeper_metering_compared_turns{@})"),
        Panel::lines("Tokens by type", "Tokens a minute.", "short")
            .ask("{{type}}", "sum by (type) (rate(innkeeper_model_tokens_total{@t}[$__rate_interval])) * 60")
            .stacked(),
        Panel::lines("Hits of the cache", "Tokens of input from the provider's cache, as a part of all input.", "percentunit")
            .ask(
                "{{model}}",
                r#"sum by (model) (rate(innkeeper_model_tokens_total{@t,type="cache_read"}[$__rate_interval])) / (sum by (model) (rate(innkeeper_model_tokens_total{@t,type!="output"}[$__rate_interval])) > 0)"#,
            )
            .between(0.0, 1.0),
        Panel::heat("What turns cost", "How many turns ended at which cost, of all tenants together.", "currencyUSD")
            .ask("{{le}}", "sum by (le) (increase(innkeeper_turn_cost_usd_bucket{@}[$__rate_interval]))"),
    ]
}
