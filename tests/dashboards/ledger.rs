//! What the boards show of ranges of time is what the ledger has for them: over a restart, a new tenant, midnight and a limit of 0.

use innkeeper::domain::{Scope, SessionId, TenantId, Timestamp};

use crate::history::{History, Prometheus, TURN_MS, at};

/// What happened, and a Prometheus that has seen it.
struct Past {
    history: History,
    prometheus: Prometheus,
    acme: TenantId,
    globex: TenantId,
    initech: TenantId,
    /// The most expensive sessions of the last day, with what they cost.
    sessions: Vec<(SessionId, f64)>,
}

/// When Prometheus first looked.
const BEGAN: &str = "2026-11-10T10:00:00Z";

/// The end of the history.
const END: &str = "2026-11-12T18:00:00Z";

impl Past {
    async fn new() -> Self {
        let mut history = History::new().await;
        let acme = history.tenant("acme", at("2026-11-01T00:00:00Z")).await;
        // Before Prometheus: nothing of this is in a range it can know.
        history.turn(acme, 5_000_000_001, at("2026-11-01T08:00:00Z")).await;
        history.watch(at(BEGAN), at("2026-11-10T12:00:00Z")).await;
        history.turn(acme, 123_456_789, at("2026-11-10T12:00:10Z")).await;
        history.watch(at("2026-11-10T12:01:00Z"), at("2026-11-11T09:00:00Z")).await;

        // A tenant begins, and spends before anybody has looked.
        let globex = history.tenant("globex", at("2026-11-11T09:00:10Z")).await;
        history.turn(globex, 300_000_003, at("2026-11-11T09:00:20Z")).await;
        history.watch(at("2026-11-11T09:01:00Z"), at("2026-11-11T12:00:00Z")).await;
        // The first call with another model.
        history.turn(globex, 700_000_000, at("2026-11-11T12:00:10Z")).await;
        history.watch(at("2026-11-11T12:01:00Z"), at("2026-11-11T23:50:00Z")).await;

        history.turn(acme, 10_000_000, at("2026-11-11T23:50:10Z")).await;
        history.watch(at("2026-11-11T23:51:00Z"), at("2026-11-12T00:10:00Z")).await;
        history.budget(Scope::Tenant(acme), 1, at("2026-11-12T00:10:00Z")).await;
        history.turn(acme, 20_000_001, at("2026-11-12T00:10:10Z")).await;
        history.watch(at("2026-11-12T00:11:00Z"), at("2026-11-12T03:00:00Z")).await;

        // The server crashes and is away for 40 minutes. Its next start ends the turn that was lost.
        history.lost_turn(acme, at("2026-11-12T03:00:10Z")).await;
        let initech = history.tenant("initech", at("2026-11-12T03:40:00Z")).await;
        let first = history.turn(initech, 900_000_009, at("2026-11-12T03:40:10Z")).await;
        let second = history.turn(acme, 40_000_000, at("2026-11-12T03:40:20Z")).await;
        history.budget(Scope::Tenant(globex), 0, at("2026-11-12T03:40:30Z")).await;
        history.watch(at("2026-11-12T03:41:00Z"), at("2026-11-12T17:00:00Z")).await;
        let third = history.turn(acme, 60_000_000, at("2026-11-12T17:00:10Z")).await;
        history.watch(at("2026-11-12T17:01:00Z"), at(END).plus_millis(60_000)).await;
        let sessions = vec![(first, 0.900_000_009), (third, 0.06), (second, 0.04)];
        let prometheus = history.prometheus().await;
        assert!(history.directory().exists());
        Self { history, prometheus, acme, globex, initech, sessions }
    }

    /// What the ledger has for a range, and only for the part of it that Prometheus can know.
    async fn ledger(&self, from: Timestamp, to: Timestamp) -> i64 {
        self.history.spent(from.max(at(BEGAN)), to).await.values().sum()
    }
}

fn nanos(dollars: f64) -> i64 {
    format!("{:.0}", dollars * 1e9).parse().unwrap()
}

fn dollars(nanos: i64) -> f64 {
    innkeeper::domain::Usd::from_nanos(nanos).to_approximate()
}

fn hours_before(moment: Timestamp, hours: i64) -> Timestamp {
    moment.minus_seconds(hours * 3_600)
}

#[tokio::test]
async fn ranges_of_money_are_those_of_the_ledger() {
    let past = Past::new().await;
    let ends = ["2026-11-11T08:00:00Z", "2026-11-11T20:00:00Z", "2026-11-12T00:05:00Z", "2026-11-12T03:20:00Z", END];
    for end in ends.map(at) {
        for hours in [1, 3, 6, 12, 24, 48, 72] {
            let from = hours_before(end, hours);
            let ledger = past.ledger(from, end).await;
            let shown = past.prometheus.number("Spent in this time", hours, end).await.unwrap();
            assert_eq!(nanos(shown), ledger, "{hours} hours until {end}");
        }
    }
}

/// Each tenant, those that began within the range too.
#[tokio::test]
async fn each_tenant_spent_what_the_ledger_has_for_it() {
    let past = Past::new().await;
    let end = at(END);
    for hours in [12, 24, 48] {
        let ledger = past.history.spent(hours_before(end, hours), end).await;
        let shown = past.prometheus.panel("Top tenants", 0, hours, end).await;
        assert_eq!(shown.len(), ledger.len(), "{hours} hours: {shown:?}");
        for (labels, dollars) in shown {
            let tenant = labels["tenant"].as_str().unwrap();
            assert_eq!(nanos(dollars), ledger[tenant], "{hours} hours: {labels}");
        }
    }
    let mean = past.prometheus.panel("Turn duration by tenant", 1, 24, end).await;
    let p95 = past.prometheus.panel("Turn duration by tenant", 2, 24, end).await;
    for tenant in [past.acme, past.initech].map(|tenant| tenant.to_string()) {
        let of = |shown: &[(serde_json::Value, f64)]| {
            shown.iter().find(|(labels, _)| labels["tenant"] == tenant.as_str()).unwrap().1
        };
        let expected = f64::from(u32::try_from(TURN_MS).unwrap()) / 1e3;
        assert!((of(&mean) - expected).abs() < 1e-6 && (of(&p95) - expected).abs() < 1e-6, "{mean:?} {p95:?}");
    }
}

/// Days of UTC.
#[tokio::test]
async fn days_of_utc_cost_what_the_ledger_has_for_them() {
    let past = Past::new().await;
    let midnights = ["2026-11-10T00:00:00Z", "2026-11-11T00:00:00Z", "2026-11-12T00:00:00Z"].map(at);
    let chart = past.prometheus.chart("Cost per day by tenant", [midnights[0], at(END)], 86_400).await;
    for midnight in midnights {
        let ledger = past.history.spent(midnight.max(at(BEGAN)), hours_before(midnight, -24)).await;
        let mut drawn = 0;
        for (labels, points) in &chart {
            let tenant = labels["tenant"].as_str().unwrap();
            let bar = points.iter().find(|(moment, _)| (*moment - midnight.as_seconds()).abs() < 1.0);
            let shown = bar.map(|(_, dollars)| nanos(*dollars));
            assert_eq!(shown, ledger.get(tenant).copied(), "{midnight}: {labels}");
            drawn += usize::from(shown.is_some());
        }
        assert_eq!(drawn, ledger.len(), "{midnight}: every tenant that spent has a bar");
    }
}

#[tokio::test]
async fn the_period_before_is_compared_with_this_one() {
    let past = Past::new().await;
    let end = at(END);
    let (now, before) = (
        past.ledger(hours_before(end, 24), end).await,
        past.ledger(hours_before(end, 48), hours_before(end, 24)).await,
    );
    let shown = past.prometheus.number("Spent in the period before", 24, end).await.unwrap();
    assert_eq!(nanos(shown), before);
    let more = past.prometheus.number("Against the period before", 24, end).await.unwrap();
    let expected = dollars(now) / dollars(before) - 1.0;
    assert!((more - expected).abs() < 1e-9, "{more} and {expected}");
}

/// Sessions that lived between two looks.
#[tokio::test]
async fn sessions_that_end_between_two_scrapes_have_their_cost() {
    let past = Past::new().await;
    let shown = past.prometheus.panel("Most expensive sessions in this time", 0, 15, at(END)).await;
    let mut shown: Vec<_> =
        shown.iter().map(|(labels, cost)| (labels["session"].as_str().unwrap().to_owned(), *cost)).collect();
    shown.sort_by(|one, other| other.1.total_cmp(&one.1));
    assert_eq!(shown.len(), past.sessions.len(), "{shown:?}");
    for ((session, cost), (expected, ledger)) in shown.iter().zip(&past.sessions) {
        assert_eq!((session, nanos(*cost)), (&expected.to_string(), nanos(*ledger)));
    }
}

/// One pace across midnight, and a limit of 0.
#[tokio::test]
async fn a_budget_has_one_pace_and_a_limit_of_0_is_used_up() {
    let past = Past::new().await;
    let cell = async |title: &str, column: usize, tenant: TenantId, moment: &str| {
        let shown = past.prometheus.panel(title, column, 6, at(moment)).await;
        shown.iter().find(|(labels, _)| labels["tenant"] == tenant.to_string()).map(|(_, value)| *value)
    };
    // A quarter of an hour after midnight most of the last hour's spending was before it.
    let just_after = "2026-11-12T00:15:00Z";
    let pace = cell("Budgets", 6, past.acme, just_after).await.unwrap();
    assert_eq!(nanos(pace), 30_000_001);
    let lasts = cell("Budgets", 7, past.acme, just_after).await.unwrap();
    let expected = (1_000_000_000.0 - 20_000_001.0) / 30_000_001.0 * 3_600.0;
    assert!((lasts - expected).abs() < 1e-3, "{lasts} and {expected}");
    let hours = cell("Hours until it is used up", 0, past.acme, just_after).await.unwrap();
    assert!((hours - expected / 3_600.0).abs() < 1e-6, "{hours}");

    assert_eq!(cell("Budgets", 4, past.globex, END).await, Some(1.0), "a limit of 0 is used up");
    assert_eq!(cell("Budgets", 7, past.globex, END).await, Some(0.0), "a limit of 0 lasts no time");
    assert_eq!(past.prometheus.number("Budgets used up", 6, at(END)).await, Some(1.0));
    assert_eq!(cell("Budget burn-down", 0, past.globex, END).await, Some(0.0));
}

/// The turns that a crash ended are seen, and nothing else of the restart.
#[tokio::test]
async fn turns_that_a_crash_ended_are_seen() {
    let past = Past::new().await;
    let chart = past.prometheus.chart("How turns end", [at("2026-11-12T01:00:00Z"), at(END)], 300).await;
    let total = |reason: &str| {
        let series = chart.iter().filter(|(labels, _)| labels["reason"] == reason);
        series.flat_map(|(_, points)| points).map(|(_, turns)| turns).sum::<f64>()
    };
    assert_eq!((total("interrupted"), total("answered")), (1.0, 3.0), "{chart:?}");
}
