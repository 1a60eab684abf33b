//! What the agent leaves behind: told in full, and undone where the tenant's policy says so.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use innkeeper::domain::EventKind;
use innkeeper::store::Store;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Server, Tenant, bash, eventually};

/// What an agent does that was turned by something it read.
const EVIL: &str = "mkdir -p .git/hooks && echo evil > .git/hooks/post-commit && chmod +x .git/hooks/post-commit \
    && echo '{\"scripts\": {\"postinstall\": \"evil\"}}' > package.json && sed -i s/two/2/ notes.txt \
    && cp /bin/true tool && chmod 4755 tool";

const PACKAGE: &str = r#"{"scripts": {"test": "true"}}"#;

/// A workspace with a package and a text.
fn fill(tenant: &Tenant) {
    for (name, contents) in [("package.json", PACKAGE), ("notes.txt", "one\ntwo\n")] {
        let path = tenant.root.join(name);
        fs::write(&path, contents).unwrap();
        let _ = std::os::unix::fs::chown(path, Some(owner(tenant)), Some(owner(tenant)));
    }
}

fn owner(tenant: &Tenant) -> u32 {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata(&tenant.root).unwrap())
}

impl Tenant {
    /// What a session's turns changed, once all is known.
    async fn changes(&self, session: &str) -> Vec<Value> {
        let told = eventually(async || {
            let (status, told) = self.get(&format!("/v1/sessions/{session}/changes")).await;
            assert_eq!(status, StatusCode::OK, "{told}");
            (told["pending"] == false).then_some(told)
        });
        told.await["data"].as_array().unwrap().clone()
    }
}

fn file<'a>(turn: &'a Value, path: &str) -> &'a Value {
    let found = turn["files"].as_array().unwrap().iter().find(|file| file["path"] == path);
    found.unwrap_or_else(|| panic!("no {path} in {turn}"))
}

#[tokio::test]
async fn what_a_session_changed_is_told_and_what_would_run_later_is_told_apart() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    fill(&tenant);
    let done = tenant.run_freely(&bash(EVIL)).await;
    assert_eq!(done["status"], "completed", "{done}");
    let session = done["session_id"].as_str().unwrap();
    let turns = tenant.changes(session).await;
    let [turn] = &*turns else { panic!("{turns:?}") };
    let executables = json!([".git/hooks/post-commit", "package.json", "tool"]);
    assert_eq!(turn["changed_executables"], executables, "{turn}");
    assert_eq!(file(turn, ".git/hooks/post-commit")["class"], "git_hook");
    assert_eq!(file(turn, "package.json")["class"], "package");
    let notes = file(turn, "notes.txt");
    assert_eq!((&notes["kind"], &notes["class"]), (&json!("changed"), &Value::Null));
    assert!(notes["diff"].as_str().unwrap().ends_with(" one\n-two\n+2\n"), "{notes}");
    let tool = file(turn, "tool");
    assert_eq!((&tool["mode"], &tool["privilege_removed"]), (&json!("4755"), &json!(true)));
    assert_eq!(fs::metadata(tenant.root.join("tool")).unwrap().permissions().mode() & 0o7777, 0o755);
    assert_eq!(tenant.status(session).await["changed_executables"], executables);
    let store = Store::open(&server.data.path().join("innkeeper.db")).await.unwrap();
    let events = store.events().of_kind(tenant.id, session.parse().unwrap(), EventKind::Changes).await.unwrap();
    let event: Value = serde_json::from_str(&events[0].payload).unwrap();
    assert_eq!((events.len(), &event["changed_executables"]), (1, &executables));
    // Nobody asked for anything to be undone.
    assert_eq!(fs::read_to_string(tenant.root.join(".git/hooks/post-commit")).unwrap(), "evil\n");
    assert_eq!(tenant.get(&format!("/v1/sessions/{session}/files")).await.1, json!({"data": []}));
}

#[tokio::test]
async fn a_tenant_may_have_what_would_run_later_undone_and_kept() {
    let server = Server::start_with(&[("survey.enabled", "false")]).await;
    let tenant = server.tenant("acme").await;
    server.command(&["limits", "set", "acme", "quarantine=true"]).await;
    fill(&tenant);
    let done = tenant.run_freely(&bash(EVIL)).await;
    let session = done["session_id"].as_str().unwrap();
    tenant.changes(session).await;
    assert!(!tenant.root.join(".git/hooks/post-commit").exists());
    assert_eq!(fs::read_to_string(tenant.root.join("package.json")).unwrap(), PACKAGE);
    assert_eq!(fs::read_to_string(tenant.root.join("notes.txt")).unwrap(), "one\n2\n", "work stays");
    let files = tenant.get(&format!("/v1/sessions/{session}/files")).await.1;
    let [hook, package] = &**files["data"].as_array().unwrap() else { panic!("{files}") };
    assert_eq!(
        (&hook["path"], &hook["undone"], &hook["whole"]),
        (&json!(".git/hooks/post-commit"), &json!(true), &json!(true))
    );
    assert_eq!(package["path"], "package.json");
    let path = format!("/v1/sessions/{session}/files/{}", hook["number"]);
    let kept = tenant.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(kept.headers()["content-type"], "application/octet-stream");
    assert_eq!(kept.text().await.unwrap(), "evil\n");
    assert_eq!(tenant.get(&format!("/v1/sessions/{session}/files/9")).await.0, StatusCode::NOT_FOUND);

    let rival = server.tenant("rival").await;
    assert_eq!(rival.get(&path).await.0, StatusCode::NOT_FOUND);
    let kept = server.data.path().join("files").join(session);
    assert!(kept.exists());
    assert_eq!(tenant.delete(&format!("/sessions/{session}")).await.0, StatusCode::OK);
    assert!(!kept.exists(), "a deleted session's files stay");
}

/// A file of root's that the agent cannot read, and can move, for its directory is its own.
#[tokio::test]
async fn what_the_owner_may_not_read_is_neither_shown_nor_handed_out() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    server.command(&["limits", "set", "acme", "quarantine=true"]).await;
    for name in ["secret", "other"] {
        fs::write(tenant.root.join(name), "only root may know this\n").unwrap();
        fs::set_permissions(tenant.root.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let done = tenant.run_freely(&bash("cat secret || mv secret notes.txt; mv other .envrc; echo moved")).await;
    let session = done["session_id"].as_str().unwrap();
    let turns = tenant.changes(session).await;
    let notes = file(&turns[0], "notes.txt");
    assert_eq!((&notes["diff"], &notes["withheld"]), (&Value::Null, &json!("not readable by the workspace's owner")));
    let files = tenant.get(&format!("/v1/sessions/{session}/files")).await.1;
    let [moved] = &**files["data"].as_array().unwrap() else { panic!("{files}") };
    assert_eq!(
        (&moved["path"], &moved["size_bytes"], &moved["undone"]),
        (&json!(".envrc"), &Value::Null, &json!(true))
    );
    let path = format!("/v1/sessions/{session}/files/{}", moved["number"]);
    assert_eq!(tenant.get(&path).await.0, StatusCode::NOT_FOUND);
    let aside = tenant.root.join(moved["moved_to"].as_str().unwrap());
    let facts = fs::metadata(&aside).unwrap();
    assert_eq!((std::os::unix::fs::MetadataExt::uid(&facts), facts.permissions().mode() & 0o7777), (0, 0o600));
    assert!(!tenant.root.join(".envrc").exists());
    assert!(!serde_json::to_string(&turns).unwrap().contains("only root"));
}

/// As many files beside the bait as the survey records, and as many of a watched kind.
#[tokio::test]
async fn floods_do_not_keep_what_would_run_later_from_being_undone() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    server.command(&["limits", "set", "acme", "quarantine=true"]).await;
    let done = tenant
        .run_freely(&bash(
            "mkdir -p .git/hooks .vscode sub/.git/hooks && for bait in .git/hooks/post-commit .vscode/tasks.json .envrc \
             sub/.git/hooks/pre-push Makefile; do echo evil > $bait; done; seq 1 110000 | xargs touch; \
             seq -f %g.mk 1 100000 | xargs touch; ls | wc -l",
        ))
        .await;
    assert_eq!(done["status"], "completed", "{done}");
    let turns = tenant.changes(done["session_id"].as_str().unwrap()).await;
    let left: Vec<_> =
        [".git/hooks/post-commit", ".vscode/tasks.json", ".envrc", "sub/.git/hooks/pre-push", "Makefile"]
            .into_iter()
            .filter(|path| tenant.root.join(path).exists())
            .collect();
    assert!(left.is_empty(), "{left:?}: {}", turns[0]["incomplete"]);
    assert!(!tenant.root.join("1.mk").exists() && !tenant.root.join("100000.mk").exists());
    assert_eq!((&turns[0]["complete"], &turns[0]["shortened"]["unseen"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn what_a_crash_interrupted_is_known_after_it_and_the_next_turn_is_looked_after() {
    let mut server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let session = tenant.start(&json!({"prompt": "Please count from 1 to 1000"})).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent > 2)).await;
    let left = tenant.root.join("left.txt");
    fs::write(&left, "before the crash\n").unwrap();
    server.kill().await;
    server.start_again().await;
    let tenant = tenant.at(&server);
    let turns = tenant.changes(&session).await;
    assert!(file(&turns[0], "left.txt")["diff"].as_str().unwrap().contains("+before the crash"), "{turns:?}");
    let prompt = bash("echo hello > new.txt");
    let resumed = json!({"prompt": prompt, "permission_mode": "bypassPermissions", "resume_session_id": session});
    assert_eq!(tenant.execute(&resumed).await.0, StatusCode::OK);
    tenant.finish(&session).await;
    let turns = tenant.changes(&session).await;
    assert_eq!(turns.len(), 2);
    assert!(file(&turns[0], "new.txt")["diff"].as_str().unwrap().contains("+hello"));
    assert_eq!(tenant.get(&format!("/v1/sessions/{session}/changes?limit=1")).await.1["data"][0], turns[0]);
    for query in ["?limit=0", "?limit=x", "?limti=1"] {
        let (status, body) = tenant.get(&format!("/v1/sessions/{session}/changes{query}")).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")), "{query}");
    }
}
