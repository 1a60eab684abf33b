//! The server and its spawner in containers: an image that is built here, a session that works, and who holds what.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::{compose, repository};
use crate::harness::{docker, eventually};
use crate::machine::sandbox_image;

/// The image that is built from this build's program, made anew when the program is.
const IMAGE: &str = "innkeeper-test-server:latest";

/// What Compose started, gone with everything it made when dropped.
struct Stack {
    project: String,
    /// The workspaces, the spawner's directory, and what is laid over the files.
    machine: TempDir,
}

impl Stack {
    fn start() -> Self {
        let machine = tempfile::tempdir().unwrap();
        std::fs::set_permissions(machine.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let quiet = "services: {spawner: {environment: {INNKEEPER_DRILL__AT_START: 'false'}}}\n";
        std::fs::write(machine.path().join("test.yaml"), quiet).unwrap();
        let stack = Self { project: format!("innkeeper-test-{}", Uuid::new_v4().simple()), machine };
        stack.run(&["up", "--detach", "spawner", "innkeeper", "stand-in"]);
        stack
    }

    fn at(&self, name: &str) -> String {
        self.machine.path().join(name).display().to_string()
    }

    fn command(&self) -> Command {
        let mut command = compose().unwrap();
        let laid_over = self.at("test.yaml");
        command.current_dir(repository()).args(["--project-name", &self.project]);
        for file in ["docker/compose.yaml", "docker/compose.stand-in.yaml", &laid_over] {
            command.args(["--file", file]);
        }
        let settings = [("ANTHROPIC_API_KEY", "none"), ("GRAFANA_PASSWORD", "none"), ("SERVER_IMAGE", IMAGE)];
        command.envs(settings).env("SANDBOX_IMAGE", sandbox_image());
        command.env("WORKSPACES_DIR", self.at("workspaces")).env("SPAWNER_DIR", self.at("spawner"));
        command.env("PUBLIC_PORT", "0").env("OPERATOR_PORT", "0");
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        told(&self.command().args(arguments).output().unwrap(), arguments)
    }

    /// Runs the program in the server's container, as an operator does.
    fn innkeeper(&self, arguments: &[&str]) -> String {
        self.run(&[&["exec", "-T", "innkeeper", "innkeeper"], arguments].concat())
    }

    /// What Docker says of a service's container.
    async fn inspect(&self, service: &str) -> Value {
        let id = self.run(&["ps", "--quiet", service]);
        let told = docker(&["inspect", id.trim()]).await;
        serde_json::from_str::<Value>(&told).unwrap()[0].take()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = self.command().args(["down", "--volumes", "--timeout", "10"]).output();
    }
}

fn told(output: &Output, what: &[&str]) -> String {
    assert!(output.status.success(), "{what:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn build_image() {
    let mut command = Command::new("scripts/server-image.sh");
    command.current_dir(repository()).env("SERVER_IMAGE", IMAGE).env("SERVER_BINARY", env!("CARGO_BIN_EXE_innkeeper"));
    told(&command.output().unwrap(), &["scripts/server-image.sh"]);
}

#[tokio::test]
async fn a_session_runs_where_compose_has_started_the_server_and_its_spawner() {
    build_image();
    if compose().is_none() || !rustix::process::geteuid().is_root() {
        return;
    }
    let stack = Stack::start();
    let server = eventually(async || {
        Some(stack.inspect("innkeeper").await).filter(|server| server["State"]["Health"]["Status"] == "healthy")
    })
    .await;
    let port = server["NetworkSettings"]["Ports"]["8000/tcp"][0].clone();
    assert_eq!(port["HostIp"], "127.0.0.1");
    assert_eq!(server["Config"]["User"], "990:990");

    let root = stack.at("workspaces/acme");
    stack.innkeeper(&["tenants", "create", "acme", "--root", &root]);
    let key = stack.innkeeper(&["keys", "create", "--tenant", "acme"]);
    let url = format!("http://127.0.0.1:{}", port["HostPort"].as_str().unwrap());
    let mut client = tokio::process::Command::new(env!("CARGO_BIN_EXE_innkeeper"));
    client.env_clear().args(["run", "--url", &url, "--key", key.trim(), "--permission-mode", "bypassPermissions"]);
    let ran = client.arg("Create hello.py that prints a greeting, run it, and read it back.").output().await.unwrap();
    let said = told(&ran, &["run"]);
    assert!(said.contains("Hello from a scripted answer."), "{said}");
    assert!(Path::new(&root).join("hello.py").exists(), "the workspace is another than the machine's");

    let spawner = stack.inspect("spawner").await;
    let has_docker = |container: &Value| container["Mounts"].to_string().contains("docker.sock");
    assert!(has_docker(&spawner) && !has_docker(&server));
    assert_eq!(spawner["HostConfig"]["NetworkMode"], "none");
    stack.run(&["stop", "innkeeper", "spawner"]);
    assert_eq!(stack.inspect("innkeeper").await["State"]["ExitCode"], 0, "it did not end by itself");
}
