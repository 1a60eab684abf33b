//! The agent: started with pipes for its streams and in a process group of its own, signalled, ended.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use innkeeper_shim::protocol::{self, Entry, Exited, Fault, FaultKind, Start, Stream};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::desk::Desk;
use crate::pipes::{feed, pump};
use crate::posture::OomKills;

/// How long after the agent's exit somebody else may still hold its pipes.
const ORPHAN_WAIT: Duration = Duration::from_millis(500);
/// How long the agent may take to end before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// How often is looked whether something was killed for want of memory.
const OOM_LOOK_EVERY: Duration = Duration::from_millis(500);

/// An agent that was just started.
struct Agent {
    pid: Pid,
    stdin: pipe::Sender,
    stdout: pipe::Receiver,
    stderr: pipe::Receiver,
}

/// The agent's life, from the order to start it to the last entry.
pub(crate) async fn live(desk: &Desk) {
    let start = desk.ordered().await;
    let oom_kills = RefCell::new(OomKills::count_from_now());
    let agent = match spawn(&start) {
        Ok(agent) => agent,
        Err(error) => return desk.fail(not_started(&start, &error)),
    };
    desk.started(agent.pid);
    desk.append(Entry::Started { pid: agent.pid.as_raw_nonzero().get().cast_unsigned() });

    let tell_kills = || {
        if let Some(killed) = oom_kills.borrow_mut().news() {
            desk.append(Entry::OutOfMemory { killed });
        }
    };
    let (cut, cutting) = watch::channel(false);
    let read_to_the_end = async {
        tokio::join!(
            pump(agent.stdout, Stream::Stdout, desk, cutting.clone(), tell_kills),
            pump(agent.stderr, Stream::Stderr, desk, cutting.clone(), tell_kills),
        );
    };
    let cut_when_orphaned = async {
        desk.exited().await;
        sleep(ORPHAN_WAIT).await;
        cut.send_replace(true);
    };
    let feed_while_it_lives = async {
        tokio::select! {
            () = feed(agent.stdin, desk) => {}
            _ = desk.exited() => desk.close_inbox(),
        }
    };
    let read = async {
        tokio::pin!(read_to_the_end);
        tokio::select! {
            () = &mut read_to_the_end => {}
            () = cut_when_orphaned => read_to_the_end.await,
        }
    };
    let look = async {
        loop {
            sleep(OOM_LOOK_EVERY).await;
            tell_kills();
        }
    };
    let (status, (), ()) = tokio::select! {
        all = async { tokio::join!(desk.exited(), read, feed_while_it_lives) } => all,
        never = look => never,
    };
    tell_kills();
    desk.append(Entry::Exited(Exited {
        code: status.exit_status(),
        signal: status.terminating_signal(),
        oom_kills: oom_kills.borrow().so_far(),
    }));
}

/// Sends the server's signal to the agent's process group, if the agent runs.
pub(crate) fn signal(desk: &Desk, signal: protocol::Signal) {
    send(
        desk,
        match signal {
            protocol::Signal::Int => Signal::INT,
            protocol::Signal::Term => Signal::TERM,
            protocol::Signal::Kill => Signal::KILL,
        },
    );
}

/// Ends the agent, if it runs: asks, then forces. Whoever forked away from its group ends with the sandbox.
pub(crate) async fn end(desk: &Desk) {
    for signal in [Signal::TERM, Signal::KILL] {
        if desk.running().is_none() {
            return;
        }
        send(desk, signal);
        let _exited = timeout(STOP_GRACE, desk.exited()).await;
    }
}

fn send(desk: &Desk, signal: Signal) {
    if let Some(pid) = desk.running() {
        let _gone_already = kill_process_group(pid, signal);
    }
}

fn spawn(start: &Start) -> io::Result<Agent> {
    let Some((program, arguments)) = start.argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program is given"));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(&start.env)
        .current_dir(&start.cwd)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let pid = Pid::from_child(&child);
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
        unreachable!("all three were asked for");
    };
    Ok(Agent {
        pid,
        stdin: pipe::Sender::from_owned_fd(OwnedFd::from(stdin))?,
        stdout: pipe::Receiver::from_owned_fd(OwnedFd::from(stdout))?,
        stderr: pipe::Receiver::from_owned_fd(OwnedFd::from(stderr))?,
    })
}

fn not_started(start: &Start, error: &io::Error) -> Fault {
    let program = start.argv.first().map_or("", String::as_str);
    Fault { kind: FaultKind::AgentNotStarted, message: format!("cannot start {program:?} in {:?}: {error}", start.cwd) }
}
