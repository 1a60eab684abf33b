//! What tests ask of the machine beside the server: its Docker, and programs for other users.

use std::path::Path;

use tokio::process::Command;

/// The image sandboxes are made from. The same variable names it to `scripts/image.sh`.
#[expect(clippy::disallowed_methods, reason = "a test has no settings")]
pub(crate) fn sandbox_image() -> String {
    std::env::var("SANDBOX_IMAGE").unwrap_or_else(|_| "innkeeper-sandbox:latest".to_owned())
}

/// The names of this server's sandboxes that Docker knows, by session.
pub(crate) async fn sandboxes(session: &str) -> Vec<String> {
    let filter = format!("label=innkeeper.session={session}");
    let arguments = ["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter];
    let output = Command::new("docker").args(arguments).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Removes every sandbox of an installation, whatever state a test left it in.
pub(crate) fn remove_sandboxes(installation: &str) {
    let filter = format!("label=innkeeper.installation={installation}");
    let run = |arguments: &[&str]| std::process::Command::new("docker").args(arguments).output();
    let listed = run(&["ps", "--all", "--quiet", "--filter", &filter]);
    let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    for sandbox in listed.lines() {
        let _ = run(&["rm", "--force", "--volumes", sandbox]);
    }
}

/// Runs `docker` and answers what it tells.
pub(crate) async fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().await.unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Copies the program to where another user can reach it. By another process: what this one had open for writing, a child
/// that a test beside starts would hold for a moment, and the kernel runs no program that somebody writes.
pub(crate) fn copy_program(to: &Path) {
    let copied = std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_innkeeper")).arg(to).status().unwrap();
    assert!(copied.success());
}

/// Whether this process may mount file systems.
pub(crate) fn may_mount() -> bool {
    let directory = tempfile::tempdir().unwrap();
    let mounted = mount(directory.path(), 1 << 20);
    if mounted {
        unmount_disk(directory.path());
    }
    mounted
}

/// Mounts a file system of `bytes` at `path`.
pub(crate) fn mount_disk(path: &Path, bytes: u64) {
    assert!(mount(path, bytes), "no file system can be mounted at {}", path.display());
}

fn mount(path: &Path, bytes: u64) -> bool {
    let size = format!("size={bytes},mode=0755");
    let mount = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).output();
    mount.is_ok_and(|output| output.status.success())
}

/// Unmounts what [`mount_disk`] mounted.
pub(crate) fn unmount_disk(path: &Path) {
    let _ = std::process::Command::new("umount").arg("--lazy").arg(path).status();
}
