//! A server that was taken over says what it likes on the spawner's socket, and gets nothing that was not granted.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Spawner;
use crate::harness::docker;
use crate::machine::sandbox_image;

fn order(root: &Path) -> Value {
    json!({
        "tenant": innkeeper::domain::TenantId::generate(),
        "session": innkeeper::domain::SessionId::generate(),
        "epoch": 1,
        "workspace": { "root": root, "relative": "" },
        "image": null,
        "runtime": null,
        "limits": {},
        "token": "t",
        "grace": { "secs": 5, "nanos": 0 },
        "has_egress": false,
    })
}

/// `order` with `value` at `pointer`.
fn with(mut order: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    order.pointer_mut(parent).unwrap()[name] = value;
    order
}

fn open(order: &Value) -> Value {
    json!({"call": "open", "order": order})
}

/// A spawner, and a tenant's root with a link in it that leads out.
async fn spawner_with_root() -> (Spawner, PathBuf) {
    let spawner = Spawner::start().await;
    let root = spawner.base.path().join("acme");
    let made = spawner.say(&json!({"call": "prepare_roots", "new": {"roots": [root], "taken": []}})).await;
    assert_eq!(made, "done");
    symlink("/etc", root.join("link")).unwrap();
    (spawner, root)
}

#[tokio::test]
async fn no_call_has_room_for_a_mount_a_user_or_a_network() {
    let (spawner, root) = spawner_with_root().await;
    for (field, value) in [
        ("privileged", json!(true)),
        ("network", json!("host")),
        ("user", json!("0:0")),
        ("mounts", json!([{"source": "/", "target": "/host"}])),
        ("env", json!({"A": "B"})),
        ("body", json!({"HostConfig": {"Privileged": true}})),
    ] {
        let refused = spawner.refuses(&open(&with(order(&root), &format!("/{field}"), value.clone()))).await;
        assert!(refused.contains("this is no call"), "{field}: {refused}");
        let refused = spawner.refuses(&open(&with(order(&root), &format!("/limits/{field}"), value))).await;
        assert!(refused.contains("this is no call"), "limits.{field}: {refused}");
    }
    for call in [json!({"call": "exec", "id": "x"}), json!({"call": "create", "body": {}}), json!({"HostConfig": {}})] {
        assert!(spawner.refuses(&call).await.contains("this is no call"));
    }
}

#[tokio::test]
async fn no_other_directory_is_opened_or_made() {
    let (spawner, root) = spawner_with_root().await;
    let base = spawner.base.path();
    let elsewhere: [PathBuf; 8] = [
        "/".into(),
        "/etc".into(),
        "/var/run".into(),
        base.to_owned(),
        base.join("../../etc"),
        base.join("acme/../../../etc"),
        root.join("link"),
        spawner.directory.path().join("state"),
    ];
    for foreign in elsewhere {
        let refused = spawner.refuses(&open(&order(&foreign))).await;
        assert!(
            ["bases", "outside", "symbolic_link"].iter().any(|word| refused.contains(word)),
            "{}: {refused}",
            foreign.display()
        );
        let new = json!({"call": "prepare_roots", "new": {"roots": [foreign], "taken": []}});
        spawner.refuses(&new).await;
    }
    for relative in ["..", "../..", "/etc", "link", "link/ssl", "../acme/../../etc"] {
        let refused = spawner.refuses(&open(&with(order(&root), "/workspace/relative", json!(relative)))).await;
        assert!(["outside", "symbolic_link"].iter().any(|word| refused.contains(word)), "{relative}: {refused}");
    }
}

#[tokio::test]
async fn no_other_image_or_runtime_is_used() {
    let (spawner, root) = spawner_with_root().await;
    for image in ["debian:bookworm-slim", "innkeeper-base:bookworm", "", "sha256:0"] {
        let refused = spawner.refuses(&open(&with(order(&root), "/image", json!(image)))).await;
        assert!(refused.contains("spawner.images"), "{image}: {refused}");
    }
    let refused = spawner.refuses(&open(&with(order(&root), "/runtime", json!("sysbox")))).await;
    assert!(refused.contains("spawner.runtimes"), "{refused}");
    assert_eq!(spawner.sandboxes().await, Vec::<String>::new());
}

#[tokio::test]
async fn no_other_container_is_touched() {
    let (spawner, _root) = spawner_with_root().await;
    let image = sandbox_image();
    let other = docker(&["create", "--network", "none", &image]).await.trim().to_owned();
    for call in ["start", "wait"] {
        let refused = spawner.refuses(&json!({"call": call, "id": other})).await;
        assert!(refused.contains("no sandbox"), "{call}: {refused}");
    }
    // A sandbox is removed by its session and number, which no other container has.
    let refused = spawner.refuses(&json!({"call": "remove", "name": other})).await;
    assert!(refused.contains("no call"), "{refused}");
    assert_eq!(docker(&["inspect", "--format", "{{.State.Status}}", &other]).await.trim(), "created");
    docker(&["rm", &other]).await;
}

#[tokio::test]
async fn what_is_given_is_confined_however_much_is_asked_for() {
    let (spawner, root) = spawner_with_root().await;
    let greedy = json!({"memory_bytes": 1_i64 << 50, "pids": 1_000_000, "cpus": 512.0});
    let order = with(order(&root), "/limits", greedy);
    let opened = spawner.say(&open(&order)).await;
    let id = opened["opened"][0].as_str().unwrap_or_else(|| panic!("{opened}")).to_owned();
    let format = "{{json .HostConfig}}";
    let host: Value = serde_json::from_str(&docker(&["inspect", "--format", format, &id]).await).unwrap();
    assert_eq!(
        (&host["Privileged"], &host["NetworkMode"], &host["CapAdd"]),
        (&json!(false), &json!("none"), &Value::Null)
    );
    assert_eq!((&host["Memory"], &host["PidsLimit"]), (&json!(2_147_483_648_i64), &json!(512)));
    assert_eq!(host["PidMode"], "");
    let sources: Vec<_> =
        host["Mounts"].as_array().unwrap().iter().filter_map(|mount| mount["Source"].as_str()).collect();
    let state = spawner.directory.path().join("state/sandboxes").display().to_string();
    assert!(sources.iter().all(|source| source.starts_with(&state)), "{sources:?}");
    let name = json!({"session": order["session"], "epoch": order["epoch"]});
    assert_eq!(spawner.say(&json!({"call": "remove", "name": name})).await, "done");
    assert_eq!(spawner.sandboxes().await, Vec::<String>::new());
}
