//! The server's side of the shim: one task a sandbox, which the shim connects to, again and again if it must.
//!
//! Only the shim may speak here. A tool of the agent runs as the same user and can connect too, but it does not know the
//! token; whoever does not is disconnected, and the shim is waited for. What the shim reports is handed on in the
//! order of its journal, each entry once, and is forgotten by the shim only when the reader says it is stored.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use innkeeper_shim::frame::{FrameError, FrameReader, FrameWriter, MAX_FRAME_BYTES};
use innkeeper_shim::protocol::{
    Entry, Fault, File, FromShim, Hello, MAX_HELLO_BYTES, Posture, Signal, Start, ToShim, Token, VERSION,
};
use subtle::ConstantTimeEq;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::resources::LatestResources;
use crate::metrics::catalogue::SANDBOX_VIOLATIONS;

/// How long a peer may take to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);

/// How long nothing is accepted after that failed, as it does without descriptors.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// How long the connection of a sandbox that is gone may stay open: only one that could not be removed keeps it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How many reports may wait for their reader before the shim is made to wait.
const REPORTS: usize = 256;

/// What the shim reports.
#[derive(Debug)]
pub enum Report {
    /// It is there, and this is how it finds its sandbox. Comes once, first.
    Present(Box<Posture>),
    /// An entry of its journal; to be stored, and then confirmed with [`LinkHandle::stored`].
    Entry {
        /// Its place in the journal.
        seq: u64,
        /// What happened.
        entry: Entry,
    },
    /// No agent will run.
    Fault(Fault),
}

/// What the shim is told.
#[derive(Debug)]
enum Order {
    Start(Vec<ToShim>),
    Input(Bytes),
    CloseInput,
    Signal(Signal),
    Stored(u64),
    Finish,
}

/// Tells the shim what to do. Orders given while it is away wait for it.
#[derive(Clone, Debug)]
pub struct LinkHandle(mpsc::UnboundedSender<Order>);

/// The server's side of one shim, to be run as a task.
#[derive(Debug)]
pub(super) struct Link {
    listener: UnixListener,
    token: Token,
    epoch: u64,
    orders: mpsc::UnboundedReceiver<Order>,
    reports: mpsc::Sender<Report>,
    resources: LatestResources,
    gone: CancellationToken,
    state: State,
}

/// What must survive a lost connection.
#[derive(Debug, Default)]
struct State {
    /// Whether the posture was reported.
    present: bool,
    /// The files and the start, until the shim has them.
    start: Vec<ToShim>,
    /// Inputs the shim has not taken, by their `seq`.
    inputs: VecDeque<(u64, ToShim)>,
    /// The `seq` of the last input.
    last_input: u64,
    /// The last entry that was reported.
    reported: u64,
    /// The last entry that is stored.
    stored: u64,
    /// Whether the sandbox is not needed any more.
    finish: bool,
}

type Reader = FrameReader<OwnedReadHalf>;
type Writer = FrameWriter<OwnedWriteHalf>;

impl Link {
    /// The server's side of the shim that knows `token`, the `epoch`th of its session, which connects to `listener`.
    /// What it says its sandbox uses is shown in `resources`. `gone` is cancelled once its sandbox is removed: then it does not come back.
    pub(super) fn new(
        listener: UnixListener,
        token: Token,
        epoch: u64,
        resources: LatestResources,
        gone: CancellationToken,
    ) -> (Self, LinkHandle, mpsc::Receiver<Report>) {
        let (sender, orders) = mpsc::unbounded_channel();
        let (reports, receiver) = mpsc::channel(REPORTS);
        let link = Self { listener, token, epoch, orders, reports, resources, gone, state: State::default() };
        (link, LinkHandle(sender), receiver)
    }

    /// Speaks with the shim until it is gone, or its handle or its reader is dropped. What it said before it went is
    /// handed on first.
    pub(super) async fn run(mut self) {
        loop {
            let stream = tokio::select! {
                biased;
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::error!(%error, "the shim's socket failed");
                        tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                        continue;
                    }
                },
                order = self.orders.recv() => match order {
                    Some(order) => { self.state.note(order); continue }
                    None => return,
                },
                () = self.gone.cancelled() => return,
            };
            match self.converse(stream).await {
                Ok(true) => return,
                Ok(false) => tracing::debug!("the shim closed its connection"),
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "the shim's connection was lost");
                }
            }
        }
    }

    /// One connection. Answers whether there is nobody left to speak for.
    async fn converse(&mut self, stream: UnixStream) -> Result<bool, FrameError> {
        let (read, write) = stream.into_split();
        let (mut reader, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
        let Some(hello) = self.greet(&mut reader).await? else { return Ok(false) };
        self.welcome(&hello, &mut writer).await?;
        if !std::mem::replace(&mut self.state.present, true)
            && self.reports.send(Report::Present(Box::new(hello.posture))).await.is_err()
        {
            return Ok(true);
        }
        let gone = self.gone.clone();
        let mut overdue = std::pin::pin!(async move {
            gone.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        });
        loop {
            tokio::select! {
                message = reader.read::<FromShim>() => match message? {
                    Some(message) => if self.hear(message).await.is_err() { return Ok(true) },
                    None => return Ok(false),
                },
                order = self.orders.recv() => match order {
                    Some(order) => for message in self.state.note(order) { writer.feed(&message).await? },
                    None => return Ok(true),
                },
                () = &mut overdue => return Ok(true),
            }
            writer.flush().await?;
        }
    }

    /// Reads who is speaking; `None` when it is not our shim.
    async fn greet(&self, reader: &mut Reader) -> Result<Option<Hello>, FrameError> {
        reader.set_limit(MAX_HELLO_BYTES);
        let Ok(message) = tokio::time::timeout(HELLO_TIMEOUT, reader.read::<FromShim>()).await else {
            return Ok(None);
        };
        let Some(FromShim::Hello(hello)) = message? else { return Ok(None) };
        let known: bool = hello.token.expose().as_bytes().ct_eq(self.token.expose().as_bytes()).into();
        if !known || hello.epoch != self.epoch {
            SANDBOX_VIOLATIONS.one(["foreign_token"]);
            tracing::warn!(epoch = hello.epoch, "somebody else than the shim spoke on its socket");
            return Ok(None);
        }
        reader.set_limit(MAX_FRAME_BYTES);
        Ok(Some(*hello))
    }

    /// Brings the shim to where we are.
    async fn welcome(&mut self, hello: &Hello, writer: &mut Writer) -> Result<(), FrameError> {
        writer.feed(&ToShim::Welcome { version: VERSION, have: self.state.stored }).await?;
        if hello.last_entry == 0 {
            for message in &self.state.start {
                writer.feed(message).await?;
            }
        }
        self.state.forget_inputs_before(hello.next_input);
        for (_, message) in &self.state.inputs {
            writer.feed(message).await?;
        }
        if self.state.finish {
            writer.feed(&ToShim::Finish).await?;
        }
        writer.flush().await
    }

    /// Hands on what the shim says; an error when nobody listens any more.
    async fn hear(&mut self, message: FromShim) -> Result<(), mpsc::error::SendError<Report>> {
        match message {
            FromShim::Entry { seq, entry } if seq > self.state.reported => {
                self.state.reported = seq;
                self.state.start.clear();
                self.reports.send(Report::Entry { seq, entry }).await
            }
            FromShim::InputTaken { seq } => {
                self.state.forget_inputs_before(seq + 1);
                Ok(())
            }
            FromShim::Resources(said) => {
                self.resources.note(said);
                Ok(())
            }
            FromShim::Fault(fault) => self.reports.send(Report::Fault(fault)).await,
            FromShim::Entry { .. } | FromShim::InputClosed { .. } | FromShim::Hello(_) => Ok(()),
        }
    }
}

impl State {
    /// Keeps what an order means for later connections, and answers what is to be said on the present one.
    fn note(&mut self, order: Order) -> Vec<ToShim> {
        match order {
            Order::Start(messages) => {
                self.start.clone_from(&messages);
                messages
            }
            Order::Input(bytes) => self.queue_input(|seq| ToShim::Input { seq, bytes }),
            Order::CloseInput => self.queue_input(|seq| ToShim::CloseInput { seq }),
            Order::Signal(signal) => vec![ToShim::Signal { signal }],
            Order::Stored(seq) => {
                self.stored = seq;
                vec![ToShim::Ack { seq }]
            }
            Order::Finish => {
                self.finish = true;
                vec![ToShim::Finish]
            }
        }
    }

    fn queue_input(&mut self, message: impl FnOnce(u64) -> ToShim) -> Vec<ToShim> {
        self.last_input += 1;
        let message = message(self.last_input);
        self.inputs.push_back((self.last_input, message.clone()));
        vec![message]
    }

    fn forget_inputs_before(&mut self, seq: u64) {
        self.inputs.retain(|(input, _)| *input >= seq);
    }
}

/// An order to a link that has ended is void: the sandbox is gone, and its end is reported elsewhere.
impl LinkHandle {
    /// Starts the agent, after `files` were written as `(path, contents)`.
    pub fn start(&self, files: &[(String, Bytes)], start: Start) {
        let pieces = files.iter().flat_map(|(path, contents)| File::pieces(path, 0o600, contents.clone()));
        let messages = pieces.chain([ToShim::Start(start)]).collect();
        let _ = self.0.send(Order::Start(messages));
    }

    /// Writes a line to the agent's standard input.
    pub fn input(&self, line: String) {
        let _ = self.0.send(Order::Input(line.into()));
    }

    /// Ends the agent's standard input.
    pub fn close_input(&self) {
        let _ = self.0.send(Order::CloseInput);
    }

    /// Sends the agent a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = self.0.send(Order::Signal(signal));
    }

    /// Confirms that every entry up to `seq` is stored.
    pub fn stored(&self, seq: u64) {
        let _ = self.0.send(Order::Stored(seq));
    }

    /// Waits until the link has ended: its sandbox is gone.
    pub async fn ended(&self) {
        self.0.closed().await;
    }

    /// Says that the sandbox is not needed any more.
    pub fn finish(&self) {
        let _ = self.0.send(Order::Finish);
    }
}
