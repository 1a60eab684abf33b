//! From the agent's lines to what is stored, what the supervisor is told, and what the agent is answered. Pure.

use std::sync::Arc;

use innkeeper_shim::protocol::{Line, Stream};

use super::output::{Bound, Output};
use super::recorder::Progress;
use crate::agent::{AgentLine, Loss, Meaning, Planning, read_beginning, read_error, read_line};
use crate::domain::{Clock, EventKind, NewEvent, TurnId};
use crate::store::Batch;

/// What some reports of the shim lead to.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// What is stored.
    pub(super) batch: Batch,
    /// What the supervisor is told after that.
    pub(super) progress: Vec<Progress>,
    /// Answers to what the agent asks.
    pub(super) replies: Vec<String>,
    /// The last entry of the shim's journal in it.
    pub(super) last_seq: u64,
    /// What the agent wrote.
    pub(super) bytes: u64,
}

/// Reads the lines of one turn's agent.
#[derive(Debug)]
pub(super) struct Lines {
    turn: TurnId,
    clock: Arc<dyn Clock>,
    output: Output,
    planning: Planning,
    /// Whether the agent works, as far as it said.
    is_working: bool,
}

impl Lines {
    /// No line was read yet of `turn`, whose output is bounded by `output`.
    pub(super) fn new(turn: TurnId, clock: Arc<dyn Clock>, output: Output, planning: Planning) -> Self {
        Self { turn, clock, output, planning, is_working: false }
    }

    /// Waits until `bytes` more may be said.
    pub(super) async fn pace(&mut self, bytes: u64) {
        self.output.pace(bytes).await;
    }

    /// Reports what came beyond the bound of all that may be said, once no more will come.
    pub(super) fn end(&self, round: &mut Round) {
        self.note_loss(self.output.lost(), round);
    }

    /// Reads a line that is within the bound of all that may be said, and of one that is not only what ends the turn well.
    pub(super) fn hear(&mut self, line: &Line, round: &mut Round) {
        let bytes = line.bytes.len() as u64;
        round.bytes += bytes;
        let bound = self.output.count(bytes);
        if bound == Bound::Within {
            return self.take(read(line), round);
        }
        if bound == Bound::Crossed {
            round.progress.push(Progress::TooMuch(self.output.limit()));
        }
        let read = read(line);
        match &read.meaning {
            Meaning::Transcript(_) | Meaning::Result(_) if self.output.keeps_last_words(bytes) => {
                return self.take(read, round);
            }
            Meaning::Result(result) => round.progress.push(Progress::Result(result.clone())),
            Meaning::Asked(question) => round.replies.push(question.decline()),
            _ => {}
        }
        self.output.lose(bytes);
    }

    /// Acts upon a line and keeps it.
    fn take(&mut self, mut line: AgentLine, round: &mut Round) {
        self.note_loss(line.loss, round);
        let progress = match std::mem::replace(&mut line.meaning, Meaning::Other) {
            // Kept as the transcript: a second copy among the events would double the store.
            Meaning::Transcript(entries) => {
                round.batch.transcript.extend(entries);
                round.progress.push(Progress::Alive);
                return;
            }
            Meaning::Began { conversation } => {
                round.batch.agent_session = conversation.or(round.batch.agent_session.take());
                Progress::Alive
            }
            Meaning::Answered { request, error } => Progress::Answered { request, error },
            Meaning::Asked(question) => {
                round.replies.push(self.planning.reply(&question));
                Progress::Alive
            }
            Meaning::Proposed(plan) => {
                self.planning.propose(plan);
                Progress::Alive
            }
            Meaning::Result(mut result) => {
                if let Some(payload) = self.planning.finish(&line.payload, &mut result) {
                    let original = std::mem::replace(&mut line.payload, payload);
                    self.note(EventKind::AgentLine, original, round);
                }
                Progress::Result(result)
            }
            Meaning::Working(is_working) => {
                let worked = std::mem::replace(&mut self.is_working, is_working);
                if worked && !is_working { Progress::Rested } else { Progress::Alive }
            }
            Meaning::Other => Progress::Alive,
        };
        round.progress.push(progress);
        // The report of a line that was cut stands in its place.
        if line.loss.cut_after_bytes == 0 {
            self.note(line.kind, line.payload, round);
        }
    }

    /// Makes an event.
    pub(super) fn note(&self, kind: EventKind, payload: String, round: &mut Round) {
        round.batch.events.push(NewEvent { turn: self.turn, kind, payload, at: self.clock.now() });
    }

    fn note_loss(&self, loss: Loss, round: &mut Round) {
        if !loss.is_empty() {
            let report = loss.report();
            if report.kind == EventKind::Message {
                tracing::warn!(?loss, "output of the agent was lost");
            }
            self.note(report.kind, report.payload, round);
        }
    }
}

/// Reads a line of either stream.
fn read(line: &Line) -> AgentLine {
    match (line.stream, line.truncated) {
        (Stream::Stdout, false) => read_line(&line.bytes),
        (Stream::Stdout, true) => read_beginning(&line.bytes),
        (Stream::Stderr, false) => read_error(&line.bytes),
        (Stream::Stderr, true) => {
            let loss = Loss { cut_after_bytes: line.bytes.len() as u64, ..Loss::default() };
            AgentLine { loss, ..read_error(b"") }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::clock::ManualClock;
    use crate::domain::{PermissionMode, Timestamp};

    const IDLE: &str = r#"{"type":"system","subtype":"session_state_changed","state":"idle"}"#;
    const RUNNING: &str = r#"{"type":"system","subtype":"session_state_changed","state":"running"}"#;

    fn lines(limit: u64, mode: PermissionMode) -> Lines {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1)));
        let output = Output::new(limit, NonZeroU64::MAX);
        Lines::new(TurnId::generate(), clock, output, Planning::new(mode))
    }

    /// What some lines of the standard output lead to, each of which may be cut.
    fn heard(lines: &mut Lines, texts: &[(&str, bool)]) -> Round {
        let mut round = Round::default();
        for &(text, truncated) in texts {
            let bytes = Bytes::copy_from_slice(text.as_bytes());
            lines.hear(&Line { stream: Stream::Stdout, truncated, bytes }, &mut round);
        }
        round
    }

    fn messages(round: &Round) -> Vec<Value> {
        let messages = round.batch.events.iter().filter(|event| event.kind == EventKind::Message);
        messages.map(|event| serde_json::from_str(&event.payload).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_turn_whose_result_cannot_be_read_is_not_left_open() {
        let mut lines = lines(10_000, PermissionMode::Default);
        let rested = |round: &Round| round.progress.iter().filter(|step| matches!(step, Progress::Rested)).count();
        assert_eq!(rested(&heard(&mut lines, &[(IDLE, false)])), 0, "it has not worked yet");
        let round =
            heard(&mut lines, &[(RUNNING, false), (r#"{"type":"result","x":"#, false), (IDLE, false), (IDLE, false)]);
        assert_eq!(rested(&round), 1);
    }

    #[tokio::test]
    async fn requests_are_answered_within_the_bound_and_beyond_it() {
        let mut lines = lines(100, PermissionMode::Default);
        let request = r#"{"type":"control_request","request_id":"r","request":{"subtype":"mcp_message"}}"#;
        let round = heard(&mut lines, &[(request, false), (request, false), (request, false)]);
        assert_eq!(round.replies.len(), 3);
        assert!(round.replies.iter().all(|reply| reply.contains(r#""request_id":"r""#) && reply.contains("error")));
    }

    #[tokio::test]
    async fn what_comes_beyond_the_bound_is_counted_and_reported() {
        let mut lines = lines(10, PermissionMode::Default);
        heard(&mut lines, &[("0123456789", false), ("more", false), ("and more", false)]);
        let mut round = Round::default();
        lines.end(&mut round);
        let lost = json!({"lines_beyond_limit": 2, "bytes_beyond_limit": 12});
        assert_eq!(messages(&round), [json!({"type": "system", "subtype": "output_lost", "lost": lost})]);
    }

    #[tokio::test]
    async fn a_line_that_was_cut_is_reported_and_its_whole_entries_kept() {
        let mut lines = lines(10_000, PermissionMode::Default);
        let mirror = r#"{"type":"transcript_mirror","entries":[{"a":1},{"b":"#;
        let round = heard(&mut lines, &[(mirror, true), (r#"{"type":"user","x":"#, true)]);
        assert_eq!(round.batch.transcript, [r#"{"a":1}"#]);
        assert_eq!(round.batch.events.len(), 2);
        assert!(messages(&round).iter().all(|message| message["lost"]["cut_after_bytes"].as_u64() > Some(0)));
    }

    #[tokio::test]
    async fn nothing_lost_is_nothing_reported() {
        let mut lines = lines(10_000, PermissionMode::Default);
        let mut round = heard(&mut lines, &[(r#"{"type":"user"}"#, false), ("words", false)]);
        lines.end(&mut round);
        assert_eq!(messages(&round).len(), 1);
    }

    #[tokio::test]
    async fn a_turn_in_plan_mode_ends_with_its_plan() {
        let mut lines = lines(10_000, PermissionMode::Plan);
        let ask = r#"{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool","tool_name":"ExitPlanMode","input":{"plan":"Do it"}}}"#;
        let result = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"num_turns":2}"#;
        let round = heard(&mut lines, &[(ask, false), (result, false)]);
        assert!(round.replies[0].contains(r#""interrupt":true"#));
        assert!(matches!(&round.progress[1], Progress::Result(result) if result.error.is_none()));
        assert_eq!(messages(&round)[0]["result"], "Do it");
        assert!(round.batch.events.iter().any(|event| event.kind == EventKind::AgentLine && event.payload == result));
    }
}
