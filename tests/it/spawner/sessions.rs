//! What works through a spawner, and who may speak with it.

use std::os::unix::fs::MetadataExt;

use reqwest::StatusCode;
use rustix::process::geteuid;
use serde_json::json;
use tokio::process::Command;

use super::{SERVER_USER, Spawner, server_user};
use crate::harness::{bash, eventually, make_installation, program, tool_results};
use crate::machine::copy_program;

#[tokio::test]
async fn a_server_without_the_engine_runs_sessions_and_owns_nothing_of_the_machine() {
    let spawner = Spawner::start().await;
    let server = spawner.server().await;
    let root = spawner.base.path().join("acme");
    let (id, key) = server.tenant_at("acme", &root).await;
    let tenant = server.tenant_with(id, key, root.clone());
    let status = tenant.run_freely(&bash("id -u; echo made > made; cat made")).await;
    assert_eq!(status["status"], "completed", "{status}");
    let owner = root.metadata().unwrap().uid();
    assert_eq!(tool_results(&status), [format!("{owner}\nmade")]);
    assert_eq!(root.join("made").metadata().unwrap().uid(), owner);
    if let Some(user) = server_user() {
        let process = server.process_status();
        assert!(process.contains(&format!("Uid:\t{user}\t{user}\t{user}\t{user}\n")), "{process}");
        assert!(process.contains("CapEff:\t0000000000000000"), "{process}");
        let asked = Command::new("docker").arg("info").uid(user).gid(user).output().await.unwrap();
        assert!(!asked.status.success(), "the server's user reaches Docker by itself");
        assert!(owner >= 20_000, "the root belongs to user {owner}");
    }
    assert!(server.log().contains("split: the spawner holds the engine"), "{}", server.log());
    eventually(async || spawner.sandboxes().await.is_empty().then_some(())).await;
}

#[tokio::test]
async fn nobody_but_the_servers_user_speaks_with_the_spawner() {
    let spawner = Spawner::start().await;
    if !geteuid().is_root() {
        // Only root can be somebody else; the socket's mode says the rest.
        assert_eq!(spawner.socket().metadata().unwrap().mode() & 0o777, 0o600);
        return;
    }
    let stranger = SERVER_USER + 1;
    let ask = async |user: u32| {
        let binary = spawner.directory.path().join("innkeeper");
        if !binary.exists() {
            copy_program(&binary);
        }
        let data = tempfile::tempdir_in(spawner.directory.path()).unwrap();
        make_installation(data.path()).await;
        let files = std::fs::read_dir(data.path()).unwrap().map(|file| file.unwrap().path());
        for path in files.chain([data.path().to_owned()]) {
            std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
        }
        let mut command = Command::new(binary);
        let root = spawner.base.path().join(format!("of-{user}"));
        command.args(["tenants", "create", "acme", "--root"]).arg(root).uid(user).gid(user);
        command.env_clear().env("INNKEEPER_DATA_DIR", data.path()).env("INNKEEPER_SPAWNER__SOCKET", spawner.socket());
        (command.output().await.unwrap(), data)
    };
    let (client, _data) = ask(SERVER_USER).await;
    assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));
    let (other, _data) = ask(stranger).await;
    let text = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(!other.status.success() && text.contains("the spawner does not answer at"), "{text}");
    assert!(!spawner.base.path().join(format!("of-{stranger}")).exists());
}

#[tokio::test]
async fn a_spawner_that_left_a_hole_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).display().to_string();
    let says = async |bases: Option<&str>| {
        let mut settings = vec![("spawner.socket", at("s.sock")), ("spawner.state_dir", at("state"))];
        settings.extend(bases.map(|bases| ("spawner.bases", bases.to_owned())));
        let settings: Vec<_> = settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let output = program(&settings, &directory.path().join("unused")).arg("spawner").output().await.unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(says(None).await.contains("spawner.bases"));
    for base in ["/", "/etc", "/var/run", "/var/lib/docker/volumes", &at("state")] {
        let text = says(Some(base)).await;
        assert!(text.contains("cannot be a root"), "{base}: {text}");
    }
}

#[tokio::test]
async fn a_session_of_a_server_whose_spawner_is_gone_is_refused_with_the_reason() {
    let mut spawner = Spawner::start().await;
    let server = spawner.server().await;
    let root = spawner.base.path().join("acme");
    let (id, key) = server.tenant_at("acme", &root).await;
    let tenant = server.tenant_with(id, key, root);
    spawner.process.kill().await.unwrap();
    let (status, answer) = tenant.execute(&json!({"prompt": "Say hello"})).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert!(server.log().contains("the spawner does not answer at"), "{}", server.log());
}

#[tokio::test]
async fn a_session_whose_spawner_crashed_ends_with_the_reason_and_the_next_one_works() {
    let mut spawner = Spawner::start().await;
    let server = spawner.server().await;
    let root = spawner.base.path().join("acme");
    let (id, key) = server.tenant_at("acme", &root).await;
    let tenant = server.tenant_with(id, key, root.clone());
    let endless = bash("touch began; sleep 600");
    let session = tenant.start(&json!({"prompt": endless, "permission_mode": "bypassPermissions"})).await;
    eventually(async || root.join("began").exists().then_some(())).await;
    spawner.crash().await;
    let status = tenant.finish(&session).await;
    assert_eq!(status["error"], "The sandbox ended before the agent answered", "{status}");
    assert_eq!(tenant.run_freely("Say hello").await["status"], "completed");
}

#[tokio::test]
async fn the_drill_is_held_where_the_engine_is_and_told_where_metrics_are_read() {
    let spawner = Spawner::start_with(&[]).await;
    let server = spawner.server().await;
    let metrics = eventually(async || {
        let told = reqwest::get(format!("{}/metrics", server.operator_url)).await.unwrap().text().await.unwrap();
        told.contains("innkeeper_drill_last_run_timestamp_seconds").then_some(told)
    })
    .await;
    let probes: Vec<_> = metrics.lines().filter(|line| line.starts_with("innkeeper_drill_probe_passed{")).collect();
    assert!(probes.len() > 30, "{metrics}");
    assert!(probes.iter().all(|line| line.ends_with(" 1")), "{probes:#?}");
    assert!(server.log().contains("the spawner's drill is over: every probe held"), "{}", server.log());
}

#[tokio::test]
async fn spawner_serves_one_server_and_its_socket_one_spawner() {
    let spawner = Spawner::start().await;
    let server = spawner.server().await;
    let root = spawner.base.path().join("acme");
    let (id, key) = server.tenant_at("acme", &root).await;
    let tenant = server.tenant_with(id, key, root.clone());
    let prompt = bash("touch began; while [ ! -e go ]; do sleep 0.05; done; echo went");
    let session = tenant.start(&json!({"prompt": prompt, "permission_mode": "bypassPermissions"})).await;
    eventually(async || root.join("began").exists().then_some(())).await;

    let said = spawner.second(&[]).await;
    assert!(said.contains("is in use by another innkeeper (process "), "{said}");
    let other = spawner.directory.path().join("other.sock").display().to_string();
    let said = spawner.second(&[("spawner.socket", &other)]).await;
    assert!(said.contains("`spawner.state_dir`"), "{said}");
    let data = tempfile::tempdir().unwrap();
    let mut second = server.program();
    let said = second.env("INNKEEPER_DATA_DIR", data.path()).arg("serve").output().await.unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("another server uses this spawner"), "{said}");

    assert_eq!(spawner.sandboxes().await.len(), 1, "the sandbox was removed");
    std::fs::write(root.join("go"), "").unwrap();
    assert_eq!(tenant.finish(&session).await["status"], "completed");
}
