//! The program as a process of its own: with a test's settings, another user, or bounds of the kernel.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::harness::PATIENCE;
use crate::machine::sandbox_image;

/// How the program is run.
#[derive(Clone, Copy, Default)]
pub(crate) struct Run {
    /// The user of the machine it runs as, if another one.
    pub(crate) user: Option<u32>,
    /// How many files it may have open, if that is bounded.
    pub(crate) max_open_files: Option<u32>,
    /// Bytes of the file system that holds its data, if that is one of its own.
    pub(crate) data_disk_bytes: Option<u64>,
}

/// The program with these settings, its data in `data`.
pub(crate) fn program(settings: &[(String, String)], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("INNKEEPER_DATA_DIR", data).kill_on_drop(true);
    command.env("INNKEEPER_ENGINE__IMAGE", sandbox_image());
    for (key, value) in settings {
        command.env(format!("INNKEEPER_{}", key.replace('.', "__").to_uppercase()), value);
    }
    command
}

/// A server that was started, and what it printed.
pub(crate) struct Started {
    /// Its process.
    pub(crate) process: Child,
    /// Where tenants reach it.
    pub(crate) url: String,
    /// Where operators reach it.
    pub(crate) operator_url: String,
    /// The operators' key, if this start made it.
    pub(crate) operator_key: Option<String>,
}

/// Starts the server, and waits until it listens.
pub(crate) async fn spawn(settings: &[(String, String)], data: &Path, run: Run) -> Started {
    let log = File::options().create(true).append(true).open(data.join("server.log")).unwrap();
    let mut command = program(settings, data);
    let inherited = |command: &Command| {
        let env = command.as_std().get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)));
        env.filter_map(|(name, value)| Some((name, value?))).collect::<Vec<_>>()
    };
    if let Some(user) = run.user {
        let env = inherited(&command);
        command = Command::new(data.join("innkeeper"));
        command.env_clear().envs(env).uid(user).gid(user).kill_on_drop(true);
    }
    if let Some(limit) = run.max_open_files {
        let (env, program) = (inherited(&command), command.as_std().get_program().to_owned());
        command = Command::new("prlimit");
        command.arg(format!("--nofile={limit}:{limit}")).arg(program);
        command.env_clear().envs(env).kill_on_drop(true);
    }
    let mut process = command.arg("serve").stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut operator_key = None;
    let told = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, key)) = line.split_once("operator key (shown once, keep it): ") {
                operator_key = Some(key.to_owned());
            }
            if let Some((_, rest)) = line.split_once("listens on ") {
                let (url, operators) = rest.split_once(" (operators: ").unwrap();
                return (url.to_owned(), operators.trim_end_matches(')').to_owned());
            }
        }
        panic!("the server ended: {}", std::fs::read_to_string(data.join("server.log")).unwrap());
    };
    let (url, operator_url) = timeout(PATIENCE, told).await.expect("the server does not start");
    Started { process, url, operator_url, operator_key }
}
