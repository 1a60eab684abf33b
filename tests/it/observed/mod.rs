//! What operators and finance see: a real Prometheus over a real server under a mixed load, and every expression of every
//! dashboard and alert asked of it.
//!
//! With `PICTURES=DIRECTORY` the load lasts longer, and the dashboards are drawn there by `scripts/pictures.sh`.

mod expressions;
mod figures;
mod load;
mod prometheus;
mod series;

use std::collections::BTreeSet;
use std::path::Path;

use innkeeper::metrics::{Kind, catalogue};

use crate::harness::{Tenant, eventually};
use expressions::Expression;
use load::Load;
use prometheus::Prometheus;

#[tokio::test]
async fn what_is_shown_is_there_and_true() {
    let load = Load::prepare().await;
    let prometheus = Prometheus::watch(&load.server.operator_url).await;
    load.run().await;
    let pictures = std::env::var_os("PICTURES");
    if pictures.is_some() {
        load.go_on().await;
    }
    eventually(async || prometheus.names().await.contains("innkeeper_drill_last_run_timestamp_seconds").then_some(()))
        .await;
    let lingering = load.linger().await;
    let all_are_measured = format!("count(innkeeper_live_session_memory_bytes) == {}", load::CAPACITY);
    eventually(async || (!prometheus.ask(&all_are_measured).await.unwrap().is_empty()).then_some(())).await;
    // What is still read to its end would be settled between a look of Prometheus and ours.
    let nothing_ends = "sum(innkeeper_gateway_drains) == 0";
    eventually(async || (!prometheus.ask(nothing_ends).await.unwrap().is_empty()).then_some(())).await;
    prometheus.next_look().await;

    let names = prometheus.names().await;
    let mut faults = Vec::new();
    for family in catalogue::families() {
        let name =
            if family.kind == Kind::Histogram { format!("{}_bucket", family.name) } else { family.name.to_owned() };
        if !names.contains(&name) {
            faults.push(format!("the load has not brought about {name}"));
        }
    }
    let (now, watched) = prometheus.watched().await;
    let (boards, alerts) = (expressions::of_boards(watched), expressions::of_alerts());
    // All of the load, or the later half of it for what is compared with the time before.
    for (expression, of_half) in boards.iter().zip(expressions::of_boards(watched / 2)) {
        let whole = has_data(&prometheus, expression, now).await;
        match if whole == Ok(false) { has_data(&prometheus, &of_half, now).await } else { whole } {
            Err(error) => faults.push(format!("{}: {error}", expression.title)),
            Ok(false) => faults.push(format!("{}: no data: {}", expression.title, expression.text)),
            Ok(true) => {}
        }
    }
    // An alert is quiet when its condition does not hold. That what it looks at is there is what can be asked of it.
    for expression in &alerts {
        if let Err(error) = prometheus.ask(&expression.text).await {
            faults.push(format!("{}: {error}", expression.title));
        }
    }
    let all: Vec<_> = boards.into_iter().chain(alerts).collect();
    faults.extend(unknown(&all, &names));
    for renamed in all.iter().flat_map(Expression::names).collect::<BTreeSet<_>>() {
        let others: BTreeSet<_> = names.iter().filter(|name| **name != renamed).cloned().collect();
        assert!(!unknown(&all, &others).is_empty(), "nobody would see that {renamed} is gone");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    figures::agree(&load, &prometheus, watched).await;
    if let Some(directory) = pictures {
        prometheus.draw(Path::new(&directory)).await;
    }
    let page = load.page().await;
    prometheus::check(&page).await;
    assert!(!page.contains(" summary\n"), "a summary cannot be added up");
    remembered(&load, &page, lingering).await;
}

/// Whether an expression has a value.
async fn has_data(prometheus: &Prometheus, expression: &Expression, now: f64) -> Result<bool, String> {
    let series = prometheus.ask_at(&expression.text, now - f64::from(expression.ago)).await?;
    Ok(series.iter().any(|(_, value)| !value.is_nan()))
}

/// Sessions that live have series; they are gone, and what they cost and how long they took stays.
async fn remembered(load: &Load, page: &str, lingering: Vec<(String, &Tenant)>) {
    for (session, tenant) in &lingering {
        assert!(page.contains(&format!("session=\"{session}\"")), "{session} lives and has no series");
        assert_eq!(tenant.cancel(session).await.0, 200);
    }
    eventually(async || (!load.page().await.contains("innkeeper_live_session_memory_bytes{")).then_some(())).await;
    let page = load.page().await;
    for family in ["cost_usd", "age_seconds", "ended_timestamp_seconds"] {
        let series = page.lines().filter(|line| line.starts_with(&format!("innkeeper_live_session_{family}{{")));
        for (session, _) in &lingering {
            let label = format!("session=\"{session}\"");
            assert!(series.clone().any(|line: &str| line.contains(&label)), "{family} of {session} is gone: {page}");
        }
    }
}

/// What reads series that nobody has ever seen.
fn unknown(expressions: &[Expression], names: &BTreeSet<String>) -> Vec<String> {
    let missing = |expression: &Expression| {
        let missing: Vec<_> = expression.names().into_iter().filter(|name| !names.contains(name)).collect();
        (!missing.is_empty()).then(|| format!("{}: nobody tells {missing:?}", expression.title))
    };
    expressions.iter().filter_map(missing).collect()
}
