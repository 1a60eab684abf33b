//! Measures what reading costs: how fast `GET /status/{id}` and `GET /sessions/` are answered, beside the seed server's
//! numbers, and how much memory the server takes at rest, with many sessions stored, and for each session that runs.

#![expect(clippy::print_stdout, reason = "a bench's output")]

#[path = "support/fill.rs"]
mod fill;
#[path = "support/load.rs"]
mod load;
#[path = "support/process.rs"]
mod process;
#[expect(dead_code, reason = "this bench uses a part of it")]
#[path = "support/installation.rs"]
mod support;

use innkeeper::store::Store;
use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

use load::load;
use process::{Memory, memory};
use support::{Installation, Result, Server, Tenant, eventually, percentile};

/// Sessions that run while the memory of one is measured.
const RUNNING: u16 = 10;

/// What their agents are asked: the stand-in answers it with 20 numbers a second.
const LONG_PROMPT: &str = "Please count from 1 to 1000";

/// What an agent is asked to be at work: one command after another.
const BUSY_PROMPT: &str = r#"@stand-in {"turns": 1000}"#;

/// A question, and how the seed server answered it.
struct Case {
    what: &'static str,
    tenant: Tenant,
    path: String,
    seed: Option<Seed>,
}

/// What the seed server, in Python, answered in a second, and in a second of its processor.
struct Seed {
    per_second: f64,
    per_cpu_second: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    println!("| read | requests/s | p50 ms | p99 ms | bytes | × seed | requests/CPU s | × seed |");
    println!("|---|---|---|---|---|---|---|---|");
    let installation = Installation::new("info").await?;
    let cases = filled(&installation).await?;
    let server = installation.serve().await?;
    for case in &cases {
        tell(case, &server).await?;
    }
    let stored = memory(server.pid)?;
    for case in cases {
        if let Some(case) = at_work(case, &server).await? {
            tell(&case, &server).await?;
            end(&server, &case.tenant).await?;
        }
    }
    drop(server);
    let installation = Installation::new("info").await?;
    let tenant = installation.tenant("acme").await?;
    let server = installation.serve().await?;
    let at_rest = memory(server.pid)?;
    let running = running(&installation, &server, &tenant).await?;
    println!("\n| memory of the server | RSS MiB | PSS MiB |\n|---|---|---|");
    tell_memory("at rest, an empty database", at_rest);
    tell_memory("6,003 sessions stored, all of the above read", stored);
    let sessions = f64::from(RUNNING);
    let each = Memory { rss: (running.rss - at_rest.rss) / sessions, pss: (running.pss - at_rest.pss) / sessions };
    tell_memory("each running session, more", each);
    Ok(())
}

/// Fills the database, and answers what can be asked of it.
async fn filled(installation: &Installation) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let status = [
        ("status, 10 messages", 10, Seed { per_second: 2_579.0, per_cpu_second: 2_609.0 }),
        ("status, 100 messages", 100, Seed { per_second: 1_451.0, per_cpu_second: 1_466.0 }),
        ("status, 1,000 messages", 1_000, Seed { per_second: 112.0, per_cpu_second: 111.0 }),
    ];
    for (what, messages, seed) in status {
        let tenant = installation.tenant(&format!("status-{messages}")).await?;
        let store = Store::open(&installation.database()).await?;
        let session = fill::session(&store, &tenant, messages).await?;
        store.close().await;
        cases.push(Case { what, tenant, path: format!("/status/{session}"), seed: Some(seed) });
    }
    let lists = [
        ("list, 1,000 sessions", 1_000, Seed { per_second: 27.0, per_cpu_second: 28.0 }),
        ("list, 5,000 sessions", 5_000, Seed { per_second: 3.0, per_cpu_second: 3.0 }),
    ];
    for (what, sessions, seed) in lists {
        let tenant = installation.tenant(&format!("list-{sessions}")).await?;
        let store = Store::open(&installation.database()).await?;
        for _ in 0..sessions {
            fill::session(&store, &tenant, 3).await?;
        }
        store.close().await;
        cases.push(Case { what, tenant, path: "/sessions/".to_owned(), seed: Some(seed) });
    }
    Ok(cases)
}

/// The case with an agent at work in it, which the seed server was not measured with: in the session that is asked
/// for, or in one more. `None` for cases that tell nothing new then.
async fn at_work(case: Case, server: &Server) -> Result<Option<Case>> {
    let (what, resume) = match case.what {
        "status, 1,000 messages" => ("the same, its agent at work", case.path.strip_prefix("/status/")),
        "list, 1,000 sessions" => ("the same, an agent at work", None),
        _ => return Ok(None),
    };
    let busy = json!({ "prompt": BUSY_PROMPT, "permission_mode": "bypassPermissions", "resume_session_id": resume });
    let path = format!("/status/{}", server.start(&case.tenant, &busy).await?);
    let messages = async || {
        let status = server.ask(&case.tenant, Method::GET, &path, None).await?;
        let messages = status["messages"].as_array().map_or(0, Vec::len);
        Result::Ok(messages)
    };
    let before = messages().await?;
    eventually(async || Ok((messages().await? > before + 4).then_some(()))).await?;
    Ok(Some(Case { what, seed: None, ..case }))
}

async fn tell(case: &Case, server: &Server) -> Result<()> {
    // Read whole once: what is measured is an answer, and not its beginning.
    server.ask(&case.tenant, Method::GET, &case.path, None).await?;
    let load = load(server, &case.tenant, &case.path).await?;
    let (p50, p99) = (percentile(&load.millis, 50), percentile(&load.millis, 99));
    let factor = |ours: f64, theirs: fn(&Seed) -> f64| {
        case.seed.as_ref().map_or_else(String::new, |seed| format!("{:.1}", ours / theirs(seed)))
    };
    println!(
        "| {} | {:.0} | {p50:.2} | {p99:.2} | {} | {} | {:.0} | {} |",
        case.what,
        load.per_second,
        load.bytes,
        factor(load.per_second, |seed| seed.per_second),
        load.per_cpu_second,
        factor(load.per_cpu_second, |seed| seed.per_cpu_second),
    );
    Ok(())
}

/// The server's memory while sessions run.
async fn running(installation: &Installation, server: &Server, tenant: &Tenant) -> Result<Memory> {
    let mut sessions = Vec::new();
    for _ in 0..RUNNING {
        sessions.push(server.start(tenant, &json!({ "prompt": LONG_PROMPT })).await?);
    }
    eventually(async || {
        let received = installation.stand_in.received();
        let streaming = received.iter().filter(|request| request.chunks_sent > 5 && !request.finished).count();
        Ok((streaming >= sessions.len()).then_some(()))
    })
    .await?;
    let running = memory(server.pid)?;
    end(server, tenant).await?;
    Ok(running)
}

/// Cancels the tenant's sessions, and waits until their sandboxes are gone.
async fn end(server: &Server, tenant: &Tenant) -> Result<()> {
    let list = server.ask(tenant, Method::GET, "/sessions/", None).await?;
    let running = list.as_array().into_iter().flatten().filter(|entry| entry["status"] == "running");
    for session in running.filter_map(|entry| entry["session_id"].as_str()) {
        server.ask(tenant, Method::POST, &format!("/cancel/{session}"), None).await?;
    }
    let of_tenant = format!("label=innkeeper.tenant={}", tenant.id);
    eventually(async || {
        let mut docker = Command::new("docker");
        let sandboxes = docker.args(["ps", "--all", "--quiet", "--filter", &of_tenant]).output().await?;
        Ok(sandboxes.stdout.is_empty().then_some(()))
    })
    .await
}

fn tell_memory(what: &str, memory: Memory) {
    println!("| {what} | {:.1} | {:.1} |", memory.rss, memory.pss);
}
