//! The whole page over a store of made-up tenants, without a server.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::{DriftWatch, Sources, text};
use crate::api::admin::BudgetList;
use crate::config::Config;
use crate::domain::{
    Ask, Budget, BudgetId, By, CallId, EndReason, Enforcement, Period, Scope, SessionId, Tenant, TenantId,
    TenantLimits, TenantState, Timestamp, TurnId, Usage, Usd,
};
use crate::gateway::Prices;
use crate::metrics::{self, Kind, catalogue};
use crate::sandbox::Resources;
use crate::session::{LiveSession, QueueStatus, Stage};
use crate::store::{CallRef, EndedTurn, NewCall, Settlement, Store};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

struct House {
    _directory: tempfile::TempDir,
    store: Store,
    prices: Prices,
    config: Config,
    live: Vec<LiveSession>,
    ended: Vec<EndedTurn>,
    places: HashMap<TenantId, i64>,
}

impl House {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::load(None).unwrap();
        config.data_dir = directory.path().to_owned();
        let store = Store::open(&config.database_path()).await.unwrap();
        // All tests of the process share the places of tenants.
        metrics::bound_tenants(usize::MAX);
        let prices = Prices::load(Path::new("")).unwrap();
        let (live, ended, places) = (Vec::new(), Vec::new(), HashMap::new());
        Self { _directory: directory, store, prices, config, live, ended, places }
    }

    async fn tenant(&self, name: &str) -> TenantId {
        let id = TenantId::generate();
        let limits = TenantLimits::default();
        let tenant = Tenant {
            id,
            name: name.to_owned(),
            roots: Vec::new(),
            limits,
            state: TenantState::Active,
            created_at: NOW,
        };
        self.store.tenants().create(&tenant, &By::test()).await.unwrap();
        id
    }

    async fn budget(&self, scope: Scope, period: Period, dollars: i64) -> BudgetId {
        let (id, limit) = (BudgetId::generate(), Usd::from_nanos(dollars * 1_000_000_000));
        let budget = Budget { id, scope, period, limit, enforcement: Enforcement::Hard, created_at: NOW };
        self.store.budgets().create(&budget, &By::test()).await.unwrap();
        id
    }

    async fn spend(&self, tenant: TenantId, model: &str, usage: Usage, nanos: i64) {
        self.spend_at(NOW, tenant, model, usage, nanos).await;
    }

    async fn spend_at(&self, at: Timestamp, tenant: TenantId, model: &str, usage: Usage, nanos: i64) {
        let (session, turn) = (SessionId::generate(), TurnId::generate());
        let call = CallRef { id: CallId::generate(), tenant, session, turn };
        let new = NewCall { call, model: model.to_owned(), price_version: "1".to_owned(), at };
        let ask = Ask { input_picos: 1, output_picos: 1, max_tokens: 1, least_tokens: 1 };
        self.store.ledger().open(&new, &ask).await.unwrap();
        let cost = Usd::from_nanos(nanos);
        let settlement = Settlement { model: model.to_owned(), usage, cost, estimated: None, at };
        self.store.ledger().settle(call, &settlement).await.unwrap();
    }

    fn run(&mut self, tenant: TenantId, stage: Stage) {
        let resources = Resources { memory_bytes: Some(300 << 20), cpu_micros: Some(2_000_001), pids: Some(12) };
        self.live.push(LiveSession {
            tenant,
            session: SessionId::generate(),
            turn: TurnId::generate(),
            stage,
            since: Timestamp::from_micros(NOW.as_micros() - 61_000_000),
            running_since: None,
            resources: (stage == Stage::Running).then_some(resources),
            memory_limit_bytes: (stage != Stage::Queued).then_some(2 << 30),
        });
    }

    async fn text(&self) -> String {
        self.text_at(NOW).await
    }

    async fn text_at(&self, now: Timestamp) -> String {
        let queue = QueueStatus { waiting: 3, oldest: Some(Timestamp::from_micros(0)), taken: 1, capacity: 8 };
        let Self { store, prices, config, .. } = self;
        let (live, ended, place_micros) = (self.live.clone(), self.ended.clone(), self.places.clone());
        text(Sources { store, prices, config, now, live, ended, place_micros, queue, drift: &DriftWatch::default() })
            .await
    }
}

fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage { input_tokens, output_tokens, ..Usage::default() }
}

#[tokio::test]
async fn money_is_told_to_the_nano_dollar_and_models_by_the_names_of_their_prices() {
    let house = House::new().await;
    let tenant = house.tenant("acme \"east\"").await;
    let budget = house.budget(Scope::Tenant(tenant), Period::Month, 5).await;
    house.spend(tenant, "claude-haiku-4-5-20251001", usage(10, 20), 1_234_567_891).await;
    house.spend(tenant, "claude-haiku-4-5", usage(1, 2), 9).await;
    house.spend(tenant, "a-model-of-tomorrow", usage(1, 2), 1).await;
    let text = house.text().await;
    let labels = format!("tenant=\"{tenant}\",model=\"claude-haiku-4-5\"");
    for line in [
        format!("innkeeper_model_cost_usd_total{{{labels}}} 1.2345679"),
        format!("innkeeper_model_calls_total{{{labels}}} 2"),
        format!("innkeeper_model_tokens_total{{{labels},type=\"output\"}} 22"),
        format!("innkeeper_model_cost_usd_total{{tenant=\"{tenant}\",model=\"a-model-of-tomorrow\"}} 0.000000001"),
        format!("innkeeper_tenant_info{{tenant=\"{tenant}\",tenant_name=\"acme \\\"east\\\"\",state=\"active\"}} 1"),
        format!(
            "innkeeper_budget_spent_usd{{budget=\"{budget}\",scope=\"tenant\",tenant=\"{tenant}\",period=\"month\",\
             enforcement=\"hard\"}} 1.234567901"
        ),
        "innkeeper_ledger_open_calls 0".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn whoever_has_series_has_a_name_to_join_them_with() {
    let house = House::new().await;
    let tenant = house.tenant("gone").await;
    house.spend(tenant, "claude-haiku-4-5", usage(1, 2), 9).await;
    house.store.tenants().change_state(tenant, TenantState::Archived, false, &By::test()).await.unwrap();
    let text = house.text().await;
    assert!(text.contains(&format!("{{tenant=\"{tenant}\",tenant_name=\"gone\",state=\"archived\"}} 1\n")), "{text}");
    assert!(text.contains("tenant=\"other\",tenant_name=\"all others\""), "{text}");
    assert!(text.contains("tenant=\"\",tenant_name=\"all tenants\""), "{text}");
    assert!(!text.contains("innkeeper_sessions_quota{"), "an archived tenant may run nothing: {text}");
}

#[tokio::test]
async fn live_sessions_are_told_of_as_long_as_they_live_and_the_rest_is_omitted() {
    let mut house = House::new().await;
    let tenant = house.tenant("acme").await;
    house.config.metrics.max_live_sessions = 2;
    // Of sessions that cost the same any two are told of: one of them runs.
    for stage in [Stage::Queued, Stage::Running, Stage::Running, Stage::Running] {
        house.run(tenant, stage);
    }
    let text = house.text().await;
    let count = |name: &str| text.lines().filter(|line| line.starts_with(&format!("{name}{{"))).count();
    assert_eq!(count("innkeeper_live_session_age_seconds"), 2);
    assert!(text.contains("innkeeper_live_sessions_omitted 2\n"), "{text}");
    assert!(text.contains(&format!("innkeeper_sessions{{tenant=\"{tenant}\",state=\"running\"}} 3\n")), "{text}");
    assert!(text.contains(&format!("innkeeper_sessions{{tenant=\"{tenant}\",state=\"starting\"}} 0\n")), "{text}");
    assert!(text.contains("} 61\n") && text.contains("} 2.000001\n") && text.contains("} 314572800\n"), "{text}");
    house.live.clear();
    let text = house.text().await;
    assert!(!text.contains("innkeeper_live_session_") && !text.contains("innkeeper_sessions{"), "{text}");
}

#[tokio::test]
async fn a_turn_keeps_its_cost_while_it_stops_and_after() {
    let mut house = House::new().await;
    let tenant = house.tenant("acme").await;
    house.config.metrics.max_ended_turns = 1;
    house.run(tenant, Stage::Stopping);
    let (accepted_at, stopping) = (NOW.minus_seconds(61), house.live[0].clone());
    let ended = |session, turn, nanos| EndedTurn {
        tenant,
        session,
        turn,
        accepted_at,
        ended_at: NOW.minus_seconds(2),
        cost: Usd::from_nanos(nanos),
    };
    house.ended =
        vec![ended(stopping.session, stopping.turn, 70_000_001), ended(SessionId::generate(), TurnId::generate(), 5)];
    let labels = format!("tenant=\"{tenant}\",session=\"{}\",turn=\"{}\"", stopping.session, stopping.turn);
    for stage in ["stopping", "gone"] {
        let text = house.text().await;
        for line in [
            format!("innkeeper_live_session_cost_usd{{{labels}}} 0.070000001"),
            format!("innkeeper_live_session_age_seconds{{{labels}}} 59"),
            format!("innkeeper_live_session_ended_timestamp_seconds{{{labels}}} 1799999998"),
            "innkeeper_ended_turns_omitted 1".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{stage}: {line} is not in\n{text}");
        }
        let costs = text.lines().filter(|line| line.starts_with("innkeeper_live_session_cost_usd{"));
        assert_eq!(costs.count(), 1, "{stage}: the most expensive turn alone, and once: {text}");
        house.live.clear();
    }
    let text = house.text_at(NOW.plus_millis(300_000)).await;
    assert!(!text.contains("innkeeper_live_session_"), "five minutes after the end: {text}");
}

#[tokio::test]
async fn sessions_that_no_scrape_saw_are_in_the_seconds_of_places() {
    let mut house = House::new().await;
    let tenant = house.tenant("acme").await;
    house.places.insert(tenant, 2_500_001);
    let text = house.text().await;
    assert!(text.contains(&format!("place_seconds_total{{tenant=\"{tenant}\"}} 2.500001\n")), "{text}");
    assert!(text.contains(&format!("innkeeper_sessions{{tenant=\"{tenant}\",state=\"running\"}} 0\n")), "{text}");
}

#[tokio::test]
async fn how_turns_end_begins_at_0_for_each_tenant_and_reason() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await;
    let text = house.text().await;
    for reason in EndReason::ALL.map(EndReason::as_str) {
        let line = format!("innkeeper_turns_ended_total{{tenant=\"{tenant}\",reason=\"{reason}\"}} 0\n");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn the_pace_of_a_budget_is_that_of_the_api_across_midnight() {
    // Ten minutes after midnight UTC.
    let now = Timestamp::parse("2027-01-15T00:10:00Z").unwrap();
    let house = House::new().await;
    let (tenant, other) = (house.tenant("acme").await, house.tenant("globex").await);
    for (minutes, whose, nanos) in [(70, tenant, 8), (40, tenant, 4), (5, tenant, 2), (5, other, 1)] {
        house.spend_at(now.minus_seconds(minutes * 60), whose, "claude-haiku-4-5", usage(1, 1), nanos).await;
    }
    let mut budgets = Vec::new();
    for (scope, spent) in [(Scope::Installation, 7), (Scope::Tenant(tenant), 6), (Scope::Tenant(other), 1)] {
        budgets.push((house.budget(scope, Period::Day, 0).await, spent));
    }
    let text = house.text_at(now).await;
    let standings = house.store.budgets().lasting(now).await.unwrap();
    let shown = BudgetList::read(&house.store, &standings, now).await.unwrap().data;
    for (budget, spent) in budgets {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("innkeeper_budget_burn_usd_per_hour{{budget=\"{budget}\"")));
        let pace = Usd::from_nanos(spent).to_string();
        assert!(line.is_some_and(|line| line.ends_with(&format!(" {pace}"))), "{pace}: {line:?}");
        let view = shown.iter().find(|view| view.id == budget).unwrap();
        assert_eq!((view.burn_usd_per_hour.as_str(), view.exhausts_at), (pace.as_str(), Some(now)));
    }
}

#[tokio::test]
async fn the_disk_and_the_database_have_a_size() {
    let house = House::new().await;
    let text = house.text().await;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.and_then(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).unwrap_or_default()
    };
    let (free, size) = (value("innkeeper_disk_free_bytes"), value("innkeeper_disk_size_bytes"));
    assert!(free > 0.0 && free < size, "{free} of {size}");
    assert!(value("innkeeper_database_size_bytes") > 100_000.0, "{text}");
}

#[tokio::test]
async fn no_series_is_told_twice_and_no_histogram_is_a_summary() {
    let mut house = House::new().await;
    for number in 0..5 {
        let tenant = house.tenant(&format!("tenant {number}")).await;
        house.budget(Scope::Tenant(tenant), Period::Month, 5).await;
        house.spend(tenant, "claude-haiku-4-5", usage(1, 2), 9).await;
        house.run(tenant, Stage::Running);
    }
    let text = house.text().await;
    let told = series(&text);
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), told.len(), "two series have the same labels");
    let recorder = metrics::recorder().unwrap();
    ::metrics::with_local_recorder(&recorder, || {
        for family in catalogue::families().filter(|family| family.kind == Kind::Histogram) {
            family.record_for_test(&vec!["x".to_owned(); family.labels.len()]);
        }
    });
    let page = recorder.handle().render();
    assert!(!page.contains(" summary") && page.contains(" histogram"), "{page}");
}

fn series(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').map_or(line, |(series, _)| series)).collect()
}
