//! How many series a large installation has, with the settings as they are shipped.

use std::collections::HashMap;
use std::path::Path;

use innkeeper::api::collect::{DriftWatch, Sources, text};
use innkeeper::config::Config;
use innkeeper::domain::{
    Ask, Budget, BudgetId, By, CallId, Clock, Enforcement, Period, Scope, SessionId, SystemClock, Tenant, TenantId,
    TenantLimits, TenantState, TurnId, Usage, Usd, Who,
};
use innkeeper::gateway::Prices;
use innkeeper::metrics::{self, catalogue};
use innkeeper::sandbox::Resources;
use innkeeper::session::{LiveSession, QueueStatus, Stage};
use innkeeper::store::{CallRef, EndedTurn, NewCall, Settlement, Store};

/// More series than this are alerted on.
const MOST: usize = 20_000;

/// What families without tenants come to in a busy server: the mixed load leaves some 900 series in all.
const WITHOUT_TENANTS: usize = 1_500;

const MODELS: [&str; 4] = ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-haiku-4-5"];

#[tokio::test]
async fn five_hundred_busy_tenants_stay_within_the_budget_of_series() {
    let (directory, mut config) = (tempfile::tempdir().unwrap(), Config::load(None).unwrap());
    config.data_dir = directory.path().to_owned();
    let store = Store::open(&config.database_path()).await.unwrap();
    let prices = Prices::load(Path::new("")).unwrap();
    metrics::install().unwrap();
    metrics::bound_tenants(config.metrics.max_tenants);
    let (mut live, mut ended, mut place_micros) = (Vec::new(), Vec::new(), HashMap::new());
    for number in 0..500 {
        let tenant = busy_tenant(&store, number).await;
        live.extend((0..2).map(|_| session(tenant)));
        ended.push(ended_turn(tenant));
        place_micros.insert(tenant, 1);
    }
    let queue = QueueStatus { waiting: 0, oldest: None, taken: 0, capacity: 0 };
    let (now, drift) = (SystemClock.now(), DriftWatch::default());
    let (store, prices, config, drift) = (&store, &prices, &config, &drift);
    let page = text(Sources { store, prices, config, now, live, ended, place_micros, queue, drift }).await;
    let series = page.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    assert!(series + WITHOUT_TENANTS < MOST, "{series} series");
    assert!(page.contains("tenant=\"other\",model=\"claude-haiku-4-5\""), "the rest is added up");
    let costs = page.lines().filter(|line| line.starts_with("innkeeper_model_cost_usd_total{"));
    let dollars: f64 = costs.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum();
    assert!((dollars - 2_000.0).abs() < 1e-6, "of 2000 dollars {dollars} are told");
}

/// A tenant with two budgets that has used four models, and what a process records of such a one.
async fn busy_tenant(store: &Store, number: usize) -> TenantId {
    let (id, now) = (TenantId::generate(), SystemClock.now());
    let by = By { who: Who::Server, from: None, at: now };
    let (name, limits, state) = (format!("tenant {number}"), TenantLimits::default(), TenantState::Active);
    let tenant = Tenant { id, name, roots: Vec::new(), limits, state, created_at: now };
    store.tenants().create(&tenant, &by).await.unwrap();
    for period in [Period::Day, Period::Month] {
        let (budget, limit, enforcement) = (BudgetId::generate(), Usd::from_nanos(i64::MAX / 2), Enforcement::Hard);
        let budget = Budget { id: budget, scope: Scope::Tenant(id), period, limit, enforcement, created_at: now };
        store.budgets().create(&budget, &by).await.unwrap();
    }
    for model in MODELS {
        let (session, turn) = (SessionId::generate(), TurnId::generate());
        let call = CallRef { id: CallId::generate(), tenant: id, session, turn };
        let new = NewCall { call, model: model.to_owned(), price_version: "1".to_owned(), at: now };
        let ask = Ask { input_picos: 1, output_picos: 1, max_tokens: 1, least_tokens: 1 };
        store.ledger().open(&new, &ask).await.unwrap();
        let (usage, cost) = (Usage { input_tokens: 1, ..Usage::default() }, Usd::from_nanos(1_000_000_000));
        let settlement = Settlement { model: model.to_owned(), usage, cost, estimated: None, at: now };
        store.ledger().settle(call, &settlement).await.unwrap();
    }
    let label = metrics::tenant(id);
    catalogue::SESSIONS_CREATED.one([&label]);
    catalogue::SANDBOX_OOM_KILLS.one([&label]);
    catalogue::GATEWAY_REFUSALS.one([&label, "budget"]);
    catalogue::REJECTIONS.one([&label, "rate"]);
    id
}

fn ended_turn(tenant: TenantId) -> EndedTurn {
    let (session, turn, now) = (SessionId::generate(), TurnId::generate(), SystemClock.now());
    EndedTurn { tenant, session, turn, accepted_at: now, ended_at: now, cost: Usd::from_nanos(1) }
}

fn session(tenant: TenantId) -> LiveSession {
    let resources = Resources { memory_bytes: Some(300 << 20), cpu_micros: Some(1), pids: Some(12) };
    LiveSession {
        tenant,
        session: SessionId::generate(),
        turn: TurnId::generate(),
        stage: Stage::Running,
        since: SystemClock.now(),
        running_since: Some(SystemClock.now()),
        resources: Some(resources),
        memory_limit_bytes: Some(2 << 30),
    }
}
