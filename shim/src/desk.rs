//! The desk: what the tasks of the shim share, and how they wait for each other.
//!
//! Everything runs on one thread, so that cells are enough; nothing is borrowed across an `await`.

use std::cell::{Cell, RefCell};

use innkeeper_shim::protocol::{Entry, Fault, Resources, Start};
use rustix::process::{Pid, WaitStatus};
use tokio::sync::{Notify, watch};

use crate::inbox::{Inbox, Input, InputRefused};
use crate::journal::{Journal, NotInJournal};

/// How much of the agent's output is held before the agent has to wait.
const JOURNAL_BYTES: usize = 4 << 20;

/// Where the agent is in its life.
#[derive(Debug)]
enum Phase {
    /// Nobody asked for it.
    Awaited,
    /// It is to be started.
    Ordered(Start),
    /// It runs.
    Running(Pid),
    /// It ended.
    Exited(WaitStatus),
}

/// What the tasks share.
#[derive(Debug)]
pub(crate) struct Desk {
    journal: RefCell<Journal>,
    inbox: RefCell<Inbox>,
    phase: watch::Sender<Phase>,
    /// Whether a server is there and has welcomed us.
    connected: watch::Sender<bool>,
    /// Why no agent will run.
    fault: watch::Sender<Option<Fault>>,
    /// What the sandbox uses, until the server is told.
    resources: Cell<Option<Resources>>,
    /// There is something to tell the server.
    news: Notify,
    /// The server acknowledged entries.
    acknowledged: Notify,
    /// An input arrived.
    input_arrived: Notify,
    /// The server needs nothing more.
    finish: Notify,
}

impl Desk {
    /// The desk of a sandbox in which nothing has happened, except perhaps a fault.
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self {
            journal: RefCell::new(Journal::new(JOURNAL_BYTES)),
            inbox: RefCell::default(),
            phase: watch::Sender::new(Phase::Awaited),
            connected: watch::Sender::new(false),
            fault: watch::Sender::new(fault),
            resources: Cell::default(),
            news: Notify::new(),
            acknowledged: Notify::new(),
            input_arrived: Notify::new(),
            finish: Notify::new(),
        }
    }

    /// Tells the server what the sandbox uses, unless it is told something newer first.
    pub(crate) fn show(&self, resources: Resources) {
        self.resources.set(Some(resources));
        self.news.notify_one();
    }

    /// What the sandbox uses, if the server does not know it yet.
    pub(crate) fn take_resources(&self) -> Option<Resources> {
        self.resources.take()
    }

    /// Waits for something to tell the server. Only one task may wait.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }
}

/// Entries: written by the agent's tasks, told by the link.
impl Desk {
    /// Adds an entry to the journal.
    pub(crate) fn append(&self, entry: Entry) {
        self.journal.borrow_mut().append(entry);
        self.news.notify_one();
    }

    /// Waits until the journal accepts entries.
    pub(crate) async fn room(&self) {
        self.journal_is(Journal::accepts).await;
    }

    /// Waits until the server has everything there will ever be.
    pub(crate) async fn settled(&self) {
        self.journal_is(Journal::is_settled).await;
    }

    /// The entry with number `seq`, if it is in the journal.
    pub(crate) fn entry(&self, seq: u64) -> Option<Entry> {
        self.journal.borrow().get(seq).cloned()
    }

    /// The number of the last entry.
    pub(crate) fn last_entry(&self) -> u64 {
        self.journal.borrow().last()
    }

    /// The server has all entries up to `seq`.
    pub(crate) fn acknowledge(&self, seq: u64) -> Result<(), NotInJournal> {
        self.journal.borrow_mut().acknowledge(seq)?;
        self.acknowledged.notify_waiters();
        Ok(())
    }

    /// The server is back and has all entries up to `have`.
    pub(crate) fn resume(&self, have: u64) -> Result<(), NotInJournal> {
        self.journal.borrow_mut().resume(have)?;
        self.acknowledged.notify_waiters();
        Ok(())
    }

    async fn journal_is(&self, state: impl Fn(&Journal) -> bool) {
        loop {
            let acknowledged = self.acknowledged.notified();
            if state(&self.journal.borrow()) {
                return;
            }
            acknowledged.await;
        }
    }
}

/// Inputs: received by the link, taken by the agent's stdin.
impl Desk {
    /// Puts input number `seq` into the inbox.
    pub(crate) fn put_input(&self, seq: u64, input: Input) -> Result<(), InputRefused> {
        self.inbox.borrow_mut().put(seq, input)?;
        self.input_arrived.notify_one();
        Ok(())
    }

    /// Waits for the input whose turn it is. Only one task may wait.
    pub(crate) async fn input(&self) -> Input {
        loop {
            if let Some(input) = self.inbox.borrow().first() {
                return input.clone();
            }
            self.input_arrived.notified().await;
        }
    }

    /// The input whose turn it was is written whole.
    pub(crate) fn took_input(&self) {
        self.inbox.borrow_mut().took_first();
        self.news.notify_one();
    }

    /// The agent takes no more input.
    pub(crate) fn close_inbox(&self) {
        self.inbox.borrow_mut().close();
        self.news.notify_one();
    }

    /// The number of the first input that was not received.
    pub(crate) fn next_input(&self) -> u64 {
        self.inbox.borrow().next()
    }

    /// The number of the last input that was written whole, and whether there will be no other.
    pub(crate) fn input_taken(&self) -> (u64, bool) {
        let inbox = self.inbox.borrow();
        (inbox.taken(), inbox.is_closed())
    }
}

/// The agent's life.
impl Desk {
    /// Whether nobody has asked for the agent yet.
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Awaited)
    }

    /// Whether the sandbox may still be prepared for its agent.
    pub(crate) fn is_preparing(&self) -> bool {
        self.is_awaited() && self.fault().is_none()
    }

    /// Asks for the agent, unless somebody has or none will run.
    pub(crate) fn order(&self, start: Start) {
        if self.is_preparing() {
            self.phase.send_replace(Phase::Ordered(start));
        }
    }

    /// Waits until somebody asks for the agent.
    pub(crate) async fn ordered(&self) -> Start {
        self.phase_is(|phase| match phase {
            Phase::Ordered(start) => Some(start.clone()),
            _ => None,
        })
        .await
    }

    /// The agent runs as `pid`.
    pub(crate) fn started(&self, pid: Pid) {
        self.phase.send_replace(Phase::Running(pid));
    }

    /// The agent's process id, while it runs.
    pub(crate) fn running(&self) -> Option<Pid> {
        match *self.phase.borrow() {
            Phase::Running(pid) => Some(pid),
            _ => None,
        }
    }

    /// A process ended, perhaps the agent.
    pub(crate) fn reaped(&self, pid: Pid, status: WaitStatus) {
        if self.running() == Some(pid) {
            self.phase.send_replace(Phase::Exited(status));
        }
    }

    /// Waits until the agent has ended.
    pub(crate) async fn exited(&self) -> WaitStatus {
        self.phase_is(|phase| match phase {
            Phase::Exited(status) => Some(*status),
            _ => None,
        })
        .await
    }

    /// Waits until `wanted` finds something in the phase.
    async fn phase_is<T>(&self, wanted: impl Fn(&Phase) -> Option<T>) -> T {
        let mut phases = self.phase.subscribe();
        loop {
            if let Some(found) = wanted(&phases.borrow_and_update()) {
                return found;
            }
            phases.changed().await.expect("the desk holds the sender");
        }
    }
}

/// The server's presence, and the reasons to end.
impl Desk {
    /// A server has welcomed us, or is gone.
    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.send_replace(connected);
    }

    /// Whether a server is there.
    pub(crate) fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// Waits until a server is there, or is not.
    pub(crate) async fn connected_is(&self, connected: bool) {
        let mut presence = self.connected.subscribe();
        let found = presence.wait_for(|is_connected| *is_connected == connected).await;
        found.expect("the desk holds the sender");
    }

    /// Says why no agent will run. What was said first stands.
    pub(crate) fn fail(&self, fault: Fault) {
        self.fault.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(fault);
            is_first
        });
        self.news.notify_one();
    }

    /// Why no agent will run, if so.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.borrow().clone()
    }

    /// Waits until it is clear that no agent will run.
    pub(crate) async fn failed(&self) {
        let mut fault = self.fault.subscribe();
        let found = fault.wait_for(Option::is_some).await;
        found.expect("the desk holds the sender");
    }

    /// The server needs nothing more.
    pub(crate) fn finish(&self) {
        self.finish.notify_one();
    }

    /// Waits until the server needs nothing more.
    pub(crate) async fn finished(&self) {
        self.finish.notified().await;
    }
}
