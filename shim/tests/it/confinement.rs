//! What a sandbox is checked for, and what it does not show to its agent.

use innkeeper_shim::protocol::{FaultKind, FromShim, Stream, ToShim};

use crate::harness::{Sandbox, Store, TOKEN};

#[tokio::test]
async fn another_directory_than_the_server_opened_stops_everything() {
    let mut sandbox = Sandbox::new();
    sandbox.contract.workspace_inode += 1;
    sandbox.start();
    let mut connection = sandbox.order("touch started").await;
    let FromShim::Fault(fault) = connection.read().await else { panic!("not a fault") };
    assert_eq!(fault.kind, FaultKind::WorkspaceMismatch);
    drop(connection);
    assert_eq!(sandbox.exit_code().await, 97);
    assert!(!sandbox.file("started").exists());
    assert!(sandbox.is_left_alone().await);
}

#[tokio::test]
async fn a_workspace_that_is_not_there_stops_everything() {
    let mut sandbox = Sandbox::new();
    std::fs::remove_dir(&sandbox.contract.workspace).unwrap();
    sandbox.start();
    let mut connection = sandbox.welcome(0).await;
    let FromShim::Fault(fault) = connection.read().await else { panic!("not a fault") };
    assert_eq!(fault.kind, FaultKind::WorkspaceMismatch);
}

#[tokio::test]
async fn a_fault_nobody_hears_ends_the_sandbox_all_the_same() {
    let mut sandbox = Sandbox::new();
    sandbox.contract.workspace_inode += 1;
    sandbox.contract.socket = sandbox.file("no.sock");
    sandbox.start();
    assert_eq!(sandbox.exit_code().await, 97);
}

#[tokio::test]
async fn a_server_of_another_version_is_a_fault() {
    let mut sandbox = Sandbox::started();
    let mut connection = sandbox.accept().await;
    connection.send(ToShim::Welcome { version: u32::MAX, have: 0 }).await;
    let FromShim::Fault(fault) = connection.read().await else { panic!("not a fault") };
    assert_eq!(fault.kind, FaultKind::VersionMismatch);
    drop(connection);
    assert_eq!(sandbox.exit_code().await, 97);
}

#[tokio::test]
async fn the_agent_has_no_other_environment_than_the_ordered_one() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.welcome(0).await;
    let mut start = sandbox.shell("");
    start.argv = vec!["env".to_owned()];
    start.env.insert("HOME".to_owned(), "/home/agent".to_owned());
    connection.send(ToShim::Start(start)).await;
    let mut store = Store::default();
    connection.read_to_the_end(&mut store).await;
    assert_eq!(store.lines(Stream::Stdout), ["HOME=/home/agent", "PATH=/usr/bin:/bin"]);
}

#[tokio::test]
async fn the_agent_cannot_look_into_the_shim() {
    let mut sandbox = Sandbox::new();
    sandbox.start_without_privileges();
    let script = "cat /proc/$PPID/environ; cat /proc/$PPID/mem; ls /proc/$PPID/fd";
    let mut connection = sandbox.order(script).await;
    assert!(!connection.hello.posture.dumpable);
    let mut store = Store::default();
    connection.read_to_the_end(&mut store).await;
    assert!(store.lines(Stream::Stdout).is_empty());
    let refusals = store.lines(Stream::Stderr);
    assert_eq!(refusals.len(), 3);
    for refusal in &refusals {
        assert!(refusal.ends_with(b"Permission denied"), "{refusal:?}");
        assert!(!refusal.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()));
    }
}

#[tokio::test]
async fn the_posture_is_what_the_kernel_says() {
    let sandbox = Sandbox::started();
    let posture = sandbox.accept().await.hello.posture;
    assert_eq!(posture.uid, rustix::process::geteuid().as_raw());
    assert_eq!(posture.workspace_device, sandbox.contract.workspace_device);
    assert!(posture.interfaces.iter().any(|name| name == "lo"));
    assert!(posture.find_mount("/proc").is_some_and(|mount| mount.fstype == "proc"));
}
