//! Money, for finance and for whoever answers for a budget.

use crate::board::{Board, named, named_by_day};
use crate::budgets;
use crate::panel::Panel;
use crate::totals::{CALLS, COST, TURNS};

pub(crate) fn board() -> Board {
    Board {
        name: "tenants-and-cost",
        title: "Tenants and cost",
        about: "Who spends how much on what, and when which budget is used up. Days are those of UTC, as budgets have them.",
        by_tenant: true,
        opens_on: "now-7d",
        in_utc: true,
        rows: vec![
            ("In this time", in_this_time()),
            ("Budgets", budgets::panels()),
            ("Where it goes", where_it_goes()),
            ("So far", so_far()),
            ("What it buys", buys()),
        ],
    }
}

fn in_this_time() -> Vec<Panel> {
    let (shown, before) = (COST.shown(""), COST.before(""));
    vec![
        Panel::stat("Spent in this time", "By the ledger, to the nano-dollar: the difference of two totals. Corrections are not in it.", "currencyUSD")
            .ask("spent", format!("{shown} or vector(0)")),
        Panel::stat("Spent in the period before", "The same of a time of the same length before. Without data Prometheus does not know it.", "currencyUSD")
            .ask("spent", before.clone()),
        Panel::stat("Against the period before", "What was spent more, as a part of what was spent before.", "percentunit")
            .ask("more", format!("{shown} / ({before} > 0) - 1")),
        Panel::stat("Spent in the last hour", "By the ledger.", "currencyUSD").ask("an hour", format!("{} or vector(0)", COST.hour(""))),
        Panel::stat("Budgets nearly spent", "Budgets of which 80 % or more are spent or held, those that are used up among them.", "none")
            .ask("nearly", format!("count({} >= 0.8) or vector(0)", budgets::taken()))
            .steps(&[(1.0, "orange")]),
        Panel::stat("Budgets used up", "Budgets that are spent or held in whole, those with a limit of 0 among them. A hard one stops its sessions.", "none")
            .ask("used up", format!("count({} >= 1) or vector(0)", budgets::taken()))
            .steps(&[(1.0, "red")]),
        Panel::lines("Cost per day by tenant", "Each day of UTC, the ten that spent most in each; today so far.", "currencyUSD")
            .ask("{{tenant_name}}", named_by_day(&format!("topk(10, {} > 0)", COST.day("tenant"))))
            .days()
            .size(16, 9),
        Panel::bars("Top tenants", "The ten that spent most in this time.", "currencyUSD")
            .ask("{{tenant_name}}", format!("sort_desc({})", named(&format!("topk(10, {} > 0)", COST.shown("tenant")))))
            .size(8, 9),
    ]
}

fn so_far() -> Vec<Panel> {
    vec![
        Panel::stat("Spent in all", "All calls that were ever settled, by the ledger.", "currencyUSD")
            .ask("spent", "sum(innkeeper_model_cost_usd_total{@t}) or vector(0)")
            .size(6, 4),
        Panel::stat("Corrections", "What operators' corrections add to that.", "currencyUSD")
            .ask("corrections", "sum(innkeeper_corrections_usd{@t}) or vector(0)")
            .size(6, 4),
        Panel::stat("Held", "What calls under way may still cost, where a budget of their tenant or of all tenants holds it.", "currencyUSD")
            .ask(
                "held",
                r#"max(sum(max by (tenant) (innkeeper_budget_held_usd{@t,scope="tenant"})) or max by (scope) (innkeeper_budget_held_usd{@t,scope="installation"})) or vector(0)"#,
            )
            .size(6, 4),
        Panel::stat("Tenants", "Tenants that may begin something.", "none")
            .ask("active", r#"count(max by (tenant) (innkeeper_tenant_info{@t,state="active",tenant!~"|other"})) or vector(0)"#)
            .size(6, 4),
    ]
}

fn where_it_goes() -> Vec<Panel> {
    vec![
        Panel::lines("Spending by tenant", "What was spent in each step of the time that is shown, the ten that spent most.", "currencyUSD")
            .ask("{{tenant_name}}", named(&format!("topk(10, {} > 0)", COST.step("tenant"))))
            .steps_over_time()
            .size(12, 9),
        Panel::lines("Spending by model", "What was spent in each step of the time that is shown.", "currencyUSD")
            .ask("{{model}}", format!("{} > 0", COST.step("model")))
            .steps_over_time()
            .size(12, 9),
        Panel::table("All that tenants spent", "What each tenant's settled calls came to, by the ledger, since the beginning; then what was spent in the time that is shown, and what a turn that ended in it cost on average.")
            .column("Cost", "currencyUSD", named("sum by (tenant) (innkeeper_model_cost_usd_total{@t})"))
            .column("An hour", "currencyUSD", named(&COST.hour("tenant")))
            .column("Calls", "none", named("sum by (tenant) (innkeeper_model_calls_total{@t})"))
            .column("Tokens", "short", named("sum by (tenant) (innkeeper_model_tokens_total{@t})"))
            .column("Web searches", "none", named("sum by (tenant) (innkeeper_model_web_searches_total{@t})"))
            .column("In this time", "currencyUSD", named(&COST.shown("tenant")))
            .column(
                "A turn",
                "currencyUSD",
                named(&format!("{} / ({} > 0)", COST.shown("tenant"), TURNS.shown("tenant"))),
            )
            .sorted_by("In this time")
            .size(24, 9),
        Panel::table("All that models cost", "What calls of each model came to, by the ledger, since the beginning.")
            .column("Cost", "currencyUSD", "sum by (model) (innkeeper_model_cost_usd_total{@t})")
            .column("Calls", "none", "sum by (model) (innkeeper_model_calls_total{@t})")
            .column("Tokens", "short", "sum by (model) (innkeeper_model_tokens_total{@t})")
            .column("A call", "currencyUSD", "sum by (model) (innkeeper_model_cost_usd_total{@t}) / sum by (model) (innkeeper_model_calls_total{@t})")
            .column("In this time", "currencyUSD", COST.shown("model"))
            .sorted_by("In this time")
            .size(24, 9),
        sessions(),
    ]
}

/// What single sessions cost: the last value of each of their turns less what it was when the time began.
fn sessions() -> Panel {
    let turn = "max by (tenant, session, turn)";
    let cost = "innkeeper_live_session_cost_usd{@t}";
    let last = format!("{turn} (max_over_time({cost}[$__range]))");
    let spent = format!("sum by (tenant, session) ({last} - ({turn} ({cost} offset $__range) or {last} * 0))");
    let most = format!("topk(20, {spent})");
    let duration = format!(
        "sum by (tenant, session) ({turn} (max_over_time(innkeeper_live_session_age_seconds{{@t}}[$__range])))"
    );
    Panel::table(
        "Most expensive sessions in this time",
        "What the turns of single sessions cost in this time, those that have ended too, and how long they took from request to end.",
    )
    .column("Cost", "currencyUSD", named(&most))
    .column("Turns", "none", named(&format!("count by (tenant, session) ({last}) and {most}")))
    .column("Duration", "s", named(&format!("{duration} and {most}")))
    .sorted_by("Cost")
    .size(24, 9)
}

fn buys() -> Vec<Panel> {
    vec![
        Panel::stat("A turn", "What was spent in this time, by the turns that ended in it.", "currencyUSD")
            .ask("a turn", format!("{} / ({} > 0)", COST.shown(""), TURNS.shown(""))),
        Panel::stat("A call", "What a call that was settled in this time cost on average.", "currencyUSD")
            .ask("a call", format!("{} / ({} > 0)", COST.shown(""), CALLS.shown(""))),
        Panel::stat("A session", "What was spent in this time, by the sessions that were created in it: older ones spend too, and have no part.", "currencyUSD").ask(
            "a session",
            format!("{} / (sum(increase(innkeeper_sessions_created_total{{@t}}[$__range])) > 0)", COST.shown("")),
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
        Panel::stat("Compared turns", "Turns that drift is computed from.", "none")
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
