//! A live session in its trace: from its place in the queue to the end of its sandbox, and the turn within.
//!
//! The request that began the turn is the parent, although it has long been answered: who asks what became of a request
//! finds the turn below it, and whoever called us finds it in their own trace.

use crate::domain::{Outcome, TurnEnd};
use crate::store::LiveTurn;
use crate::telemetry::{Kind, Span, TraceContext};

/// The spans of a live session.
#[derive(Debug)]
pub(super) struct Traced {
    session: Span,
    /// Until the turn's end is stored.
    turn: Option<Span>,
    /// Where further spans of the turn belong, also those that come after its end.
    context: TraceContext,
}

impl Traced {
    /// Begins to trace a session that works on a turn, below the `request` that began it.
    pub(super) fn begin(request: &TraceContext, LiveTurn { tenant, session, turn, .. }: &LiveTurn) -> Self {
        let ids = || [("tenant", tenant.to_string().into()), ("session", session.to_string().into())];
        let live = Span::begin(Kind::Internal, "session", request, ids());
        let of_turn = [("turn", turn.to_string().into()), ("gen_ai.operation.name", "invoke_agent".into())];
        let attributes = ids().into_iter().chain(of_turn);
        let turn = Span::begin(Kind::Internal, "turn", &live.context(), attributes);
        let context = turn.context();
        Self { session: live, turn: Some(turn), context }
    }

    /// The turn's place.
    pub(super) fn turn(&self) -> TraceContext {
        self.context.clone()
    }

    /// Notes that something happened in the turn.
    pub(super) fn event(&self, name: &'static str) {
        if let Some(turn) = &self.turn {
            turn.event(name);
        }
    }

    /// Begins a sandbox's start.
    pub(super) fn sandbox_start(&self, turn: &LiveTurn) -> Span {
        let ids = [("tenant", turn.tenant.to_string().into()), ("session", turn.session.to_string().into())];
        Span::begin(Kind::Internal, "sandbox start", &self.context, ids)
    }

    /// The turn has ended.
    pub(super) fn ended(&mut self, end: &TurnEnd) {
        let Some(turn) = self.turn.take() else { return };
        for span in [&turn, &self.session] {
            span.set("outcome", end.outcome.as_str());
            span.set("reason", end.reason.as_str());
            if end.outcome == Outcome::Failed {
                span.fail(end.reason.as_str());
            }
        }
    }
}
