//! Budgets: how they stand, at which pace they are spent, and until when they last. There is one pace, that of `/v1/budget`: what
//! was spent in the last hour, whenever the present window began.

use crate::board::named;
use crate::panel::Panel;

/// What bounds a budget's series together, so that a budget that several servers show counts once.
const BUDGET: &str = "budget, scope, tenant, period, enforcement";

/// What is not spent of a budget.
const UNSPENT: &str = "clamp_min(innkeeper_budget_limit_usd{@t} - innkeeper_budget_spent_usd{@t}, 0)";

/// What is neither spent nor held.
const REMAINING: &str =
    "clamp_min(innkeeper_budget_limit_usd{@t} - innkeeper_budget_spent_usd{@t} - innkeeper_budget_held_usd{@t}, 0)";

/// What is spent of each budget's limit. A limit of 0 is used up.
fn used() -> String {
    part("innkeeper_budget_spent_usd{@t}")
}

/// What is spent or held of each budget's limit.
pub(crate) fn taken() -> String {
    part("(innkeeper_budget_spent_usd{@t} + innkeeper_budget_held_usd{@t})")
}

fn part(amount: &str) -> String {
    format!(
        "max by ({BUDGET}) ({amount} / (innkeeper_budget_limit_usd{{@t}} > 0) or (innkeeper_budget_limit_usd{{@t}} == 0) + 1)"
    )
}

/// Seconds until each budget is spent: 0 for one that is, none for one that nothing is spent of.
fn lasts() -> String {
    format!("max by ({BUDGET}) ({UNSPENT} / (innkeeper_budget_burn_usd_per_hour{{@t}} > 0) * 3600 or {UNSPENT} == 0)")
}

/// How a budget is called in a legend.
const NAME: &str = "{{tenant_name}} ({{scope}}, {{period}})";

pub(crate) fn panels() -> Vec<Panel> {
    let each = |value: &str| named(&format!("max by ({BUDGET}) ({value})"));
    let until_reset = "innkeeper_budget_reset_timestamp_seconds{@t} - time()";
    vec![
        Panel::table(
            "Budgets",
            "Every budget in its present window. What is held is neither spent nor remaining. The pace is what was spent in the last \
             hour, as `/v1/budget` shows it.",
        )
        .column("Limit", "currencyUSD", each("innkeeper_budget_limit_usd{@t}"))
        .column("Spent", "currencyUSD", each("innkeeper_budget_spent_usd{@t}"))
        .column("Held", "currencyUSD", each("innkeeper_budget_held_usd{@t}"))
        .column("Remaining", "currencyUSD", each(REMAINING))
        .column("Used", "percentunit", named(&used()))
        .column("Begins anew in", "s", each(until_reset))
        .column("An hour", "currencyUSD", each("innkeeper_budget_burn_usd_per_hour{@t}"))
        .column("Used up in", "s", named(&lasts()))
        .sorted_by("Used"),
        Panel::bars("Top budgets", "Spent of the twenty fullest budgets, as a part of the limit.", "percentunit")
            .ask(NAME, format!("sort_desc({})", named(&format!("topk(20, {})", used()))))
            .steps(&[(0.8, "orange"), (0.95, "red")])
            .between(0.0, 1.0)
            .size(8, 9),
        Panel::lines(
            "Budget burn-down",
            "What is not spent of the ten fullest budgets, as a part of the limit. It jumps up where a window begins anew.",
            "percentunit",
        )
        .ask(NAME, named(&format!("topk(10, {}) * -1 + 1", used())))
        .between(0.0, 1.0)
        .size(8, 9),
        Panel::lines(
            "Hours until it is used up",
            "At the pace of the last hour, 31 days at most. A budget that begins anew before has more hours than its window.",
            "h",
        )
        .ask(NAME, named(&format!("clamp_max({} / 3600, 744)", lasts())))
        .steps(&[(1.0, "green")])
        .size(8, 9),
        Panel::lines(
            "Forecast for the end of the window",
            "What will be spent when the window ends, at the pace of the last hour, as a part of the limit. A budget in total \
             has no window that ends.",
            "percentunit",
        )
        .ask(
            NAME,
            each(&format!(
                "(innkeeper_budget_spent_usd{{@t}} + ({until_reset}) / 3600 * innkeeper_budget_burn_usd_per_hour{{@t}}) / (innkeeper_budget_limit_usd{{@t}} > 0)"
            )),
        )
        .steps(&[(1.0, "red")])
        .size(24, 8),
    ]
}
