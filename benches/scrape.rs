//! Measures what a scrape of the metrics costs: for small and large installations, each beside the smallest in the same run,
//! and what calls of the model feel of it.

#![expect(clippy::print_stdout, reason = "a bench's output")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use innkeeper::api::collect::{DriftWatch, Sources, text};
use innkeeper::config::Config;
use innkeeper::domain::{
    Ask, Budget, BudgetId, By, CallId, Clock, Enforcement, Period, Scope, SessionId, SystemClock, Tenant, TenantId,
    TenantLimits, TenantState, TurnId, Usage, Usd, Who,
};
use innkeeper::gateway::Prices;
use innkeeper::lifecycle::Tasks;
use innkeeper::metrics::{self, catalogue};
use innkeeper::sandbox::Resources;
use innkeeper::session::{LiveSession, QueueStatus, Stage};
use innkeeper::store::{CallRef, NewCall, Settlement, Store};
use tokio::time::{Duration, Instant, sleep};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Installations: tenants, live sessions, and how many of those are told of one by one.
const SIZES: [(usize, usize, usize); 5] =
    [(1, 1, 200), (100, 100, 200), (100, 1_000, 200), (100, 1_000, 1_000), (500, 1_000, 1_000)];

/// Scrapes of each.
const SCRAPES: usize = 40;

/// Calls whose hold and settlement are timed.
const CALLS: usize = 300;

const MODELS: [&str; 4] = ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-haiku-4-5"];

/// An installation in a directory of its own.
struct House {
    store: Store,
    prices: Prices,
    config: Config,
    tenants: Vec<TenantId>,
    live: Vec<LiveSession>,
    _directory: tempfile::TempDir,
}

#[tokio::main]
async fn main() -> Result<()> {
    metrics::install()?;
    metrics::bound_tenants(usize::MAX);
    println!("| tenants | live sessions | told one by one | series | KiB | scrape p50 ms | p99 ms | × the first |");
    println!("|---|---|---|---|---|---|---|---|");
    let (mut first, mut last) = (None, None);
    for (tenants, live, shown) in SIZES {
        let house = Arc::new(House::new(tenants, live, shown).await?);
        let (mut times, mut page) = (Vec::new(), String::new());
        for _ in 0..SCRAPES {
            let began = Instant::now();
            page = house.page().await;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
        let series = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count();
        let times_first = p50 / *first.get_or_insert(p50);
        println!(
            "| {tenants} | {live} | {} | {series} | {} | {p50:.1} | {p99:.1} | {times_first:.1} |",
            live.min(shown),
            page.len() / 1024
        );
        last = Some(house);
    }
    let house = last.ok_or("there are no sizes")?;
    let alone = house.calls().await?;
    let (tasks, over) = (Tasks::new(), Arc::new(AtomicBool::new(false)));
    let (scraped, ending) = (Arc::clone(&house), Arc::clone(&over));
    tasks.spawn("scrapes", async move {
        while !ending.load(Ordering::Relaxed) {
            scraped.page().await;
            sleep(Duration::from_secs(1)).await;
        }
    });
    let beside = house.calls().await?;
    over.store(true, Ordering::Relaxed);
    tasks.stop().await;
    println!("\n| hold and settle | p50 ms | p99 ms | × alone |\n|---|---|---|---|");
    println!("| alone | {:.2} | {:.2} | 1.00 |", alone.0, alone.1);
    println!(
        "| the last of these scraped every second | {:.2} | {:.2} | {:.2} |",
        beside.0,
        beside.1,
        beside.0 / alone.0
    );
    Ok(())
}

impl House {
    async fn new(tenants: usize, live: usize, shown: usize) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut config = Config::load(None)?;
        config.data_dir = directory.path().to_owned();
        let store = Store::open(&config.database_path()).await?;
        config.metrics.max_live_sessions = shown;
        let prices = Prices::load(Path::new(""))?;
        let mut house = Self { store, prices, config, tenants: Vec::new(), live: Vec::new(), _directory: directory };
        for number in 0..tenants {
            house.add_tenant(number).await?;
        }
        for number in 0..live {
            house.live.push(session(house.tenants[number % tenants]));
        }
        Ok(house)
    }

    /// A tenant with two budgets, four models it has used, and what a process would have recorded of it.
    async fn add_tenant(&mut self, number: usize) -> Result<()> {
        let (id, now) = (TenantId::generate(), SystemClock.now());
        let by = By { who: Who::Server, from: None, at: now };
        let (name, limits, state) = (format!("tenant {number}"), TenantLimits::default(), TenantState::Active);
        let tenant = Tenant { id, name, roots: Vec::new(), limits, state, created_at: now };
        self.store.tenants().create(&tenant, &by).await?;
        for period in [Period::Day, Period::Month] {
            let (limit, enforcement) = (Usd::from_nanos(i64::MAX / 2), Enforcement::Hard);
            let scope = Scope::Tenant(id);
            let budget = Budget { id: BudgetId::generate(), scope, period, limit, enforcement, created_at: now };
            self.store.budgets().create(&budget, &by).await?;
        }
        for model in MODELS {
            self.call(id, model).await?;
        }
        let label = metrics::tenant(id);
        catalogue::SESSIONS_CREATED.one([&label]);
        catalogue::REJECTIONS.one([&label, "rate"]);
        self.tenants.push(id);
        Ok(())
    }

    async fn call(&self, tenant: TenantId, model: &str) -> Result<()> {
        let call = CallRef { id: CallId::generate(), tenant, session: SessionId::generate(), turn: TurnId::generate() };
        let (model, at) = (model.to_owned(), SystemClock.now());
        let new = NewCall { call, model: model.clone(), price_version: "bench".to_owned(), at };
        let ask = Ask { input_picos: 1, output_picos: 1, max_tokens: 1, least_tokens: 1 };
        self.store.ledger().open(&new, &ask).await?;
        let usage = Usage { input_tokens: 1_000, output_tokens: 100, ..Usage::default() };
        let settlement = Settlement { model, usage, cost: Usd::from_nanos(1), estimated: None, at };
        self.store.ledger().settle(call, &settlement).await?;
        Ok(())
    }

    /// What holding and settling takes: median and 99 of 100, in milliseconds.
    async fn calls(&self) -> Result<(f64, f64)> {
        let mut times = Vec::new();
        for number in 0..CALLS {
            let began = Instant::now();
            self.call(self.tenants[number % self.tenants.len()], MODELS[0]).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        Ok((percentile(&mut times, 50), percentile(&mut times, 99)))
    }

    async fn page(&self) -> String {
        let Self { store, prices, config, live, .. } = self;
        let queue = QueueStatus { waiting: 0, oldest: None, taken: live.len(), capacity: live.len() };
        text(Sources {
            store,
            prices,
            config,
            now: SystemClock.now(),
            live: live.clone(),
            ended: Vec::new(),
            place_micros: HashMap::new(),
            queue,
            drift: &DriftWatch::default(),
        })
        .await
    }
}

/// The value that so many of a hundred do not pass.
fn percentile(times: &mut [f64], percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn session(tenant: TenantId) -> LiveSession {
    let resources = Resources { memory_bytes: Some(300 << 20), cpu_micros: Some(2_000_001), pids: Some(12) };
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
