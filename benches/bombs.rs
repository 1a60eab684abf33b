//! Measures what a neighbour feels while a session does its worst, beside the same neighbour in quiet, and whether the machine
//! gets back what the bomb took.
//!
//! `BOMBS=fork,memory` runs those alone. `BENCH_ROOTS=DIR` has the tenants work there, such as on a filesystem of their own.

#![expect(clippy::print_stdout, reason = "a bench's output")]

#[path = "support/bomb.rs"]
mod bomb;
#[path = "support/machine.rs"]
mod machine;
#[expect(dead_code, reason = "this bench uses a part of it")]
#[path = "support/installation.rs"]
mod support;

use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};

use bomb::{BOMBS, Bomb};
use machine::Machine;
use support::{Installation, Result, Server, Tenant, eventually, percentile};

/// Whole turns of the neighbour that are measured in each state, and in each of them so many of what a tool does.
const TURNS: usize = 5;
const TOOL_RUNS: usize = 60;

/// What the neighbour's tool does again and again: a process is started, a file of the workspace written and flushed.
/// It says the median of each in milliseconds.
const NEIGHBOUR: &str = r#"python3 -c '
import os, subprocess, time
started, written = [], []
for turn in range(RUNS):
    begin = time.monotonic(); subprocess.run(["/bin/true"]); started.append(time.monotonic() - begin)
    begin = time.monotonic(); file = os.open("kept", os.O_CREAT | os.O_WRONLY, 0o644)
    os.write(file, b"x" * 4096); os.fsync(file); os.close(file); written.append(time.monotonic() - begin)
    time.sleep(0.01)
middle = lambda values: sorted(values)[len(values) // 2] * 1000
print("measured", middle(started), middle(written))'"#;

/// What a neighbour waits for, in milliseconds.
#[derive(Clone, Copy)]
struct Felt {
    /// From the request to the end of the turn, without the tool's own run.
    turn: f64,
    /// A process of its tool.
    process: f64,
    /// A write of its tool.
    write: f64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let installation = Installation::new("innkeeper=info").await?;
    let (guest, neighbour) = (installation.tenant("guest").await?, installation.tenant("neighbour").await?);
    let server = installation.serve().await?;
    // Once, to warm what can be warm.
    felt(&server, &neighbour).await?;
    println!("| bomb | turn ms | x | process ms | x | write ms | x | came back |\n|---|---|---|---|---|---|---|---|");
    for bomb in BOMBS.iter().filter(|bomb| is_chosen(bomb.name)) {
        let before = Machine::look()?;
        let quiet = felt(&server, &neighbour).await?;
        let session = set_off(&server, &guest, bomb).await?;
        let loud = felt(&server, &neighbour).await?;
        server.ask(&guest, Method::POST, &format!("/cancel/{session}"), None).await.ok();
        let back = eventually(async || Ok(Machine::look()?.is_like(&before).then_some(()))).await;
        let row = |quiet: f64, loud: f64| format!("{quiet:.1} → {loud:.1} | **{:.2}**", loud / quiet);
        println!(
            "| {} | {} | {} | {} | {} |",
            bomb.name,
            row(quiet.turn, loud.turn),
            row(quiet.process, loud.process),
            row(quiet.write, loud.write),
            if back.is_ok() { "all" } else { "NOT ALL" },
        );
        back?;
    }
    Ok(())
}

/// Starts a session that does its worst, and answers its id once it is at it.
async fn set_off(server: &Server, guest: &Tenant, bomb: &Bomb) -> Result<String> {
    let _ = std::fs::remove_file(guest.root.join("started"));
    let command = format!("touch started; {}", bomb.command);
    let session = server.start(guest, &prompt(&command)).await?;
    eventually(async || Ok(guest.root.join("started").exists().then_some(()))).await?;
    Ok(session)
}

/// Lets the neighbour work, and answers the medians of what it waited for.
async fn felt(server: &Server, neighbour: &Tenant) -> Result<Felt> {
    let (mut turns, mut processes, mut writes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let begin = Instant::now();
        let session = server.start(neighbour, &json!({ "prompt": "Say hello" })).await?;
        finished(server, neighbour, &session).await?;
        turns.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let session = server.start(neighbour, &prompt(&NEIGHBOUR.replace("RUNS", &TOOL_RUNS.to_string()))).await?;
    let status = finished(server, neighbour, &session).await?.to_string();
    let told = status.split_once("measured ").ok_or_else(|| format!("the neighbour measured nothing: {status}"))?.1;
    let mut numbers = told.split([' ', '"', '\\']).filter_map(|word| word.parse::<f64>().ok());
    processes.push(numbers.next().ok_or("no process was measured")?);
    writes.push(numbers.next().ok_or("no write was measured")?);
    for values in [&mut turns, &mut processes, &mut writes] {
        values.sort_by(f64::total_cmp);
    }
    Ok(Felt { turn: percentile(&turns, 50), process: percentile(&processes, 50), write: percentile(&writes, 50) })
}

async fn finished(server: &Server, tenant: &Tenant, session: &str) -> Result<Value> {
    eventually(async || {
        let status = server.ask(tenant, Method::GET, &format!("/status/{session}"), None).await?;
        match status["status"].as_str() {
            Some("pending" | "running") => Ok(None),
            Some("completed") => Ok(Some(status)),
            _ => Err(format!("the neighbour's session ended badly: {status}").into()),
        }
    })
    .await
}

/// A request whose agent runs `command`.
fn prompt(command: &str) -> Value {
    let script = json!({"tools": [{"name": "Bash", "input": {"command": command, "timeout": 600_000}}]});
    json!({"prompt": format!("@stand-in {script}"), "permission_mode": "bypassPermissions"})
}

#[expect(clippy::disallowed_methods, reason = "the bench's own switch, no setting of the server")]
fn is_chosen(name: &str) -> bool {
    std::env::var("BOMBS").map_or(true, |chosen| chosen.split(',').any(|chosen| chosen == name))
}
