//! The agent's pipes: what it writes goes to the journal, what the inbox holds goes to its stdin.

use std::io;

use bytes::Buf;
use innkeeper_shim::protocol::{Entry, Line, MAX_LINE_BYTES, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::watch;

use crate::desk::Desk;
use crate::inbox::Input;
use crate::lines::{Cut, Lines};

/// The most a pipe can hold: what an agent can have left in it when it ended.
const PIPE_BYTES: usize = 1 << 20;

/// Carries `pipe` to the journal line by line, as fast as the journal takes it, until the pipe ends.
///
/// `first` is done before what was just read is appended: what led to a line stands before it.
///
/// After a cut only what is in the pipe already is carried, because who writes now is not the agent.
pub(crate) async fn pump(
    mut pipe: pipe::Receiver,
    stream: Stream,
    desk: &Desk,
    mut cutting: watch::Receiver<bool>,
    first: impl Fn(),
) {
    let mut lines = Lines::new(MAX_LINE_BYTES);
    let append = |Cut { bytes, truncated }| {
        desk.append(Entry::Line(Line { stream, truncated, bytes }));
    };
    let mut left_bytes = PIPE_BYTES;
    while left_bytes > 0 {
        desk.room().await;
        let read = tokio::select! {
            biased;
            _ = cutting.wait_for(|cut| *cut) => {
                let read = pipe.try_read_buf(lines.room());
                left_bytes = left_bytes.saturating_sub(*read.as_ref().unwrap_or(&0));
                read
            }
            read = pipe.read_buf(lines.room()) => read,
        };
        match read {
            Ok(1..) => {
                first();
                std::iter::from_fn(|| lines.next_line()).for_each(append);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
        }
    }
    lines.last_line().into_iter().for_each(append);
}

/// Writes the inbox to the agent's stdin, until it ends or the agent closes it.
pub(crate) async fn feed(mut stdin: pipe::Sender, desk: &Desk) {
    loop {
        let Input::Line(line) = desk.input().await else {
            drop(stdin);
            return desk.took_input();
        };
        if stdin.write_all_buf(&mut line.chain(&b"\n"[..])).await.is_err() {
            return desk.close_inbox();
        }
        desk.took_input();
    }
}
