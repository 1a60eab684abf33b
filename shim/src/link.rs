//! The link: keeps a connection to the server and speaks the protocol on it.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use innkeeper_shim::frame::{FrameError, FrameReader, FrameWriter};
use innkeeper_shim::protocol::{Fault, FaultKind, FromShim, Hello, ToShim, VERSION};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

use crate::agent;
use crate::desk::Desk;
use crate::files;
use crate::inbox::{Input, InputRefused};
use crate::journal::NotInJournal;

/// How long to wait before connecting again.
const RETRY: Duration = Duration::from_millis(50);

/// Why a conversation ended.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("the messages cannot be read or written")]
    Frame(#[from] FrameError),
    #[error("the server hung up")]
    HungUp,
    #[error("the server came back with version {0}")]
    Version(u32),
    #[error("the server did not begin with a welcome, or said it twice")]
    Welcome,
    #[error("the server is out of step")]
    Entry(#[from] NotInJournal),
    #[error("the server is out of step")]
    Input(#[from] InputRefused),
}

/// How far the server was told, on one connection.
#[derive(Debug)]
struct Told {
    entry: u64,
    input: u64,
    input_closed: bool,
}

/// Connects to `socket` again and again. Ends only when a fault was told and the server hung up.
pub(crate) async fn keep(desk: &Desk, socket: &Path, hello: impl Fn() -> Hello) {
    loop {
        if let Ok(stream) = UnixStream::connect(socket).await {
            let fault_told = converse(desk, stream, hello()).await;
            desk.set_connected(false);
            if fault_told.is_ok() {
                return;
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Speaks on one connection until it breaks, or until a fault was told and the server hung up.
async fn converse(desk: &Desk, stream: UnixStream, hello: Hello) -> Result<(), LinkError> {
    let (read, write) = stream.into_split();
    let (mut reader, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
    writer.send(&FromShim::Hello(Box::new(hello))).await?;
    let have = welcome(desk, &mut reader).await?;
    desk.set_connected(true);
    tokio::select! {
        broken = listen(desk, &mut reader) => match broken? {},
        fault_told = tell(desk, &mut writer, have) => fault_told?,
    }
    while let Ok(Some(_)) = reader.read::<ToShim>().await {}
    Ok(())
}

/// Waits for the welcome and answers the last entry the server has.
async fn welcome<R: AsyncRead + Unpin>(desk: &Desk, reader: &mut FrameReader<R>) -> Result<u64, LinkError> {
    match reader.read().await?.ok_or(LinkError::HungUp)? {
        ToShim::Welcome { version: VERSION, have } => {
            desk.resume(have)?;
            Ok(have)
        }
        ToShim::Welcome { version, .. } if desk.is_awaited() => {
            let message = format!("the server speaks version {version}, the shim {VERSION}");
            desk.fail(Fault { kind: FaultKind::VersionMismatch, message });
            Ok(0)
        }
        ToShim::Welcome { version, .. } => Err(LinkError::Version(version)),
        _ => Err(LinkError::Welcome),
    }
}

/// Does what the server says. Never waits for the agent, so that acknowledgements and signals always come through.
async fn listen<R: AsyncRead + Unpin>(desk: &Desk, reader: &mut FrameReader<R>) -> Result<Infallible, LinkError> {
    loop {
        match reader.read().await?.ok_or(LinkError::HungUp)? {
            ToShim::Welcome { .. } => return Err(LinkError::Welcome),
            ToShim::File(file) if desk.is_preparing() => {
                if let Err(fault) = files::write(&file) {
                    desk.fail(fault);
                }
            }
            ToShim::File(_) => {}
            ToShim::Start(start) => desk.order(start),
            ToShim::Ack { seq } => desk.acknowledge(seq)?,
            ToShim::Input { seq, bytes } => desk.put_input(seq, Input::Line(bytes))?,
            ToShim::CloseInput { seq } => desk.put_input(seq, Input::End)?,
            ToShim::Signal { signal } => agent::signal(desk, signal),
            ToShim::Finish => desk.finish(),
        }
    }
}

/// Tells the server what is new, beginning after entry `have`. A fault is the last word.
async fn tell<W: AsyncWrite + Unpin>(desk: &Desk, writer: &mut FrameWriter<W>, have: u64) -> Result<(), LinkError> {
    let mut told = Told { entry: have, input: 0, input_closed: false };
    loop {
        if let Some(fault) = desk.fault() {
            return Ok(writer.send(&FromShim::Fault(fault)).await?);
        }
        if let Some(message) = told.next(desk) {
            writer.feed(&message).await?;
        } else {
            writer.flush().await?;
            desk.news().await;
        }
    }
}

impl Told {
    /// What the server does not know yet: first what is short.
    fn next(&mut self, desk: &Desk) -> Option<FromShim> {
        let (taken, closed) = desk.input_taken();
        if taken > self.input {
            self.input = taken;
            return Some(FromShim::InputTaken { seq: taken });
        }
        if closed && !self.input_closed {
            self.input_closed = true;
            return Some(FromShim::InputClosed { last_taken: taken });
        }
        if let Some(resources) = desk.take_resources() {
            return Some(FromShim::Resources(resources));
        }
        let seq = self.entry + 1;
        let entry = desk.entry(seq)?;
        self.entry = seq;
        Some(FromShim::Entry { seq, entry })
    }
}
