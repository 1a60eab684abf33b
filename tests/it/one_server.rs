//! A server that is started twice, or from a copy of its data, leaves alone what is alive.

use std::net::TcpListener;
use std::process::{Output, Stdio};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::harness::{Server, Tenant, bash, eventually, sandboxes};

/// A tenant's session whose tool waits for the file `go`.
async fn waiting_session(tenant: &Tenant) -> String {
    let prompt = bash("touch began; while [ ! -e go ]; do sleep 0.05; done; echo went");
    let session = tenant.start(&json!({"prompt": prompt, "permission_mode": "bypassPermissions"})).await;
    eventually(async || tenant.root.join("began").exists().then_some(())).await;
    session
}

async fn goes_on(tenant: &Tenant, session: &str) {
    assert_eq!(sandboxes(session).await.len(), 1, "its sandbox was removed");
    assert_eq!(tenant.status(session).await["status"], "running");
    std::fs::write(tenant.root.join("go"), "").unwrap();
    assert_eq!(tenant.finish(session).await["status"], "completed");
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn second_server_is_refused_before_it_touches_anything() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let session = waiting_session(&tenant).await;
    let said = refused(&server.program().arg("serve").output().await.unwrap());
    assert!(said.contains("is in use by another innkeeper (process ") && said.contains("`data_dir`"), "{said}");
    server.command(&["tenants", "list"]).await;
    goes_on(&tenant, &session).await;
}

#[tokio::test]
async fn server_whose_port_is_taken_ends_no_turn() {
    let mut server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let session = waiting_session(&tenant).await;
    server.kill().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    for setting in ["INNKEEPER_HTTP__LISTEN", "INNKEEPER_HTTP__OPERATOR_LISTEN"] {
        let mut program = server.program();
        program.env(setting, taken.local_addr().unwrap().to_string());
        let said = refused(&program.arg("serve").output().await.unwrap());
        assert!(said.contains("cannot listen on"), "{said}");
        assert_eq!(sandboxes(&session).await.len(), 1, "its sandbox was removed");
    }
    server.start_again().await;
    assert_eq!(tenant.at(&server).status(&session).await["status"], "error");
}

#[tokio::test]
async fn copy_of_the_data_leaves_the_originals_sandboxes_alone() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let session = waiting_session(&tenant).await;
    let data = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-a").arg(server.data.path().join(".")).arg(data.path()).status().await;
    assert!(copied.unwrap().success());
    let mut program = server.program();
    program.env("INNKEEPER_DATA_DIR", data.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut copy = program.arg("serve").spawn().unwrap();
    let mut lines = BufReader::new(copy.stdout.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().unwrap().contains("listens on"));
    copy.start_kill().unwrap();
    let log = String::from_utf8_lossy(&copy.wait_with_output().await.unwrap().stderr).into_owned();
    assert!(log.contains("is an installation of its own now"), "{log}");
    goes_on(&tenant, &session).await;
}
