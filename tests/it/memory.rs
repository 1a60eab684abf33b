//! What the server keeps in memory of what tenants store: no prompt that waits, and no list that is long.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Server, Tenant};

/// Sessions that wait, each with a prompt of so many bytes.
const SESSIONS: usize = 60;
const PROMPT_BYTES: usize = 4 << 20;

/// What a server may take beyond what it takes without them. Keeping one copy of each prompt would take 240 MiB.
const MORE_MIB: u64 = 160;

/// The memory of the server's process, and the most it ever was.
fn memory_mib(server: &Server) -> (u64, u64) {
    let status = server.process_status();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// Reads a list to its end without keeping it, and returns its length.
async fn read_list(tenant: &Tenant) -> usize {
    let mut answer = tenant.request(Method::GET, "/sessions/").send().await.unwrap();
    assert!(answer.status().is_success());
    let (mut bytes, mut last) = (0, 0);
    while let Some(piece) = answer.chunk().await.unwrap() {
        bytes += piece.len();
        last = *piece.last().unwrap();
    }
    assert_eq!(last, b']', "the list is whole");
    bytes
}

#[tokio::test]
async fn long_prompts_are_not_in_memory_while_they_wait_or_are_listed() {
    let settings = [
        ("session.max_running", "0"),
        ("session.max_waiting_bytes_per_tenant", "1000000000"),
        ("rates.create.burst", "1000"),
        ("log.filter", "info"),
    ];
    let mut server = Server::start_with(&settings).await;
    let tenant = server.tenant("acme").await;
    tenant.start(&json!({"prompt": "a first one"})).await;
    let (before, _) = memory_mib(&server);
    let body = json!({"prompt": "p".repeat(PROMPT_BYTES)});
    for _ in 0..SESSIONS {
        tenant.start(&body).await;
    }
    let (after, most) = memory_mib(&server);
    assert!(after < before + MORE_MIB, "{before} MiB before, {after} MiB with the prompts, {most} MiB at most");
    for _ in 0..3 {
        assert!(read_list(&tenant).await > SESSIONS * PROMPT_BYTES);
    }
    let (_, most) = memory_mib(&server);
    assert!(most < before + MORE_MIB, "{before} MiB before, {most} MiB at most while they are listed");
    // A start takes up all that waits.
    server.kill().await;
    server.start_again().await;
    let tenant = tenant.at(&server);
    assert!(read_list(&tenant).await > SESSIONS * PROMPT_BYTES);
    let (_, most) = memory_mib(&server);
    assert!(most < before + MORE_MIB, "{before} MiB before, {most} MiB at most after another start");
}
