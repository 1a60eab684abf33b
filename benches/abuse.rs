//! Measures an honest tenant's latency while another tenant attacks the server, and the same latency without attacks.
//!
//! The server has 2 GiB of memory and 1,024 descriptors. `ABUSE_SECONDS=60` makes each half that long; the default is the
//! ten minutes that stand for a day.

#![expect(clippy::print_stdout, reason = "a bench's output")]

#[path = "../tests/it/abuse/attacks.rs"]
mod attacks;
#[path = "support/bounds.rs"]
mod bounds;
#[expect(dead_code, reason = "this bench uses a part of it")]
#[path = "support/process.rs"]
mod process;
#[expect(dead_code, reason = "this bench uses a part of it")]
#[path = "support/installation.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use attacks::{ATTACKS, Target};
use bounds::Bounds;
use support::{Installation, Result, Server, Tenant, eventually, percentile};

/// How long the honest tenant is watched, in quiet and during the abuse.
const WATCHED: Duration = Duration::from_mins(10);

/// Descriptors and bytes of memory of the server.
const MAX_OPEN_FILES: u64 = 1_024;
const MAX_MEMORY_BYTES: u64 = 2 << 30;

/// Milliseconds that the honest tenant waited, for each of what it does.
#[derive(Default)]
struct Waited {
    read: Vec<f64>,
    call: Vec<f64>,
    turn: Vec<f64>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let installation = Installation::new("innkeeper=warn").await?;
    let (honest, hostile) = (installation.tenant("honest").await?, installation.tenant("hostile").await?);
    let server = installation.serve().await?;
    let bounds = Bounds::set(server.pid, MAX_MEMORY_BYTES, MAX_OPEN_FILES)?;
    let (honest_socket, hostile_socket) =
        (model_socket(&installation, &server, &honest).await?, model_socket(&installation, &server, &hostile).await?);
    let honest_model = Client::builder().no_proxy().unix_socket(honest_socket).build()?;
    let quiet = watch(&server, &honest, &honest_model).await?;
    let target = Target {
        public: server.address.clone(),
        operator: server.operator_address.clone(),
        key: hostile.key.clone(),
        root: hostile.root.clone(),
        model_socket: hostile_socket,
        http: Client::builder().no_proxy().pool_max_idle_per_host(0).build()?,
    };
    let attacks = attacks::begin(&Arc::new(target));
    let loud = watch(&server, &honest, &honest_model).await?;
    drop(attacks);
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
    println!(
        "\n{} attacks at once; peak memory of the server {:.0} MiB of {}",
        ATTACKS.len(),
        bounds.peak_mib()?,
        MAX_MEMORY_BYTES >> 20
    );
    Ok(())
}

/// Starts a session that goes on, and returns the socket on which its sandbox reaches the model.
async fn model_socket(installation: &Installation, server: &Server, tenant: &Tenant) -> Result<std::path::PathBuf> {
    let counting = json!({"prompt": "Please count from 1 to 1000000", "model": "claude-haiku-4-5"});
    let session = server.start(tenant, &counting).await?;
    let socket = installation.sandbox_file(&session, "sockets/model.sock");
    eventually(async || Ok(socket.exists().then_some(()))).await?;
    Ok(socket)
}

/// Lets the honest tenant work, and returns what it waited for, sorted. Anything that fails ends the bench.
async fn watch(server: &Server, tenant: &Tenant, model: &Client) -> Result<Waited> {
    let (mut waited, begin) = (Waited::default(), Instant::now());
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
    Ok(waited)
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
