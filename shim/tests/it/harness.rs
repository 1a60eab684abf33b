//! A server for one real shim: a directory with the socket and the workspace, and the process.

#![expect(clippy::unwrap_used, reason = "a harness that fails should say where")]

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use bytes::Bytes;
use innkeeper_shim::contract::Contract;
use innkeeper_shim::frame::{FrameError, FrameReader, FrameWriter};
use innkeeper_shim::protocol::{
    Entry, Exited, FromShim, Hello, Line, Resources, Start, Stream, ToShim, Token, VERSION,
};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// The token every test's shim is given.
pub(crate) const TOKEN: &str = "00c0ffee";

/// What a shim needs around it, before and after it runs.
pub(crate) struct Sandbox {
    pub(crate) directory: TempDir,
    pub(crate) contract: Contract,
    listener: UnixListener,
    shim: Option<Child>,
}

/// The server's side of one connection.
pub(crate) struct Connection {
    pub(crate) hello: Hello,
    reader: FrameReader<OwnedReadHalf>,
    writer: FrameWriter<OwnedWriteHalf>,
}

/// What a server has stored.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) entries: Vec<Entry>,
}

impl Sandbox {
    /// A sandbox whose shim is not started yet, so that a test can change the contract.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("shim.sock");
        let workspace = directory.path().join("workspace");
        std::fs::create_dir(&workspace).unwrap();
        let metadata = std::fs::metadata(&workspace).unwrap();
        let contract = Contract {
            token: Token::new(TOKEN),
            epoch: 5,
            socket: socket.clone(),
            workspace,
            workspace_device: metadata.dev(),
            workspace_inode: metadata.ino(),
            grace: Duration::from_mins(1),
            egress: None,
        };
        Self { listener: UnixListener::bind(socket).unwrap(), directory, contract, shim: None }
    }

    /// A sandbox whose shim runs.
    pub(crate) fn started() -> Self {
        let mut sandbox = Self::new();
        sandbox.start();
        sandbox
    }

    /// Starts the shim with the contract as its only environment.
    pub(crate) fn start(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper-shim"));
        command.env_clear().envs(self.contract.variables());
        self.shim = Some(command.spawn().unwrap());
    }

    /// Starts the shim as the user who runs the tests, but never as root: root may look into anything.
    pub(crate) fn start_without_privileges(&mut self) {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper-shim"));
        command.env_clear().envs(self.contract.variables());
        if rustix::process::geteuid().is_root() {
            for path in [self.directory.path(), &self.contract.socket, &self.contract.workspace] {
                std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
            }
            command.uid(65_534).gid(65_534);
        }
        self.shim = Some(command.spawn().unwrap());
    }

    /// Waits for the shim and its hello, and says nothing.
    pub(crate) async fn accept(&self) -> Connection {
        let (stream, _address) = self.listener.accept().await.unwrap();
        let (read, write) = stream.into_split();
        let mut reader = FrameReader::new(read);
        let FromShim::Hello(hello) = reader.read().await.unwrap().unwrap() else {
            panic!("the first message is not a hello");
        };
        Connection { hello: *hello, reader, writer: FrameWriter::new(write) }
    }

    /// Waits for the shim and welcomes it as a server that has stored `have` entries.
    pub(crate) async fn welcome(&self, have: u64) -> Connection {
        let mut connection = self.accept().await;
        connection.send(ToShim::Welcome { version: VERSION, have }).await;
        connection
    }

    /// Waits for the shim and orders `script`, run by a shell.
    pub(crate) async fn order(&self, script: &str) -> Connection {
        let mut connection = self.welcome(0).await;
        connection.send(ToShim::Start(self.shell(script))).await;
        connection
    }

    /// The order to run `script`.
    pub(crate) fn shell(&self, script: &str) -> Start {
        Start {
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            cwd: self.contract.workspace.display().to_string(),
        }
    }

    /// A file of the workspace.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.contract.workspace.join(name)
    }

    /// Sends `signal` to the shim.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(self.shim.as_ref().unwrap());
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// The shim's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.shim.as_ref().unwrap().id()
    }

    /// Waits until the shim exits, and answers its exit code.
    pub(crate) async fn exit_code(&mut self) -> i32 {
        let mut shim = self.shim.take().unwrap();
        let status = tokio::task::spawn_blocking(move || shim.wait().unwrap()).await.unwrap();
        status.code().unwrap_or_else(|| panic!("the shim was killed by {:?}", status.signal()))
    }

    /// Whether nobody is about to connect.
    pub(crate) async fn is_left_alone(&self) -> bool {
        let quiet = Duration::from_millis(200);
        tokio::time::timeout(quiet, self.listener.accept()).await.is_err()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(shim) = &mut self.shim {
            let _gone = shim.kill();
            let _gone = shim.wait();
        }
    }
}

impl Connection {
    /// Says `message` to the shim; a shim that hung up will not hear it.
    pub(crate) async fn send(&mut self, message: ToShim) {
        let _unheard = self.writer.send(&message).await;
    }

    /// The next message, if the shim did not hang up. What its sandbox uses may be said at any time, and is passed over.
    pub(crate) async fn try_read(&mut self) -> Result<Option<FromShim>, FrameError> {
        loop {
            let message = self.reader.read().await?;
            if !matches!(message, Some(FromShim::Resources(_))) {
                return Ok(message);
            }
        }
    }

    /// The next that is said of what the sandbox uses. Other messages are passed over.
    pub(crate) async fn read_resources(&mut self) -> Resources {
        loop {
            let message = self.reader.read().await.unwrap().expect("the shim does not hang up");
            if let FromShim::Resources(resources) = message {
                return resources;
            }
        }
    }

    /// The next message.
    pub(crate) async fn read(&mut self) -> FromShim {
        self.try_read().await.unwrap().expect("the shim does not hang up")
    }

    /// The next entry, which must follow the last one stored. Other messages are passed over.
    pub(crate) async fn read_entry(&mut self, store: &mut Store) -> Entry {
        loop {
            if let FromShim::Entry { seq, entry } = self.read().await {
                assert_eq!(seq, store.have() + 1, "entries follow each other without holes");
                store.entries.push(entry.clone());
                return entry;
            }
        }
    }

    /// Stores and acknowledges entries up to the last one, and answers how the agent ended.
    pub(crate) async fn read_to_the_end(&mut self, store: &mut Store) -> Exited {
        loop {
            let entry = self.read_entry(store).await;
            self.send(ToShim::Ack { seq: store.have() }).await;
            if let Entry::Exited(exited) = entry {
                return exited;
            }
        }
    }

    /// Reads on until the shim says `wanted`.
    pub(crate) async fn read_until(&mut self, wanted: FromShim) {
        while self.read().await != wanted {}
    }

    /// Waits until the agent has written `line`, storing what comes before.
    pub(crate) async fn read_line(&mut self, store: &mut Store, line: &str) {
        loop {
            if let Entry::Line(found) = self.read_entry(store).await
                && found.bytes == line.as_bytes()
            {
                return;
            }
        }
    }
}

impl Store {
    /// The last entry stored.
    pub(crate) fn have(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The lines of `stream`.
    pub(crate) fn lines(&self, stream: Stream) -> Vec<Bytes> {
        let lines = self.entries.iter().filter_map(|entry| match entry {
            Entry::Line(line) if line.stream == stream => Some(line.bytes.clone()),
            _ => None,
        });
        lines.collect()
    }
}

/// An entry with a line of standard output.
pub(crate) fn stdout(text: &str) -> Entry {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    Entry::Line(Line { stream: Stream::Stdout, truncated: false, bytes })
}
