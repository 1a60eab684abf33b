//! A Prometheus of a test's own, with the configuration that is shipped, but for whom it asks and how often.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use reqwest::Url;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::harness::eventually;

/// A running Prometheus.
pub(crate) struct Prometheus {
    /// Where it is asked.
    pub(crate) url: String,
    http: reqwest::Client,
    _data: TempDir,
    _process: Child,
}

/// What an expression comes to: its series, each with its labels and its value.
pub(crate) type Series = Vec<(Value, f64)>;

impl Prometheus {
    /// Begins to watch the server whose operators' listener is at `target`, once a second.
    pub(crate) async fn watch(target: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let data = tempfile::tempdir().unwrap();
        let own = free_address();
        let config = std::fs::read_to_string(root.join("docker/prometheus.yml")).unwrap();
        for shipped in ["innkeeper:8001", "localhost:9090", "../dashboards/alerts.yaml", "15s", "10s"] {
            assert!(config.contains(shipped), "docker/prometheus.yml does not say {shipped} any more");
        }
        let rules = root.join("dashboards/alerts.yaml");
        let config = config
            .replace("innkeeper:8001", target.trim_start_matches("http://"))
            .replace("localhost:9090", &own)
            .replace("../dashboards/alerts.yaml", rules.to_str().unwrap())
            .replace("15s", "1s")
            .replace("10s", "1s");
        let file = data.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.path().join("data").display()))
            .arg(format!("--web.listen-address={own}"))
            .args(["--log.level=warn", "--query.lookback-delta=10s"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("Prometheus is installed (scripts/prometheus.sh)");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{own}");
        let ready = format!("{url}/-/ready");
        eventually(async || http.get(&ready).send().await.ok().filter(|answer| answer.status().is_success())).await;
        Self { url, http, _data: data, _process: process }
    }

    /// What an expression comes to at this moment.
    pub(crate) async fn ask(&self, expression: &str) -> Result<Series, String> {
        self.ask_with(&[("query", expression)]).await
    }

    /// What an expression comes to at a moment in seconds since 1970.
    pub(crate) async fn ask_at(&self, expression: &str, moment: f64) -> Result<Series, String> {
        self.ask_with(&[("query", expression), ("time", &moment.to_string())]).await
    }

    async fn ask_with(&self, parameters: &[(&str, &str)]) -> Result<Series, String> {
        let url = Url::parse_with_params(&format!("{}/api/v1/query", self.url), parameters).unwrap();
        let answer: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        if answer["status"] != "success" {
            return Err(format!("{parameters:?}: {}", answer["error"]));
        }
        let data = &answer["data"];
        let number = |value: &Value| value[1].as_str().unwrap().parse::<f64>().unwrap();
        if data["resultType"] == "scalar" {
            return Ok(vec![(Value::Null, number(&data["result"]))]);
        }
        let series = data["result"].as_array().unwrap().iter();
        Ok(series.map(|one| (one["metric"].clone(), number(&one["value"]))).collect())
    }

    /// The present moment in seconds since 1970, and for how many whole seconds it has watched the server.
    pub(crate) async fn watched(&self) -> (f64, u64) {
        let now = self.ask("time()").await.unwrap()[0].1;
        let first = self.ask("min_over_time(timestamp(innkeeper_build_info)[1h:1s])").await.unwrap()[0].1;
        let seconds = (0..3_600).take_while(|seconds| now - first > f64::from(*seconds)).count();
        (now, u64::try_from(seconds).unwrap() - 1)
    }

    /// Draws the dashboards with what it has seen.
    pub(crate) async fn draw(&self, directory: &Path) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/pictures.sh");
        let mut command = Command::new(script);
        command.env("PICTURES_SOURCE", "the mixed load of the tests");
        let drawn = command.args([self.url.as_str(), "now-150s", "now"]).arg(directory).status().await.unwrap();
        assert!(drawn.success(), "the dashboards could not be drawn");
    }

    /// The names of all series it has ever seen.
    pub(crate) async fn names(&self) -> BTreeSet<String> {
        let request = self.http.get(format!("{}/api/v1/label/__name__/values", self.url));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["data"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    /// Waits until it has asked the server again, after this moment.
    pub(crate) async fn next_look(&self) {
        let look = "timestamp(innkeeper_build_info)";
        let before = self.ask(look).await.unwrap().first().map_or(0.0, |(_, at)| *at);
        // The first one may have begun before.
        eventually(async || {
            let series = self.ask(look).await.unwrap();
            (series.first()?.1 >= before + 2.0).then_some(())
        })
        .await;
    }
}

/// An address of this machine that nobody listens at.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Has Prometheus's own tool look at a page of metrics.
pub(crate) async fn check(page: &str) {
    let mut tool = Command::new("promtool");
    tool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = tool.spawn().expect("promtool is installed (scripts/prometheus.sh)");
    process.stdin.take().unwrap().write_all(page.as_bytes()).await.unwrap();
    let output = process.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.trim().is_empty(), "promtool says: {said}");
}
