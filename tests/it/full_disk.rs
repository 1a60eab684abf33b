//! A data directory that is full while turns run, and then free again: what is refused, and that everything recovers.

#![expect(clippy::print_stderr, reason = "a test that cannot run here says why")]

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Server, Tenant, bash, eventually, sandboxes, tool_results};
use crate::machine::{docker, may_mount};
use crate::process::Run;

/// Room for the data of a server with a few sessions, in bytes.
const ROOM: u64 = 24 << 20;

/// Fills the server's disk to the last byte.
fn fill(server: &Server) {
    let full = vec![1; usize::try_from(ROOM).unwrap() * 2];
    assert!(std::fs::write(server.data.path().join("fill"), full).is_err(), "it was not filled");
}

async fn readiness(server: &Server) -> (StatusCode, String) {
    let answer = reqwest::get(format!("{}/readyz", server.operator_url)).await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

/// Starts sessions until one is refused. Returns those that were taken, because their rows still fitted, and the refusal.
async fn start_until_refused(tenant: &Tenant) -> (Vec<String>, StatusCode, Value) {
    let mut taken = Vec::new();
    loop {
        let (status, answer) = tenant.execute(&json!({"prompt": "word ".repeat(20_000)})).await;
        if status != StatusCode::OK {
            return (taken, status, answer);
        }
        taken.push(answer["session_id"].as_str().unwrap().to_owned());
    }
}

async fn held(server: &Server) -> String {
    let listed: Value = serde_json::from_str(&server.command(&["budgets", "list", "--json"]).await).unwrap();
    listed["data"][0]["held_usd"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn server_whose_disk_was_full_recovers_with_all_its_turns() {
    if !may_mount() {
        eprintln!("not run: no file system can be mounted here, which needs root");
        return;
    }
    let run = Run { data_disk_bytes: Some(ROOM), ..Run::default() };
    let server = Server::start_as(run, &[("session.max_running", "2"), ("log.filter", "info")]).await;
    let tenant = server.tenant("acme").await;
    server.command(&["budgets", "create", "--tenant", "acme", "--limit", "100", "--period", "total"]).await;
    let waits = |name: &str| bash(&format!("touch {name}; while [ ! -e go ]; do sleep 0.05; done; echo went"));
    let (mut running, free) = (Vec::new(), "bypassPermissions");
    for name in ["goes-on", "dies"] {
        running.push(tenant.start(&json!({"prompt": waits(name), "permission_mode": free})).await);
        eventually(async || tenant.root.join(name).exists().then_some(())).await;
    }
    let [goes_on, dies] = <[String; 2]>::try_from(running).unwrap();

    fill(&server);
    let (taken, status, refusal) = start_until_refused(&tenant).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{refusal}");
    assert!(refusal.to_string().contains("cannot use its store at present; try again in a moment"), "{refusal}");
    eventually(async || (readiness(&server).await.0 == StatusCode::SERVICE_UNAVAILABLE).then_some(())).await;
    assert_eq!(readiness(&server).await.1, "the store cannot be written: the disk is full");
    // A turn ends now. Its end cannot be stored, nor can what the other turn does.
    docker(&["kill", &sandboxes(&dies).await[0]]).await;
    eventually(async || sandboxes(&dies).await.is_empty().then_some(())).await;
    assert_eq!(tenant.status(&dies).await["status"], "running");
    assert_eq!(tenant.get("/sessions/").await.1.as_array().unwrap().len(), 2 + taken.len());

    std::fs::remove_file(server.data.path().join("fill")).unwrap();
    let error = tenant.finish(&dies).await["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("The sandbox ended before the agent answered"), "{error}");
    std::fs::write(tenant.root.join("go"), "").unwrap();
    let status = tenant.finish(&goes_on).await;
    assert_eq!((status["status"].as_str(), tool_results(&status)), (Some("completed"), vec!["went".to_owned()]));
    for session in &taken {
        assert_eq!(tenant.finish(session).await["status"], "completed", "what was taken was lost");
    }
    assert_eq!(tenant.run(&json!({"prompt": "Say hello"})).await["status"], "completed");
    eventually(async || (readiness(&server).await == (StatusCode::OK, "ok".to_owned())).then_some(())).await;
    assert_eq!(tenant.get("/sessions/").await.1.as_array().unwrap().len(), 3 + taken.len());
    eventually(async || (held(&server).await == "0").then_some(())).await;
    for session in taken.iter().chain([&goes_on, &dies]) {
        let ledger = server.ledger(&tenant, session).await;
        assert!(ledger.iter().all(|entry| entry.status != "open"), "{ledger:?}");
    }
}
