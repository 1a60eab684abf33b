//! What goes over the spawner's socket: one call a connection, as JSON with its length before it, answered the same way.
//!
//! A sandbox's two sockets follow the answer as open descriptors, so that the caller needs no access to where they lie.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

use super::{
    Comparison, Confinement, EngineId, Exit, FoundWorkspace, Labels, NewRoots, Order, SpawnerError, Swept,
    WorkspaceError, WorkspacePath, WorkspaceSize,
};
use crate::domain::{Changes, SandboxName, TenantId};

/// The largest call.
pub(super) const MAX_CALL_BYTES: u32 = 1 << 20;

/// The largest answer.
pub(super) const MAX_ANSWER_BYTES: u32 = 64 << 20;

/// The byte that the descriptors ride on.
const CARRIER: &[u8] = b"d";

/// A call. There is no other, and none takes a field that is not listed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Call {
    Describe {},
    FindImage {
        image: Option<String>,
    },
    CheckRuntime {
        name: String,
    },
    FindWorkspace {
        path: WorkspacePath,
    },
    Open {
        order: Box<Order>,
    },
    Start {
        id: EngineId,
    },
    Wait {
        id: EngineId,
    },
    FreeBytes {
        id: EngineId,
    },
    Measure {
        id: EngineId,
        most_files: u64,
    },
    Survey {
        id: EngineId,
    },
    Compare {
        tenant: TenantId,
        name: SandboxName,
        comparison: Comparison,
    },
    Forget {
        name: SandboxName,
    },
    Remove {
        name: SandboxName,
    },
    List {},
    LastDrill {},
    Sweep {
        kept: Vec<SandboxName>,
    },
    /// Held for as long as the connection is open: by one server at a time.
    Claim {},
    PrepareRoots {
        new: NewRoots,
    },
}

/// What a call came to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Description(String),
    Done,
    Image(String),
    Workspace(FoundWorkspace),
    /// Two descriptors follow: the shim's socket, and the model's.
    Opened(EngineId, Confinement),
    Exit(Exit),
    Free(u64),
    WorkspaceSize(WorkspaceSize),
    Changes(Box<Changes>),
    Sandboxes(Vec<Labels>),
    Drill(Option<serde_json::Value>),
    Swept(Swept),
    Failure(Failure),
}

/// Why a call was not done, as far as it can be told to another process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Failure {
    Workspace(WorkspaceError),
    Image(String),
    Runtime {
        name: String,
        known: Vec<String>,
    },
    Refused(String),
    /// Directories cannot be roots: the text is for the operator.
    Root(String),
    SurveyLost(String),
    Failed(String),
}

impl From<SpawnerError> for Failure {
    fn from(error: SpawnerError) -> Self {
        match error {
            SpawnerError::Workspace(why) => Self::Workspace(why),
            SpawnerError::Image(text) => Self::Image(text),
            SpawnerError::Runtime { name, known } => Self::Runtime { name, known },
            SpawnerError::Refused(text) => Self::Refused(text),
            SpawnerError::Root(text) => Self::Root(text),
            SpawnerError::SurveyLost(text) => Self::SurveyLost(text),
            SpawnerError::Failed(text) => Self::Failed(text),
            other => Self::Failed(chain(&other)),
        }
    }
}

impl From<Failure> for SpawnerError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Workspace(why) => Self::Workspace(why),
            Failure::Image(text) => Self::Image(text),
            Failure::Runtime { name, known } => Self::Runtime { name, known },
            Failure::Refused(text) => Self::Refused(text),
            Failure::Root(text) => Self::Root(text),
            Failure::SurveyLost(text) => Self::SurveyLost(text),
            Failure::Failed(text) => Self::Failed(text),
        }
    }
}

/// An error and what lies behind it, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Writes one message.
pub(super) async fn write<T: Serialize + Sync>(stream: &mut UnixStream, message: &T) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(&body).await
}

/// Reads one message of at most `most` bytes, and nothing beyond it.
pub(super) async fn read<T: DeserializeOwned>(stream: &mut UnixStream, most: u32) -> io::Result<T> {
    let length = stream.read_u32().await?;
    if length > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes, {most} allowed")));
    }
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).await?;
    Ok(serde_json::from_slice(&body)?)
}

/// Sends descriptors; the receiver has copies of its own.
pub(super) async fn send_descriptors(stream: &UnixStream, descriptors: &[OwnedFd; 2]) -> io::Result<()> {
    let borrowed = descriptors.each_ref().map(AsFd::as_fd);
    stream
        .async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&borrowed));
            Ok(sendmsg(stream, &[IoSlice::new(CARRIER)], &mut control, SendFlags::NOSIGNAL)?)
        })
        .await
        .map(drop)
}

/// Receives what [`send_descriptors`] sent.
pub(super) async fn receive_descriptors(stream: &UnixStream) -> io::Result<[OwnedFd; 2]> {
    let received: Vec<OwnedFd> = stream
        .async_io(Interest::READABLE, || {
            let mut byte = [0; 1];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
            let rights = control.drain().filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(rights) => Some(rights),
                _ => None,
            });
            Ok(rights.flatten().collect())
        })
        .await?;
    received.try_into().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the two sockets did not come"))
}
