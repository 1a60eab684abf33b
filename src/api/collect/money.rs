//! What was spent and what is left, from the ledger and the budgets.

use std::collections::BTreeMap;

use super::Sources;
use crate::domain::{Standing, Timestamp, Usage, Usd};
use crate::metrics::catalogue::{
    BUDGET_BURN, BUDGET_HELD, BUDGET_LIMIT, BUDGET_RESET, BUDGET_SPENT, CORRECTIONS, DRIFT, DRIFT_TURNS, LEDGER_OPEN,
    MODEL_CALLS, MODEL_COST, MODEL_FIRST, MODEL_TOKENS, PRICES_EFFECTIVE, PRICES_INFO, WEB_SEARCHES,
};
use crate::metrics::{self, Page};
use crate::store::StoreError;

/// The time a pace is taken of: what was spent in it is what is spent an hour.
const BURN_S: i64 = 60 * 60;

/// What the settled calls of one series come to.
#[derive(Default)]
struct Sum {
    calls: u64,
    usage: Usage,
    cost: Usd,
    first_at: Option<Timestamp>,
}

/// What calls used and cost. Nothing is written before all of it is known.
pub(super) async fn ledger(sources: &Sources<'_>, page: &mut Page) -> Result<(), StoreError> {
    let ledger = sources.store.ledger();
    let (totals, corrected, open) = (ledger.totals().await?, ledger.corrected().await?, ledger.open_calls().await?);
    let drift = sources.drift.get(sources.store, sources.now).await?;
    let mut sums: BTreeMap<[String; 2], Sum> = BTreeMap::new();
    for total in totals {
        let sum = sums.entry([metrics::tenant(total.tenant), sources.prices.known_as(&total.model)]).or_default();
        sum.calls += total.calls;
        sum.usage += total.usage;
        sum.first_at = Some(sum.first_at.map_or(total.first_at, |first| first.min(total.first_at)));
        sum.cost = Usd::from_nanos(sum.cost.as_nanos().saturating_add(total.cost.as_nanos()));
    }
    page.write(MODEL_COST, sums.iter().map(|([tenant, model], sum)| ([tenant, model], sum.cost)));
    let first = sums.iter().filter_map(|([tenant, model], sum)| Some(([tenant, model], sum.first_at?.as_seconds())));
    page.write(MODEL_FIRST, first);
    page.write(MODEL_CALLS, sums.iter().map(|([tenant, model], sum)| ([tenant, model], sum.calls)));
    let tokens = sums.iter().flat_map(|([tenant, model], Sum { usage, .. })| {
        let of = move |sort: &'static str, tokens: u64| ([tenant.as_str(), model.as_str(), sort], tokens);
        [
            of("input", usage.input_tokens),
            of("output", usage.output_tokens),
            of("cache_read", usage.cache_read_tokens),
            of("cache_write_5m", usage.cache_write_5m_tokens),
            of("cache_write_1h", usage.cache_write_1h_tokens),
        ]
    });
    page.write(MODEL_TOKENS, tokens);
    let mut searches: BTreeMap<&str, u64> = BTreeMap::new();
    for ([tenant, _], sum) in &sums {
        *searches.entry(tenant).or_default() += sum.usage.web_search_requests;
    }
    page.write(WEB_SEARCHES, searches.into_iter().map(|(tenant, count)| ([tenant], count)));
    let mut corrections: BTreeMap<String, i64> = BTreeMap::new();
    for (tenant, cost) in corrected {
        *corrections.entry(metrics::tenant(tenant)).or_default() += cost.as_nanos();
    }
    page.write(CORRECTIONS, corrections.into_iter().map(|(tenant, nanos)| ([tenant], Usd::from_nanos(nanos))));
    page.write(DRIFT, drift.ratio().map(|ratio| ([""; 0], number(ratio))));
    page.write(DRIFT_TURNS, [([""; 0], drift.turns)]);
    page.write(LEDGER_OPEN, [([""; 0], open)]);
    page.write(PRICES_INFO, [([sources.prices.version()], 1)]);
    page.write(PRICES_EFFECTIVE, [([""; 0], sources.prices.effective().as_seconds())]);
    Ok(())
}

/// A number as Prometheus reads it, an infinite one too.
fn number(value: f64) -> String {
    if value.is_infinite() { "+Inf".to_owned() } else { value.to_string() }
}

/// How the budgets stand, but for those of single sessions.
pub(super) async fn budgets(sources: &Sources<'_>, page: &mut Page) -> Result<(), StoreError> {
    let standings = sources.store.budgets().lasting(sources.now).await?;
    let burn = sources.store.budgets().burn_since(sources.now.minus_seconds(BURN_S)).await?;
    let standings: Vec<_> = standings.iter().filter_map(|standing| Some((labels(standing)?, standing))).collect();
    page.write(BUDGET_LIMIT, standings.iter().map(|(labels, standing)| (labels.each_ref(), standing.limit())));
    page.write(BUDGET_SPENT, standings.iter().map(|(labels, standing)| (labels.each_ref(), standing.spent)));
    page.write(BUDGET_HELD, standings.iter().map(|(labels, standing)| (labels.each_ref(), standing.held)));
    page.write(
        BUDGET_BURN,
        standings.iter().map(|(labels, standing)| (labels.each_ref(), burn.within(&standing.budget))),
    );
    let resets = standings.iter().filter_map(|(labels, standing)| {
        Some((labels.each_ref(), standing.budget.period.ends_at(sources.now)?.as_seconds()))
    });
    page.write(BUDGET_RESET, resets);
    Ok(())
}

/// A budget's labels; none for those of tenants that have no series of their own, because budgets do not add up.
fn labels(standing: &Standing) -> Option<[String; 5]> {
    let budget = &standing.budget;
    let tenant = budget.scope.tenant().map(metrics::tenant).unwrap_or_default();
    let words = [budget.scope.kind(), budget.period.as_str(), budget.enforcement.as_str()].map(str::to_owned);
    let [scope, period, enforcement] = words;
    (tenant != metrics::OTHER).then(|| [budget.id.to_string(), scope, tenant, period, enforcement])
}
