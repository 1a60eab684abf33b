//! What was spent and what is left, read from the ledger and the budgets.

use super::declare;

declare! {
    /// What settled calls cost in US dollars, by the ledger. Corrections are counted apart, because this never falls.
    MODEL_COST: Collected(Collected Counter) = "innkeeper_model_cost_usd_total", [TENANT, MODEL];
    /// When the first call of a tenant and a model was settled, in seconds since 1970.
    MODEL_FIRST: Collected(Collected Gauge) = "innkeeper_model_first_call_timestamp_seconds", [TENANT, MODEL];
    /// Tokens that settled calls used, by the ledger.
    MODEL_TOKENS: Collected(Collected Counter) = "innkeeper_model_tokens_total", [TENANT, MODEL, TOKENS];
    /// Settled calls, by the ledger.
    MODEL_CALLS: Collected(Collected Counter) = "innkeeper_model_calls_total", [TENANT, MODEL];
    /// Web searches the provider made in settled calls, by the ledger.
    WEB_SEARCHES: Collected(Collected Counter) = "innkeeper_model_web_searches_total", [TENANT];
    /// What operators' corrections add to the cost of calls in US dollars; less than 0 when they take away.
    CORRECTIONS: Collected(Collected Gauge) = "innkeeper_corrections_usd", [TENANT];
    /// Calls that are open in the ledger.
    LEDGER_OPEN: Collected(Collected Gauge) = "innkeeper_ledger_open_calls", [];
    /// What a budget allows in its present window in US dollars, top-ups included.
    BUDGET_LIMIT: Collected(Collected Gauge) = "innkeeper_budget_limit_usd", [BUDGET, SCOPE, TENANT, PERIOD, ENFORCEMENT];
    /// What is spent of a budget in its present window in US dollars.
    BUDGET_SPENT: Collected(Collected Gauge) = "innkeeper_budget_spent_usd", [BUDGET, SCOPE, TENANT, PERIOD, ENFORCEMENT];
    /// What calls under way hold of a budget in US dollars.
    BUDGET_HELD: Collected(Collected Gauge) = "innkeeper_budget_held_usd", [BUDGET, SCOPE, TENANT, PERIOD, ENFORCEMENT];
    /// What was spent within a budget's scope in the last hour in US dollars: the pace that `/v1/budget` shows.
    BUDGET_BURN: Collected(Collected Gauge) = "innkeeper_budget_burn_usd_per_hour", [BUDGET, SCOPE, TENANT, PERIOD, ENFORCEMENT];
    /// When a budget's present window ends, in seconds since 1970. A budget in total never begins anew and has none.
    BUDGET_RESET: Collected(Collected Gauge) = "innkeeper_budget_reset_timestamp_seconds", [BUDGET, SCOPE, TENANT, PERIOD, ENFORCEMENT];
    /// Who a tenant is: always 1, to be joined for its name.
    TENANT_INFO: Collected(Collected Gauge) = "innkeeper_tenant_info", [TENANT, TENANT_NAME, TENANT_STATE];
    /// By how much what the agent claims to have cost differs from the ledger, as a part of that: turns of the last 24 hours.
    DRIFT: Collected(Collected Gauge) = "innkeeper_metering_drift_ratio", [];
    /// Turns that claim and ledger were compared of.
    DRIFT_TURNS: Collected(Collected Gauge) = "innkeeper_metering_compared_turns", [];
    /// The prices in force: always 1.
    PRICES_INFO: Collected(Collected Gauge) = "innkeeper_prices_info", [VERSION];
    /// Since when the prices in force are right, as their file says, in seconds since 1970.
    PRICES_EFFECTIVE: Collected(Collected Gauge) = "innkeeper_prices_effective_timestamp_seconds", [];
    /// Times the prices were read again.
    PRICE_RELOADS: Counter(Recorded Counter) = "innkeeper_price_reloads_total", [RELOAD];
}
