//! The seam between a sandbox and the gateway: the socket a sandbox reaches the model through, and who it is.
//!
//! Whoever speaks on a sandbox's socket *is* that sandbox's session. So the session makes the socket, and hands it to
//! the gateway together with all the gateway needs to charge its calls; neither knows the other's code.

use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::domain::{EgressHost, SessionId, TenantId, TurnId};
use crate::telemetry::TraceContext;

/// A sandbox's socket to the model, on its way to the gateway.
#[derive(Debug)]
pub struct ModelSocket {
    /// Where the sandbox connects.
    pub listener: UnixListener,
    /// Who speaks there.
    pub caller: Caller,
    /// Cancelled when the sandbox is gone: nobody can connect any more, and what is under way is only drained.
    pub closed: CancellationToken,
}

/// Who calls the model.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who pays.
    pub tenant: TenantId,
    /// Whose sandbox it is.
    pub session: SessionId,
    /// The turn that is under way.
    pub turn: TurnId,
    /// Told whenever the model sends something, so that a long answer is not taken for silence.
    pub activity: Activity,
    /// The hosts the sandbox may reach beside the model.
    pub egress: Arc<[EgressHost]>,
    /// Whether the agent may tell about itself by OTLP.
    pub agent_telemetry: bool,
    /// The turn's place in its trace.
    pub trace: TraceContext,
    /// What the log's lines about its calls are told with.
    pub log: tracing::Span,
}

/// Signs of life that can be given and waited for, and the one sign that there is no money to go on.
#[derive(Clone, Debug)]
pub struct Activity(watch::Sender<Signs>);

/// What was seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// A call was refused because a budget is spent.
    pub out_of_money: bool,
}

impl Activity {
    /// No sign has been given yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(Signs::default()))
    }

    /// Gives a sign.
    pub fn touch(&self) {
        self.0.send_modify(|_| {});
    }

    /// Says that a call was refused because a budget is spent.
    pub fn out_of_money(&self) {
        self.0.send_modify(|signs| signs.out_of_money = true);
    }

    /// What was seen so far.
    pub fn signs(&self) -> Signs {
        *self.0.borrow()
    }

    /// Watches for signs.
    pub fn watch(&self) -> watch::Receiver<Signs> {
        self.0.subscribe()
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self::new()
    }
}
