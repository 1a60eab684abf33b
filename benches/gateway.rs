//! Measures what the gateway adds to a call of the model, beside the same call made straight to the same stand-in: for each
//! call, and for each piece of a streamed answer; and how a tenant's calls fare while another one floods the gateway.

#![expect(clippy::print_stdout, reason = "a bench's output")]

#[path = "support/bank.rs"]
mod bank;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use innkeeper::cli::stand_in::StandIn;
use innkeeper::config::{Config, RatesConfig};
use innkeeper::domain::{Rate, Secret, SystemClock, TenantLimits, TenantRates};
use innkeeper::gateway::Gateway;
use innkeeper::lifecycle::Tasks;
use innkeeper::sandbox::{Activity, Caller, ModelSocket};
use innkeeper::telemetry::TraceContext;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};
use tokio_util::sync::CancellationToken;

use bank::{Bank, Result, percentile};

/// Calls of each sort.
const CALLS: usize = 200;

/// Pieces of a long answer.
const PIECES: u32 = 400;

/// Calls of the other tenant at the same time.
const FLOOD: usize = 32;

/// A way to the model.
struct Way {
    client: Client,
    url: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let tasks = Tasks::new();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let model = format!("http://{}", listener.local_addr()?);
    let stopping = tasks.stopping().clone();
    tasks.spawn("stand-in", async move {
        let _ = StandIn::new().serve(listener, stopping.cancelled_owned()).await;
    });
    let direct = Way { client: Client::builder().no_proxy().build()?, url: model.clone() };
    let mut config = Config::load(None)?;
    (config.gateway.upstream_url, config.gateway.api_key) = (model, Secret::new("bench"));
    let bank = Bank::open(directory.path()).await?;
    let neighbour = Bank::tenant(bank.store.clone(), "neighbour").await?;
    let gateway = Gateway::new(
        &config.gateway,
        &config.egress,
        any_rate()?,
        &config.traces,
        bank.store.clone(),
        Arc::new(SystemClock),
        tasks.clone(),
    )?;
    let (sockets, receiver) = mpsc::channel(4);
    tasks.spawn("gateway", gateway.serve(receiver));
    let quiet = open(&bank, &directory.path().join("quiet"), &sockets).await?;
    let flooding = open(&neighbour, &directory.path().join("flooding"), &sockets).await?;
    overhead(&direct, &quiet).await?;
    let flooding = Arc::new(flooding);
    println!("| a tenant's calls | p50 ms | p99 ms | × alone |");
    println!("|---|---|---|---|");
    let alone = fares("alone", &quiet, None).await?;
    flood("beside 32 endless callers of another without rates", &quiet, &flooding, alone).await?;
    let rates = TenantRates { session_messages: Some(config.rates.session_messages), ..TenantRates::default() };
    let limits = TenantLimits { rates: Some(rates), ..TenantLimits::default() };
    neighbour.store.tenants().set_limits(neighbour.tenant, &limits, &bank::by()).await?;
    flood("beside 32 endless callers of another with the default rates", &quiet, &flooding, alone).await?;
    tasks.stop().await;
    Ok(())
}

fn any_rate() -> Result<RatesConfig> {
    let any = Rate { per_minute: NonZeroU32::MAX, burst: NonZeroU32::new(1_000_000).ok_or("a number")? };
    Ok(RatesConfig { read: any, write: any, create: any, admin: any, session_messages: any, tenant_messages: any })
}

/// A sandbox's way to the model, through the gateway.
async fn open(bank: &Bank, path: &std::path::Path, sockets: &mpsc::Sender<ModelSocket>) -> Result<Way> {
    let listener = UnixListener::bind(path)?;
    let caller = Caller {
        tenant: bank.tenant,
        session: bank.session,
        turn: bank.turn,
        activity: Activity::new(),
        egress: Arc::default(),
        agent_telemetry: false,
        trace: TraceContext::default(),
        log: tracing::Span::none(),
    };
    sockets.send(ModelSocket { listener, caller, closed: CancellationToken::new() }).await?;
    let client = Client::builder().no_proxy().unix_socket(path.to_owned()).build()?;
    Ok(Way { client, url: "http://gateway".to_owned() })
}

impl Way {
    /// Makes a call and reads its answer to the end. Answers the milliseconds that took.
    async fn call(&self, body: &Value) -> Result<f64> {
        let begin = Instant::now();
        let request = self.client.post(format!("{}/v1/messages", self.url)).json(body);
        let response = request.header("x-api-key", "k").header("anthropic-version", "2023-06-01").send().await?;
        let mut pieces = response.error_for_status()?.bytes_stream();
        while let Some(piece) = pieces.next().await {
            piece?;
        }
        Ok(begin.elapsed().as_secs_f64() * 1e3)
    }
}

/// A call whose answer comes in so many pieces.
fn body(pieces: u32) -> Value {
    let script = format!("@stand-in {}", json!({"chunks": pieces, "text": "word ".repeat(pieces as usize)}));
    json!({
        "model": "claude-sonnet-5-5", "max_tokens": 8_000, "stream": true,
        "messages": [{"role": "user", "content": script}],
    })
}

async fn overhead(direct: &Way, gateway: &Way) -> Result<()> {
    println!("| call | straight p50 ms | through the gateway p50 ms | added ms | p99 ms through it |");
    println!("|---|---|---|---|---|");
    let mut added = Vec::new();
    for (what, pieces) in [("an answer of 1 piece", 1), ("an answer of 400 pieces", PIECES)] {
        let (mut straight, mut through) = (Vec::new(), Vec::new());
        for _ in 0..CALLS {
            straight.push(direct.call(&body(pieces)).await?);
            through.push(gateway.call(&body(pieces)).await?);
        }
        let (one, other) = (percentile(&mut straight, 50), percentile(&mut through, 50));
        added.push(other - one);
        println!("| {what} | {one:.2} | {other:.2} | **{:.2}** | {:.2} |", other - one, percentile(&mut through, 99));
    }
    println!("\nadded for each further piece: {:.1} µs\n", (added[1] - added[0]) * 1e3 / f64::from(PIECES - 1));
    Ok(())
}

/// How a tenant's calls fare. Answers the median in milliseconds.
async fn fares(what: &str, way: &Way, alone: Option<f64>) -> Result<f64> {
    let mut millis = Vec::new();
    for _ in 0..CALLS {
        millis.push(way.call(&body(1)).await?);
    }
    let (middle, slow) = (percentile(&mut millis, 50), percentile(&mut millis, 99));
    println!("| {what} | {middle:.2} | {slow:.2} | {:.1} |", middle / alone.unwrap_or(middle));
    Ok(middle)
}

async fn flood(what: &str, quiet: &Way, flooding: &Arc<Way>, alone: f64) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut flood = JoinSet::new();
    for _ in 0..FLOOD {
        let (way, stop) = (Arc::clone(flooding), Arc::clone(&stop));
        flood.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                // Refused calls are called again at once: the worst a sandbox can do.
                let _ = way.call(&body(1)).await;
            }
        });
    }
    // The burst it is allowed is over by then.
    sleep(Duration::from_secs(3)).await;
    fares(what, quiet, Some(alone)).await?;
    stop.store(true, Ordering::Relaxed);
    while flood.join_next().await.is_some() {}
    Ok(())
}
