//! What operators do at the command line counts in the running server, and a command in the wrong directory begins nothing.

use serde_json::{Value, json};

use crate::harness::{PLAIN_PROMPT, Server, Tenant, eventually, program};

/// A prompt whose agent works until it is stopped.
const LONG: &str = "Please count from 1 to 1000";

impl Server {
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.command(arguments).await).unwrap()
    }

    /// A session whose agent is at work.
    async fn running(&self, tenant: &Tenant) -> String {
        let session = tenant.start(&json!({"prompt": LONG})).await;
        tenant.status_when(&session, |status| status["status"] == "running").await;
        session
    }

    /// The end of a session's turn, once an operator's command shows it.
    async fn end_reason(&self, session: &str) -> Value {
        eventually(async || {
            let shown = self.json(&["sessions", "show", session, "--json"]).await;
            let reason = shown["last_turns"][0]["end_reason"].clone();
            reason.is_string().then_some(reason)
        })
        .await
    }
}

#[tokio::test]
async fn a_session_is_listed_and_cancelled_at_the_command_line() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let session = server.running(&tenant).await;
    let listed = server.command(&["sessions", "list", "--status", "running"]).await;
    assert!(listed.contains(&session) && listed.contains("acme"), "{listed}");
    server.command(&["sessions", "cancel", &session]).await;
    assert_eq!(tenant.finish(&session).await["status"], "cancelled");
}

#[tokio::test]
async fn archive_and_suspend_at_the_command_line_end_what_runs() {
    let server = Server::start().await;
    let (acme, other) = (server.tenant("acme").await, server.tenant("other").await);
    let (one, two) = (server.running(&acme).await, server.running(&other).await);
    server.command(&["tenants", "archive", "acme"]).await;
    server.command(&["tenants", "suspend", "other", "--stop-running"]).await;
    assert_eq!(server.end_reason(&one).await, "cancelled");
    assert_eq!(server.end_reason(&two).await, "cancelled");
}

#[tokio::test]
async fn a_cancel_asked_while_no_server_runs_is_done_at_its_start() {
    let mut server = Server::start_with(&[("session.max_running", "1")]).await;
    let tenant = server.tenant("acme").await;
    server.running(&tenant).await;
    let waiting = tenant.start(&json!({"prompt": PLAIN_PROMPT})).await;
    server.kill().await;
    server.command(&["sessions", "cancel", &waiting]).await;
    server.start_again().await;
    assert_eq!(server.end_reason(&waiting).await, "cancelled");
}

#[tokio::test]
async fn a_correction_at_the_command_line_shows_in_the_status() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let done = tenant.run(&json!({"prompt": PLAIN_PROMPT})).await;
    let session = done["session_id"].as_str().unwrap();
    let calls = server.json(&["calls", "list", "--session", session, "--json"]).await;
    assert_eq!(calls["data"].as_array().unwrap().len(), 1, "{calls}");
    let call = calls["data"][0]["id"].as_str().unwrap();
    server.command(&["calls", "correct", call, "--cost", "12.5", "--reason", "the invoice"]).await;
    tenant.status_when(session, |status| status["total_cost_usd"] == json!(12.5)).await;
    let listed = eventually(async || {
        let (_, listed) = tenant.get("/sessions/").await;
        Some(listed).filter(|listed| listed[0]["result"]["total_cost_usd"] == json!(12.5))
    });
    listed.await;
}

#[tokio::test]
async fn a_command_without_an_installation_says_so_and_makes_none() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    for arguments in
        [&["tenants", "list"][..], &["tenants", "create", "acme", "--root", "acme"], &["usage"], &["audit"]]
    {
        let output = program(&[], &data).args(arguments).current_dir(directory.path()).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("no installation"), "{arguments:?}: {said}");
        assert!(said.contains(data.to_str().unwrap()), "{said}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{arguments:?} made something");
    }
}

#[tokio::test]
async fn the_first_calls_of_the_readme_work_as_printed() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, rest) = readme.split_once("curl http://127.0.0.1:8000/execute/").unwrap();
    let (first, rest) = rest.split_once("\n#").unwrap();
    let (_, further) = rest.split_once('\n').unwrap();
    let (further, _) = further.split_once("```").unwrap();
    let server = Server::start_with(&[("http.listen", "localhost:0")]).await;
    let tenant = server.tenant("acme").await;
    let run = async |script: String, session: &str| {
        let script =
            script.replace("http://127.0.0.1:8000", &server.url).replace("curl ", "curl -sS --fail-with-body ");
        let mut command = tokio::process::Command::new("bash");
        command.args(["-ec", &script]).env("KEY", &tenant.key).env("ID", session);
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let started = run(format!("curl http://127.0.0.1:8000/execute/{first}"), "").await;
    let started: Value = serde_json::from_str(&started).unwrap();
    let session = started["session_id"].as_str().unwrap();
    let status = run(further.lines().next().unwrap().to_owned(), session).await;
    assert!(status.contains(session), "{status}");
    tenant.finish(session).await;
    let deleting = further.lines().filter(|line| line.contains("DELETE") || line.contains("/sessions/ "));
    for line in deleting {
        run(line.to_owned(), session).await;
    }
}

#[tokio::test]
async fn a_cleanup_at_the_command_line_counts_in_the_server() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let secret = "a variable of acme 4713";
    let done = tenant.run(&json!({"prompt": PLAIN_PROMPT, "env": {"TOKEN": secret}})).await;
    let session = done["session_id"].as_str().unwrap();
    let copies = |text: &str| {
        let files = ["innkeeper.db", "innkeeper.db-wal"].map(|name| server.data.path().join(name));
        let bytes = files.iter().filter_map(|file| std::fs::read(file).ok());
        bytes.map(|bytes| bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()).sum::<usize>()
    };
    assert!(copies(PLAIN_PROMPT) > 0);
    assert_eq!(copies(secret), 0, "a variable lies in the database in clear");
    let dry = server.json(&["cleanup", "--min-ended-hours", "0", "--dry-run", "--json"]).await;
    assert_eq!((&dry["sessions"], &dry["dry_run"]), (&json!(1), &json!(true)), "{dry}");
    assert_eq!(tenant.get("/sessions/").await.1.as_array().unwrap().len(), 1);
    // It is left alone until its sandbox is gone.
    eventually(async || {
        let report = server.json(&["cleanup", "--tenant", "acme", "--min-ended-hours", "0", "--json"]).await;
        (report["sessions"] == 1).then_some(())
    })
    .await;
    eventually(async || (tenant.get(&format!("/status/{session}")).await.0 == 404).then_some(())).await;
    eventually(async || (tenant.get("/sessions/").await.1 == json!([])).then_some(())).await;
    eventually(async || (copies(PLAIN_PROMPT) == 0).then_some(())).await;
    assert_eq!(server.ledger(&tenant, session).await.len(), 1, "what was spent stays");
    let audit = server.command(&["audit"]).await;
    assert!(audit.contains("sessions.cleanup"), "{audit}");
}
