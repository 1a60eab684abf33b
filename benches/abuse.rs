//! Measures an honest tenant's latency while another tenant attacks the server, and the same latency without attacks.
//!
//! The server has 2 GiB of memory and 1,024 descriptors. The attackers are a process of their own with the lowest priority
//! (`SCHED_IDLE`), so that what is measured is the server and not the processors the attackers need for themselves; whose
//! processor time it was is printed. `ABUSE_SECONDS=60` makes each half that long; the default is the ten minutes that stand
//! for a day.

#![expect(clippy::print_stdout, reason = "a bench's output")]

#[path = "../tests/it/abuse/attacks.rs"]
mod attacks;
#[path = "support/bounds.rs"]
mod bounds;
#[expect(dead_code, reason = "this bench uses a part of it")]
#[path = "support/process.rs"]
mod process;
#[path = "support/processors.rs"]
mod processors;
#[expect(dead_code, reason = "this bench uses a part of it")]
#[path = "support/installation.rs"]
mod support;

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use attacks::{ATTACKS, Target};
use bounds::Bounds;
use processors::{Spent, Usage};
use support::{Installation, Result, Server, Tenant, eventually, percentile};

/// How long the honest tenant is watched, in quiet and during the abuse.
const WATCHED: Duration = Duration::from_mins(10);

/// Descriptors and bytes of memory of the server.
const MAX_OPEN_FILES: u64 = 1_024;
const MAX_MEMORY_BYTES: u64 = 2 << 30;

/// Where the attackers' process finds whom it attacks.
const TARGET: &str = "ABUSE_TARGET";

/// Milliseconds that the honest tenant waited, for each of what it does.
#[derive(Default)]
struct Waited {
    read: Vec<f64>,
    call: Vec<f64>,
    turn: Vec<f64>,
}

#[tokio::main]
async fn main() -> Result<()> {
    if let Some(target) = std::env::var_os(TARGET) {
        let target = target_from(&serde_json::from_str(target.to_str().ok_or("a target that is not text")?)?)?;
        let mut attacks = attacks::begin(&Arc::new(target));
        while attacks.join_next().await.is_some() {}
        return Ok(());
    }
    let installation = Installation::new("innkeeper=warn").await?;
    let (honest, hostile) = (installation.tenant("honest").await?, installation.tenant("hostile").await?);
    let server = installation.serve_within(MAX_OPEN_FILES).await?;
    let bounds = Bounds::set(server.pid, MAX_MEMORY_BYTES);
    let (honest_socket, hostile_socket) =
        (model_socket(&installation, &server, &honest).await?, model_socket(&installation, &server, &hostile).await?);
    let honest_model = Client::builder().no_proxy().unix_socket(honest_socket).build()?;
    let (quiet, quietly_spent) = watch(&server, &honest, &honest_model, None).await?;
    let mut attackers = attackers(&json!({
        "public": server.address,
        "operator": server.operator_address,
        "key": hostile.key,
        "root": hostile.root,
        "model_socket": hostile_socket,
    }))?;
    let (loud, loudly_spent) = watch(&server, &honest, &honest_model, attackers.id()).await?;
    attackers.kill().await?;
    print(&quiet, &loud);
    println!("\n| processor time, share of one processor | quiet | abused |\n|---|---|---|");
    for (name, quiet, loud) in quietly_spent.side_by_side(&loudly_spent) {
        println!("| {name} | {quiet:.2} | {loud:.2} |");
    }
    println!(
        "\n{} attacks at once; peak memory of the server {:.0} MiB of {}",
        ATTACKS.len(),
        bounds.peak_mib()?,
        MAX_MEMORY_BYTES >> 20
    );
    Ok(())
}

/// Starts the attackers: this program once more, where the machine runs it only when it has nothing else to do.
fn attackers(target: &Value) -> Result<Child> {
    let mut command = Command::new("chrt");
    command.args(["--idle", "0"]).arg(std::env::current_exe()?).env(TARGET, target.to_string());
    Ok(command.stdin(Stdio::null()).kill_on_drop(true).spawn()?)
}

fn target_from(target: &Value) -> Result<Target> {
    let text = |name: &str| Ok::<_, &str>(target[name].as_str().ok_or("a target that lacks a field")?.to_owned());
    Ok(Target {
        public: text("public")?,
        operator: text("operator")?,
        key: text("key")?,
        root: text("root")?.into(),
        model_socket: text("model_socket")?.into(),
        http: Client::builder().no_proxy().pool_max_idle_per_host(0).build()?,
    })
}

fn print(quiet: &Waited, loud: &Waited) {
    println!("| what the honest tenant does | times | p50 ms, quiet → abused | p99 ms, quiet → abused | p99 x |");
    println!("|---|---|---|---|---|");
    for (name, quiet, loud) in [
        ("`GET /v1/me`", &quiet.read, &loud.read),
        ("a model call", &quiet.call, &loud.call),
        ("a whole turn", &quiet.turn, &loud.turn),
    ] {
        let [a, b] = [50, 99].map(|percent| (percentile(quiet, percent), percentile(loud, percent)));
        println!(
            "| {name} | {} | {:.1} → {:.1} | {:.1} → {:.1} | **{:.2}** |",
            loud.len(),
            a.0,
            a.1,
            b.0,
            b.1,
            b.1 / b.0
        );
    }
}

/// Starts a session that goes on, and returns the socket on which its sandbox reaches the model.
async fn model_socket(installation: &Installation, server: &Server, tenant: &Tenant) -> Result<std::path::PathBuf> {
    let counting = json!({"prompt": "Please count from 1 to 1000000", "model": "claude-haiku-4-5"});
    let session = server.start(tenant, &counting).await?;
    let socket = installation.sandbox_file(&session, "sockets/model.sock");
    eventually(async || Ok(socket.exists().then_some(()))).await?;
    Ok(socket)
}

/// Lets the honest tenant work, and returns what it waited for, sorted, and whose processor time that took. Anything that
/// fails ends the bench.
async fn watch(server: &Server, tenant: &Tenant, model: &Client, attackers: Option<u32>) -> Result<(Waited, Spent)> {
    let (mut waited, begin) = (Waited::default(), Instant::now());
    let before = Usage::now(server.pid, attackers)?;
    let call =
        json!({"model": "claude-haiku-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": "hello"}]});
    while begin.elapsed() < watched() {
        for _ in 0..10 {
            let asked = Instant::now();
            server.ask(tenant, Method::GET, "/v1/me", None).await?;
            waited.read.push(millis(asked));
            let asked = Instant::now();
            model.post("http://gateway/v1/messages").json(&call).send().await?.error_for_status()?.bytes().await?;
            waited.call.push(millis(asked));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let asked = Instant::now();
        let session = server.start(tenant, &json!({ "prompt": "Say hello" })).await?;
        finished(server, tenant, &session).await?;
        waited.turn.push(millis(asked));
    }
    for values in [&mut waited.read, &mut waited.call, &mut waited.turn] {
        values.sort_by(f64::total_cmp);
    }
    Ok((waited, Usage::now(server.pid, attackers)?.since(&before)))
}

async fn finished(server: &Server, tenant: &Tenant, session: &str) -> Result<Value> {
    eventually(async || {
        let status = server.ask(tenant, Method::GET, &format!("/status/{session}"), None).await?;
        match status["status"].as_str() {
            Some("pending" | "running") => Ok(None),
            Some("completed") => Ok(Some(status)),
            _ => Err(format!("the honest tenant's session failed: {status}").into()),
        }
    })
    .await
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

#[expect(clippy::disallowed_methods, reason = "the bench's own switch, no setting of the server")]
fn watched() -> Duration {
    let seconds = std::env::var("ABUSE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    seconds.map_or(WATCHED, Duration::from_secs)
}
