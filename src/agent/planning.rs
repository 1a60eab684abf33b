//! Plan mode: a turn in it ends with the plan as its answer.
//!
//! The agent shows its plan by asking whether it may leave plan mode. Nobody can approve a plan within the turn, so the
//! turn is interrupted there and the plan takes the place of the text in its result. The session goes on from it in a
//! later turn, whose request may name another permission mode.

use serde_json::Value;

use super::json::Fields;
use super::question::Question;
use super::result::TurnResult;
use crate::domain::PermissionMode;

/// The tool that asks whether plan mode may be left.
pub(super) const EXIT_PLAN_MODE: &str = "ExitPlanMode";

/// What the model is told about a plan; an interrupted turn keeps no such text, so it is for whoever reads the events.
const ACCEPTED: &str = "The plan is this turn's answer.";

/// What the model is told when there is no plan.
const NO_PLAN: &str = "There is no plan yet. Write it to the plan file, then use this tool again.";

/// The plan of a turn.
#[derive(Debug, Default)]
pub struct Planning {
    is_on: bool,
    /// What the model passed to the tool itself, which the agent does not pass on.
    proposed: Option<String>,
    /// The plan the turn ends with.
    answer: Option<String>,
}

impl Planning {
    /// The planning of a turn in `mode`.
    pub fn new(mode: PermissionMode) -> Self {
        Self { is_on: mode == PermissionMode::Plan, ..Self::default() }
    }

    /// Takes note of a plan the model proposes.
    pub fn propose(&mut self, plan: String) {
        self.proposed = Some(plan);
    }

    /// The answer to a question of the agent.
    pub fn reply(&mut self, question: &Question) -> String {
        if !self.is_on || question.tool.as_deref() != Some(EXIT_PLAN_MODE) {
            return question.decline();
        }
        let plans = [question.plan.clone(), self.proposed.take()];
        self.answer = plans.into_iter().flatten().find(|plan| !plan.trim().is_empty());
        match &self.answer {
            Some(_) => question.deny(ACCEPTED, true),
            None => question.deny(NO_PLAN, false),
        }
    }

    /// The line of `result` with the plan as its text, when the turn ended with a plan.
    pub fn finish(&mut self, line: &str, result: &mut TurnResult) -> Option<String> {
        let plan = self.answer.take()?;
        result.error = None;
        Some(with_answer(line, &plan))
    }
}

/// A result line whose answer is `answer`.
fn with_answer(line: &str, answer: &str) -> String {
    let fields = Fields::read(line).unwrap_or_default();
    let ours = [("subtype", Value::from("success")), ("is_error", false.into()), ("result", answer.into())];
    let is_kept = |name: &str| name != "errors" && !ours.iter().any(|(our, _)| *our == name);
    let kept = fields.iter().filter(|(name, _)| is_kept(name));
    let members: Vec<String> = kept
        .map(|(name, value)| format!("{}:{}", Value::from(name), value.get()))
        .chain(ours.iter().map(|(name, value)| format!("\"{name}\":{value}")))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// The plan that an `assistant` line proposes, if it uses the tool with one.
pub(super) fn proposal(line: &Fields<'_>) -> Option<String> {
    let blocks = line.object("message").list("content");
    let blocks = blocks.into_iter().filter_map(|block| Fields::read(block.get()));
    let mut uses = blocks.filter(|block| block.is("type", "tool_use") && block.is("name", EXIT_PLAN_MODE));
    uses.find_map(|block| block.object("input").text("plan"))
}

#[cfg(test)]
mod tests {
    use super::super::{Meaning, read_line};
    use super::*;

    const INTERRUPTED: &str = r#"{"subtype":"error_during_execution","num_turns":2,"is_error":true,"errors":["aborted"],"usage":{"a":1},"type":"result"}"#;

    fn ask(planning: &mut Planning, input: &str) -> Value {
        let line = format!(
            r#"{{"type":"control_request","request_id":1,"request":{{"subtype":"can_use_tool","tool_name":"ExitPlanMode","input":{input}}}}}"#
        );
        let Meaning::Asked(question) = read_line(line.as_bytes()).meaning else { panic!("not a question") };
        serde_json::from_str::<Value>(&planning.reply(&question)).unwrap()["response"]["response"].clone()
    }

    fn interrupted() -> TurnResult {
        let Meaning::Result(result) = read_line(INTERRUPTED.as_bytes()).meaning else { panic!("not a result") };
        result
    }

    #[test]
    fn plan_becomes_the_answer() {
        let mut planning = Planning::new(PermissionMode::Plan);
        let answer = ask(&mut planning, r##"{"plan":"# Plan\n\"1\""}"##);
        assert_eq!((&answer["behavior"], &answer["interrupt"]), (&"deny".into(), &true.into()));
        let mut result = interrupted();
        let line = planning.finish(INTERRUPTED, &mut result).unwrap();
        assert_eq!((result.error, result.report.num_turns), (None, 2));
        let line: Value = serde_json::from_str(&line).unwrap();
        let expected = r##"{"num_turns":2,"usage":{"a":1},"type":"result","subtype":"success","is_error":false,"result":"# Plan\n\"1\""}"##;
        assert_eq!(line, serde_json::from_str::<Value>(expected).unwrap());
    }

    #[test]
    fn plan_passed_to_the_tool_counts_when_there_is_no_plan_file() {
        let mut planning = Planning::new(PermissionMode::Plan);
        let line = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"x"},{"type":"tool_use","name":"ExitPlanMode","input":{"plan":"Do it"}}]}}"#;
        let Meaning::Proposed(plan) = read_line(line.as_bytes()).meaning else { panic!("not a proposal") };
        planning.propose(plan);
        assert_eq!(ask(&mut planning, "{}")["interrupt"], true);
        assert!(planning.finish(INTERRUPTED, &mut interrupted()).unwrap().contains("Do it"));
    }

    #[test]
    fn without_a_plan_the_turn_goes_on() {
        let mut planning = Planning::new(PermissionMode::Plan);
        assert_eq!(ask(&mut planning, r#"{"plan":" \n"}"#)["interrupt"], false);
        assert_eq!(planning.finish(INTERRUPTED, &mut interrupted()), None);
    }

    #[test]
    fn a_turn_in_another_mode_ends_with_no_plan() {
        let mut planning = Planning::new(PermissionMode::Default);
        assert_eq!(ask(&mut planning, r#"{"plan":"x"}"#)["interrupt"], false);
        assert_eq!(planning.finish(INTERRUPTED, &mut interrupted()), None);
    }
}
