//! Figures of the dashboards beside those of the API: they are the same, or one of them is wrong.

use serde_json::Value;

use super::expressions::of_panel;
use super::load::{CAPACITY, Load};
use super::prometheus::{Prometheus, Series};
use crate::harness::Tenant;

/// Dollars that differ by less than this are the same: a number in Prometheus is a binary fraction.
const CLOSE: f64 = 1e-9;

/// What panels show of so many seconds, asked one by one.
struct Panels<'a>(&'a Prometheus, u64);

impl Panels<'_> {
    async fn series(&self, title: &str, at: usize) -> Series {
        self.0.ask(&of_panel(title, at, self.1)).await.unwrap()
    }

    /// The one number a panel shows.
    async fn number(&self, title: &str) -> f64 {
        let series = self.series(title, 0).await;
        let [(_, value)] = series.as_slice() else { panic!("{title} does not show one number: {series:?}") };
        *value
    }

    /// The number in the row of a table in which a label has this value.
    async fn cell(&self, title: &str, column: usize, label: &str, value: &str) -> f64 {
        let series = self.series(title, column).await;
        let found = series.iter().find(|(labels, _)| labels[label] == value);
        found.unwrap_or_else(|| panic!("{title} has no row of {label} {value}: {series:?}")).1
    }
}

/// Asks both.
pub(super) async fn agree(load: &Load, prometheus: &Prometheus, seconds: u64) {
    let (panels, tenants) = (Panels(prometheus, seconds), [&load.acme, &load.globex, &load.initech]);
    money(load, &panels, &tenants).await;
    budgets(load, &panels).await;
    sessions(load, &panels, &tenants).await;
    let prices: Value = load.server.admin(reqwest::Method::GET, "/prices", &Value::Null).await.1;
    panels.cell("Prices", 0, "version", prices["version"].as_str().unwrap()).await;
    let listed = load.server.admin(reqwest::Method::GET, "/tenants", &Value::Null).await.1;
    same("Tenants", panels.number("Tenants").await, count(&listed["data"]));
}

async fn money(load: &Load, panels: &Panels<'_>, tenants: &[&Tenant]) {
    let (mut all, mut calls, mut tokens) = (0.0, 0.0, 0.0);
    for tenant in tenants {
        let usage = tenant.get("/v1/usage?by=model&from=2020-01-01T00:00:00Z").await.1;
        let (mut cost, mut own_calls) = (0.0, 0.0);
        for line in usage["data"].as_array().unwrap() {
            cost += line["cost_usd"].as_str().unwrap().parse::<f64>().unwrap();
            own_calls += line["calls"].as_f64().unwrap();
            for sort in ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"] {
                tokens += line[sort].as_f64().unwrap();
            }
        }
        let id = tenant.id.to_string();
        same("calls of a tenant", panels.cell("All that tenants spent", 2, "tenant", &id).await, own_calls);
        all += cost;
        calls += own_calls;
    }
    let corrections = panels.number("Corrections").await;
    same("Spent in all", panels.number("Spent in all").await + corrections, all);
    assert!(corrections > 0.0, "the load corrected a call to cost more");
    let of_models = |column| async move { panels.series("All that models cost", column).await };
    same("calls by model", of_models(1).await.iter().map(|(_, value)| value).sum(), calls);
    same("tokens by model", of_models(2).await.iter().map(|(_, value)| value).sum(), tokens);
    let open = load.server.admin(reqwest::Method::GET, "/calls?limit=100", &Value::Null).await.1;
    let open = open["data"].as_array().unwrap().iter().filter(|call| call["status"] == "open").count();
    same("Open calls", panels.number("Open calls").await, number(open));
}

async fn budgets(load: &Load, panels: &Panels<'_>) {
    let listed: Value = serde_json::from_str(&load.server.command(&["budgets", "list", "--json"]).await).unwrap();
    let listed = listed["data"].as_array().unwrap();
    assert_eq!(listed.len(), 4);
    for budget in listed {
        let id = budget["id"].as_str().unwrap();
        let told = |key: &str| budget[key].as_str().unwrap().parse::<f64>().unwrap();
        for (column, key) in ["limit_usd", "spent_usd", "held_usd"].into_iter().enumerate() {
            same(key, panels.cell("Budgets", column, "budget", id).await, told(key));
        }
        let used = told("spent_usd") / told("limit_usd");
        same("Used", panels.cell("Budgets", 4, "budget", id).await, used);
    }
    same("Overspent", panels.number("Overspent").await, 0.0);
}

async fn sessions(load: &Load, panels: &Panels<'_>, tenants: &[&Tenant]) {
    let (mut running, mut waiting) = (0, 0);
    for tenant in tenants {
        let listed = tenant.get("/sessions/").await.1;
        for session in listed.as_array().unwrap() {
            let status = tenant.status(session["session_id"].as_str().unwrap()).await;
            running += usize::from(status["status"] == "running");
            waiting += usize::from(status["queue"].is_object());
        }
    }
    same("Sessions running", panels.number("Sessions running").await, number(running));
    same("Waiting", panels.number("Waiting").await, number(waiting));
    assert_eq!((running, waiting), (CAPACITY, 1));
    same("Places taken", panels.number("Places taken").await, 1.0);
    same("Lost turns", panels.number("Lost turns").await, 1.0);
    let live = panels.series("Live sessions", 2).await;
    assert_eq!(live.len(), CAPACITY, "each running session tells its memory");
    for (labels, bytes) in live {
        let limit = panels.cell("Live sessions", 3, "session", labels["session"].as_str().unwrap()).await;
        assert!(bytes > 10e6 && bytes < limit, "{labels}: {bytes} of {limit}");
        assert_eq!(labels["tenant_name"], "acme", "{labels}");
    }
    let tenant = load.acme.id.to_string();
    let limits = load.server.admin(reqwest::Method::GET, "/tenants", &Value::Null).await.1;
    assert!(limits.to_string().contains(&tenant));
}

fn same(what: &str, shown: f64, told: f64) {
    assert!((shown - told).abs() < CLOSE, "{what}: the dashboard shows {shown}, the API tells {told}");
}

fn count(list: &Value) -> f64 {
    number(list.as_array().unwrap().len())
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}
