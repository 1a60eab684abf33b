//! From the first connection to the exit code.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::time::Duration;

use innkeeper_shim::contract::{
    Contract, EXIT_FAULT, EXIT_FINISHED, EXIT_SERVER_AWAY, RESOURCES_EVERY, RESOURCES_SOON,
};
use innkeeper_shim::protocol::{Fault, FaultKind, Hello, Posture, VERSION};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

use crate::agent;
use crate::desk::Desk;
use crate::egress;
use crate::link;
use crate::posture::Cgroups;
use crate::reaper::Reaper;

/// How long to look for a server that would hear a fault.
const FAULT_WAIT: Duration = Duration::from_secs(5);
/// How long to wait, after the agent was ended, for the server to store its last entries.
const REPORT_WAIT: Duration = Duration::from_secs(2);

/// What tells PID 1 to stop.
struct Terminate {
    term: Signal,
    int: Signal,
}

/// Does all a shim does and answers its exit code. With a `fault` that is only to report it.
pub(crate) async fn run(contract: &Contract, posture: Posture, fault: Option<Fault>) -> io::Result<u8> {
    let reaper = Reaper::new()?;
    let terminate = Terminate::new()?;
    let desk = Desk::new(fault);
    let listener = match &contract.egress {
        Some(egress) => match egress::listen(egress).await {
            Ok(listener) => Some((listener, egress)),
            Err(error) => {
                let message = format!("cannot listen for granted egress on {}: {error}", egress.listen);
                desk.fail(Fault { kind: FaultKind::AgentNotStarted, message });
                None
            }
        },
        None => None,
    };
    let forwarding = async {
        match listener {
            Some((listener, egress)) => egress::forward(listener, egress).await,
            None => pending().await,
        }
    };
    let hello = || Hello {
        version: VERSION,
        token: contract.token.clone(),
        epoch: contract.epoch,
        posture: posture.clone(),
        last_entry: desk.last_entry(),
        next_input: desk.next_input(),
    };
    let life = async {
        agent::live(&desk).await;
        pending::<Infallible>().await
    };
    Ok(tokio::select! {
        () = link::keep(&desk, &contract.socket, hello) => EXIT_FAULT,
        code = end(&desk, contract.grace, terminate) => code,
        never = reaper.reap(&desk) => match never {},
        never = forwarding => match never {},
        never = show_resources(&desk) => match never {},
        never = life, if desk.fault().is_none() => match never {},
    })
}

/// Shows the server what the sandbox uses, again and again.
async fn show_resources(desk: &Desk) -> Infallible {
    let cgroups = Cgroups::find();
    let mut rest = RESOURCES_SOON;
    loop {
        desk.show(cgroups.resources());
        sleep(rest).await;
        rest = RESOURCES_EVERY;
    }
}

/// Waits for a reason to end, ends the agent, and answers the exit code.
async fn end(desk: &Desk, grace: Duration, terminate: Terminate) -> u8 {
    let code = tokio::select! {
        () = desk.finished() => EXIT_FINISHED,
        () = terminate.received() => EXIT_FINISHED,
        () = away_for(desk, grace), if desk.fault().is_none() => EXIT_SERVER_AWAY,
        () = desk.failed() => {
            sleep(FAULT_WAIT).await;
            return EXIT_FAULT;
        }
    };
    agent::end(desk).await;
    if desk.is_connected() && !desk.is_awaited() {
        let _told = timeout(REPORT_WAIT, desk.settled()).await;
    }
    code
}

/// Waits until no server was there for as long as `grace`.
async fn away_for(desk: &Desk, grace: Duration) {
    loop {
        desk.connected_is(false).await;
        if timeout(grace, desk.connected_is(true)).await.is_err() {
            return;
        }
    }
}

impl Terminate {
    fn new() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    async fn received(mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}
