//! What keeps the server from starting, and what it says then.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::harness::docker;
use crate::machine::sandbox_image;

/// Starts a server that cannot start, and answers its last words.
async fn last_words(settings: &[(&str, &str)], arguments: &[&str]) -> String {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("INNKEEPER_DATA_DIR", data.path());
    command.env("INNKEEPER_HTTP__LISTEN", "127.0.0.1:0").env("INNKEEPER_HTTP__OPERATOR_LISTEN", "127.0.0.1:0");
    for (name, value) in settings {
        command.env(name, value);
    }
    let output = command.args(arguments).arg("serve").kill_on_drop(true).output().await.unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn an_unknown_setting_is_refused_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("settings.toml");
    std::fs::write(&file, "[http]\nlissten = \"127.0.0.1:1\"\n").unwrap();
    let said = last_words(&[], &["--config", file.to_str().unwrap()]).await;
    assert!(said.contains("lissten"), "{said}");
    let said = last_words(&[("INNKEEPER_SESSION__MAX_RUNING", "1")], &[]).await;
    assert!(said.contains("max_runing"), "{said}");
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_named() {
    let said = last_words(&[("INNKEEPER_ENGINE__ENDPOINT", "unix:///nowhere.sock")], &[]).await;
    assert!(said.contains("`unix:///nowhere.sock`") && said.contains("check that it runs"), "{said}");
}

#[tokio::test]
async fn an_image_that_is_missing_or_speaks_another_protocol_is_told_with_the_way_to_mend_it() {
    let said = last_words(&[("INNKEEPER_ENGINE__IMAGE", "innkeeper-nothing:1")], &[]).await;
    assert!(said.contains("`innkeeper-nothing:1` is missing") && said.contains("make image"), "{said}");

    let tag = "innkeeper-test-other-protocol";
    let mut build = Command::new("docker")
        .args(["build", "--quiet", "--tag", tag, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let file = b"FROM innkeeper-sandbox:latest\nLABEL innkeeper.shim-protocol=99\n";
    build.stdin.take().unwrap().write_all(file).await.unwrap();
    assert!(build.wait().await.unwrap().success());
    let said = last_words(&[("INNKEEPER_ENGINE__IMAGE", tag)], &[]).await;
    assert!(said.contains("speaks protocol 99") && said.contains("make image"), "{said}");
    docker(&["rmi", "--force", tag]).await;
}

#[tokio::test]
async fn a_runtime_the_engine_does_not_have_is_told_with_those_it_has() {
    let image = sandbox_image();
    let settings = [("INNKEEPER_ENGINE__IMAGE", image.as_str()), ("INNKEEPER_ENGINE__RUNTIME", "no-such-runtime")];
    let said = last_words(&settings, &[]).await;
    assert!(said.contains("engine.runtime") && said.contains("`no-such-runtime`") && said.contains("runc"), "{said}");
}
