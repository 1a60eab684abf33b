//! A history of an installation, as a real Prometheus has it: a store whose calls and turns happen at moments of the test's choice,
//! and what `/metrics` shows of it every few minutes, imported into a Prometheus that is then asked the boards' expressions.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;

use innkeeper::api::collect::{DriftWatch, Sources, text};
use innkeeper::config::Config;
use innkeeper::domain::{
    Ask, Budget, BudgetId, By, CallId, EndReason, Enforcement, KeyId, Outcome, Period, Scope, SessionId, Tenant,
    TenantId, TenantLimits, TenantState, Timestamp, TurnEnd, TurnId, TurnSpec, Usage, Usd, Who,
};
use innkeeper::gateway::Prices;
use innkeeper::metrics;
use innkeeper::session::QueueStatus;
use innkeeper::store::{CallRef, NewCall, NewSession, NewTurn, Settlement, Store};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStderr;

use crate::boards;

/// How often Prometheus looks.
const SCRAPED_EVERY_MS: i64 = 5 * 60 * 1_000;

/// How long each turn takes from its request to its end.
pub(crate) const TURN_MS: i64 = 10_000;

/// An installation, and what Prometheus has seen of it so far.
pub(crate) struct History {
    pub(crate) store: Store,
    prices: Prices,
    config: Config,
    directory: tempfile::TempDir,
    seen: String,
}

/// A Prometheus with the history in it.
pub(crate) struct Prometheus {
    http: reqwest::Client,
    url: String,
    /// Where it writes its log: without a reader it would end.
    _log: Lines<BufReader<ChildStderr>>,
    _process: tokio::process::Child,
    _directory: tempfile::TempDir,
}

/// Series with their labels and the values at some moments.
pub(crate) type Answer = Vec<(Value, Vec<(f64, f64)>)>;

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

impl History {
    pub(crate) async fn new() -> Self {
        static RECORDER: Once = Once::new();
        RECORDER.call_once(|| metrics::install().unwrap());
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::load(None).unwrap();
        config.data_dir = directory.path().to_owned();
        let store = Store::open(&config.database_path()).await.unwrap();
        Self { store, prices: Prices::load(Path::new("")).unwrap(), config, directory, seen: String::new() }
    }

    pub(crate) async fn tenant(&self, name: &str, now: Timestamp) -> TenantId {
        let (id, name, limits, state) =
            (TenantId::generate(), name.to_owned(), TenantLimits::default(), TenantState::Active);
        let tenant = Tenant { id, name, roots: Vec::new(), limits, state, created_at: now };
        self.store.tenants().create(&tenant, &by(now)).await.unwrap();
        id
    }

    pub(crate) async fn budget(&self, scope: Scope, dollars: i64, now: Timestamp) -> BudgetId {
        let (id, limit) = (BudgetId::generate(), Usd::from_nanos(dollars * 1_000_000_000));
        let enforcement = Enforcement::Hard;
        let budget = Budget { id, scope, period: Period::Day, limit, enforcement, created_at: now };
        self.store.budgets().create(&budget, &by(now)).await.unwrap();
        id
    }

    /// A session with one turn whose one call costs so much, and which takes some seconds.
    pub(crate) async fn turn(&self, tenant: TenantId, nanos: i64, now: Timestamp) -> SessionId {
        let (session, turn) = self.begin(tenant, now).await;
        let call = CallRef { id: CallId::generate(), tenant, session, turn };
        let model = if nanos % 2 == 0 { "claude-haiku-4-5" } else { "claude-sonnet-5-5" }.to_owned();
        let new = NewCall { call, model: model.clone(), price_version: "1".to_owned(), at: now };
        let ask = Ask { input_picos: 1, output_picos: 1, max_tokens: 1, least_tokens: 1 };
        self.store.ledger().open(&new, &ask).await.unwrap();
        let (usage, cost) = (Usage { input_tokens: 1, ..Usage::default() }, Usd::from_nanos(nanos));
        let settlement = Settlement { model, usage, cost, estimated: None, at: now };
        self.store.ledger().settle(call, &settlement).await.unwrap();
        let end = TurnEnd { outcome: Outcome::Completed, reason: EndReason::Answered, error: None, report: None };
        self.store.turns().end(tenant, session, turn, &end, now.plus_millis(TURN_MS)).await.unwrap();
        session
    }

    /// A turn that a crash ends.
    pub(crate) async fn lost_turn(&self, tenant: TenantId, now: Timestamp) {
        let (session, turn) = self.begin(tenant, now).await;
        let end = TurnEnd::failed(EndReason::Interrupted, "the server stopped");
        self.store.turns().end(tenant, session, turn, &end, now.plus_millis(TURN_MS)).await.unwrap();
    }

    async fn begin(&self, tenant: TenantId, now: Timestamp) -> (SessionId, TurnId) {
        let (id, turn) = (SessionId::generate(), TurnId::generate());
        let new = NewTurn {
            id: turn,
            prompt: "Say hello".to_owned(),
            spec: TurnSpec::default(),
            key: KeyId::new("key".to_owned()),
            created_at: now,
        };
        let session = NewSession { id, tenant, root: "/srv".into(), relative: String::new().into(), turn: new };
        self.store.sessions().create(&session).await.unwrap();
        (id, turn)
    }

    /// Prometheus looks every few minutes from `from` on, until before `to`.
    pub(crate) async fn watch(&mut self, from: Timestamp, to: Timestamp) {
        let mut now = from;
        while now < to {
            self.look(now).await;
            now = now.plus_millis(SCRAPED_EVERY_MS);
        }
    }

    async fn look(&mut self, now: Timestamp) {
        let Self { store, prices, config, .. } = &*self;
        let queue = QueueStatus { waiting: 0, oldest: None, taken: 0, capacity: 8 };
        let (live, ended, place_micros) = (Vec::new(), Vec::new(), HashMap::new());
        let drift = &DriftWatch::default();
        let page = text(Sources { store, prices, config, now, live, ended, place_micros, queue, drift }).await;
        let target = r#"job="innkeeper",instance="inn:8001""#;
        for line in page.lines().filter(|line| line.starts_with("innkeeper_") && !line.contains("_bucket{")) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let labelled = match series.strip_suffix('}') {
                Some(labels) => format!("{labels},{target}}}"),
                None => format!("{series}{{{target}}}"),
            };
            writeln!(self.seen, "{labelled} {value} {}", now.as_seconds()).unwrap();
        }
    }

    /// What tenants spent by the ledger from `from` on and before `to`, in nano-dollars.
    pub(crate) async fn spent(&self, from: Timestamp, to: Timestamp) -> HashMap<String, i64> {
        let spent = self.store.ledger().by_tenant(from, to).await.unwrap();
        spent.into_iter().map(|one| (one.tenant.to_string(), one.spending.cost.as_nanos())).collect()
    }

    /// A Prometheus that has seen all of it.
    pub(crate) async fn prometheus(&self) -> Prometheus {
        let directory = tempfile::tempdir().unwrap();
        let (seen, data) = (directory.path().join("seen.txt"), directory.path().join("data"));
        std::fs::write(&seen, format!("{}# EOF\n", self.seen)).unwrap();
        let mut tool = Command::new("promtool");
        tool.args(["tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=100h"]);
        let imported = tool.arg(&seen).arg(&data).output().expect("promtool is installed (scripts/prometheus.sh)");
        assert!(imported.status.success(), "promtool says: {}", String::from_utf8_lossy(&imported.stderr));
        let config = directory.path().join("prometheus.yml");
        std::fs::write(&config, "global: {}\n").unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut process = tokio::process::Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--storage.tsdb.retention.time=100y", "--query.lookback-delta=6m"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Prometheus is installed (scripts/prometheus.sh)");
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        while !log.next_line().await.unwrap().expect("Prometheus starts").contains("ready to receive web requests") {}
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Prometheus {
            http,
            url: format!("http://{address}/api/v1"),
            _log: log,
            _process: process,
            _directory: directory,
        }
    }

    /// The directory it lies in.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Prometheus {
    /// What a panel shows at a moment, of a time of so many hours before it.
    pub(crate) async fn panel(&self, title: &str, query: usize, hours: i64, now: Timestamp) -> Vec<(Value, f64)> {
        let expression = expression(title, query, hours);
        let asked = [("query", expression), ("time", now.as_seconds().to_string())];
        let answer = self.ask("query", &asked).await;
        answer.into_iter().map(|(labels, values)| (labels, values[0].1)).collect()
    }

    /// The one number a panel shows; none when it shows nothing.
    pub(crate) async fn number(&self, title: &str, hours: i64, now: Timestamp) -> Option<f64> {
        self.panel(title, 0, hours, now).await.first().map(|(_, value)| *value)
    }

    /// What a panel draws, with a point each so many hours.
    pub(crate) async fn chart(&self, title: &str, [from, to]: [Timestamp; 2], step_s: i64) -> Answer {
        let expression = expression(title, 0, 24)
            .replace("INTERVAL_MS", &(step_s * 1_000).to_string())
            .replace("INTERVAL", &format!("{step_s}s"));
        let asked = [
            ("query", expression),
            ("start", from.as_seconds().to_string()),
            ("end", to.as_seconds().to_string()),
            ("step", step_s.to_string()),
        ];
        self.ask("query_range", &asked).await
    }

    async fn ask(&self, path: &str, asked: &[(&str, String)]) -> Answer {
        let url = reqwest::Url::parse_with_params(&format!("{}/{path}", self.url), asked).unwrap();
        let answer: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "success", "{asked:?}: {answer}");
        let sample = |one: &Value| (one[0].as_f64().unwrap(), one[1].as_str().unwrap().parse().unwrap());
        let samples = |series: &Value| match series["values"].as_array() {
            Some(values) => values.iter().map(sample).collect(),
            None => vec![sample(&series["value"])],
        };
        let result = answer["data"]["result"].as_array().unwrap().iter();
        result.map(|series| (series["metric"].clone(), samples(series))).collect()
    }
}

/// The expression of a panel's query, for a time of so many hours that has a point each five minutes.
fn expression(title: &str, query: usize, hours: i64) -> String {
    let boards = boards();
    let json: Vec<_> = boards.iter().map(|board| board.json(&boards)).collect();
    let panels = json.iter().flat_map(|board| board["panels"].as_array().unwrap());
    let mut panels = panels.filter(|panel| panel["type"] != "row");
    let panel = panels.find(|panel| panel["title"] == title).unwrap_or_else(|| panic!("no panel is called {title}"));
    let expression = panel["targets"][query]["expr"].as_str().unwrap();
    let (range, seconds) = (format!("{hours}h"), (hours * 3_600).to_string());
    let interval = if panel["interval"].is_null() { ["5m", "300000"] } else { ["INTERVAL", "INTERVAL_MS"] };
    let values = [
        ("$job", "innkeeper"),
        ("$instance", ".*"),
        ("$tenant", ".*"),
        ("$__range_s", &seconds),
        ("$__range", &range),
        ("$__interval_ms", interval[1]),
        ("$__interval", interval[0]),
        ("$__rate_interval", "20m"),
    ];
    values.into_iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value))
}

fn by(now: Timestamp) -> By {
    By { who: Who::Server, from: None, at: now }
}
