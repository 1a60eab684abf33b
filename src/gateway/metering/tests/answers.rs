//! What streams say of their cost, and how far it is believed.

use serde_json::{Value, json};

use super::super::bill::Bill;
use super::{
    Case, HELD, INPUT, KNOWN_INPUT, KNOWN_OUTPUT, MODEL, OUTPUT, WHOLE, cost, error, event, last, last_50, meter,
    report, start, start_of, start_with, stop, text,
};
use crate::domain::EstimateReason::{
    Cut, ErrorInAnswer, InvalidUsage, NoUsage, Stalled, UnknownModel, UnknownModifier, Unreadable,
};

/// A stream whose first report has `usage` beside 1000 tokens of input, and ends with 50 of output.
fn with_usage(name: &'static str, field: &str, value: impl Into<Value>, cost: i64) -> Case {
    let mut usage = json!({"input_tokens": 1_000, "output_tokens": 1});
    usage[field] = value.into();
    Case::stream(name, &[start_with(usage), text("Hi"), last_50(), stop()], cost)
}

/// A stream that ends with `usage`.
fn ends_with(name: &'static str, usage: Value, cost: i64) -> Case {
    Case::stream(name, &[start(), text("Hi"), last(usage), stop()], cost)
}

fn answered_by(name: &'static str, model: &str, cost: i64) -> Case {
    let usage = json!({"input_tokens": 1_000, "output_tokens": 1});
    Case::stream(name, &[start_of(model, usage), last_50(), stop()], cost)
}

#[test]
fn charges_what_is_reported_as_far_as_it_can_be_true() {
    let cached = start_with(json!({"input_tokens": 1_000, "cache_read_input_tokens": 5_000}));
    let zeros = last(json!({"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 50}));
    let silent = start_with(Value::Null);
    let bare = event("message_start", json!({"message": {"model": MODEL}}));
    for case in [
        Case::stream("a whole answer", &[start(), text("Hi"), last_50(), stop()], WHOLE),
        Case::stream("zeros do not undo", &[cached.clone(), text("Hi"), zeros, stop()], WHOLE + 1_000_000),
        Case::stream("nothing undoes", &[cached, last_50(), stop()], WHOLE + 1_000_000),
        Case::stream("no first report", &[bare.clone(), last_50(), stop()], INPUT + KNOWN_OUTPUT).because(NoUsage),
        Case::stream("a null report", &[silent, last_50(), stop()], INPUT + KNOWN_OUTPUT).because(NoUsage),
        Case::stream(
            "input at last",
            &[bare, last(json!({"input_tokens": 1_000, "output_tokens": 50})), stop()],
            WHOLE,
        ),
        Case::stream("no last report", &[start(), text("Hi"), stop()], HELD).because(NoUsage),
        ends_with("a last report without output", json!({}), HELD).because(NoUsage),
        ends_with("output is null", json!({"output_tokens": null}), HELD).because(NoUsage),
        ends_with("input is null", json!({"input_tokens": null, "output_tokens": 50}), WHOLE),
        ends_with("input rises", json!({"input_tokens": 1_100, "output_tokens": 50}), WHOLE + 400_000),
        ends_with("input falls", json!({"input_tokens": 900, "output_tokens": 50}), WHOLE),
        ends_with("more output than is allowed", json!({"output_tokens": 1_001}), HELD).because(InvalidUsage),
        ends_with("all output that is allowed", json!({"output_tokens": 1_000}), HELD),
        ends_with("absurd output", json!({"output_tokens": u64::MAX}), HELD).because(InvalidUsage),
        ends_with("negative output", json!({"output_tokens": -5}), HELD).because(InvalidUsage),
        ends_with("a part of a token", json!({"output_tokens": 1.5}), HELD).because(InvalidUsage),
        ends_with("output is text", json!({"output_tokens": "50"}), HELD).because(InvalidUsage),
        ends_with("output is a list", json!({"output_tokens": [50]}), HELD).because(InvalidUsage),
        ends_with("the report is text", json!("many"), HELD + INPUT - KNOWN_INPUT).because(InvalidUsage),
        with_usage("input is text", "input_tokens", "1000", INPUT + KNOWN_OUTPUT).because(InvalidUsage),
        with_usage("more input than fits", "input_tokens", 1_000_001, INPUT + KNOWN_OUTPUT).because(InvalidUsage),
        with_usage("more input than was held", "input_tokens", 300_000, 1_200_000_000 + KNOWN_OUTPUT),
        with_usage("an odd cache", "cache_creation", 7, INPUT + KNOWN_OUTPUT).because(InvalidUsage),
        with_usage("searches", "server_tool_use", json!({"web_search_requests": 2}), WHOLE + 20_000_000),
        with_usage(
            "absurd searches",
            "server_tool_use",
            json!({"web_search_requests": 1_000_000_000_u64}),
            INPUT + KNOWN_OUTPUT,
        )
        .because(InvalidUsage),
        with_usage("what is not known", "brand_new_tokens", -1, WHOLE),
    ] {
        case.check();
    }
}

#[test]
fn charges_steps_each_as_its_model() {
    let few = start_with(json!({"input_tokens": 10, "output_tokens": 1}));
    let steps = |steps: Value| last(json!({"input_tokens": 10, "output_tokens": 20, "iterations": steps}));
    let (own, advice) = (KNOWN_INPUT + 600_000, 7_000 + 15_000);
    let two = json!([
        {"input_tokens": 1_000, "output_tokens": 30},
        {"model": "claude-haiku-4-5-20251001", "input_tokens": 7, "output_tokens": 3},
    ]);
    let many = Value::Array(vec![json!({"input_tokens": 1, "output_tokens": 1}); 101]);
    let nested = (0..5_000).fold("1".to_owned(), |inner, _| format!("[{{\"iterations\":{inner}}}]"));
    let nested = format!("data: {{\"type\":\"message_delta\",\"usage\":{{\"iterations\":{nested}}}}}\n\n");
    for case in [
        Case::stream("two steps", &[few.clone(), steps(two), stop()], own + advice),
        Case::stream("no steps", &[few.clone(), steps(json!([])), stop()], 40_000 + 400_000),
        Case::stream(
            "less than the sum",
            &[few.clone(), steps(json!([{"input_tokens": 1, "output_tokens": 1}])), stop()],
            440_000,
        ),
        Case::stream(
            "a step without output",
            &[few.clone(), steps(json!([{"input_tokens": 10}])), stop()],
            40_000 + OUTPUT,
        )
        .because(NoUsage),
        Case::stream(
            "a step without input",
            &[few.clone(), steps(json!([{"output_tokens": 20}])), stop()],
            INPUT + 400_000,
        )
        .because(NoUsage),
        Case::stream("too many steps", &[few.clone(), steps(many), stop()], INPUT + OUTPUT).because(InvalidUsage),
        Case::stream(
            "a step of an unknown model",
            &[few.clone(), steps(json!([{"model": "x", "input_tokens": 10, "output_tokens": 20}])), stop()],
            440_000,
        )
        .because(UnknownModel),
        Case::stream("steps in steps", &[few, nested, stop()], INPUT + OUTPUT).because(NoUsage),
    ] {
        case.check();
    }
}

#[test]
fn charges_what_changes_the_price() {
    for case in [
        with_usage("fast", "speed", "fast", 2 * WHOLE),
        with_usage("standard", "speed", "standard", WHOLE),
        with_usage("unheard of", "speed", "warp", 2 * WHOLE).because(UnknownModifier),
        with_usage("no text", "speed", 7, 2 * WHOLE).because(UnknownModifier),
        with_usage("in the US", "inference_geo", "us", WHOLE / 10 * 11),
        with_usage("anywhere", "inference_geo", "global", WHOLE),
        with_usage("nowhere", "inference_geo", "not_available", WHOLE),
        with_usage("null", "inference_geo", Value::Null, WHOLE),
        with_usage("on the moon", "inference_geo", "moon", WHOLE / 10 * 11).because(UnknownModifier),
        with_usage("the standard tier", "service_tier", "standard", WHOLE),
        with_usage("another tier", "service_tier", "priority", WHOLE).because(UnknownModifier),
        ends_with("fast in the end", json!({"output_tokens": 50, "speed": "fast"}), 2 * WHOLE),
        answered_by("fast without a price", "claude-sonnet-5-5", WHOLE / 2).of_model("claude-sonnet-5-5"),
    ] {
        case.check();
    }
    let usage = json!({"input_tokens": 1_000, "output_tokens": 1, "speed": "fast"});
    let answer = [start_of("claude-sonnet-5-5", usage), last_50(), stop()];
    let case = Case::stream("fast without a price", &answer, 6 * WHOLE / 2).because(UnknownModifier);
    case.of_model("claude-sonnet-5-5").check();
}

#[test]
fn charges_the_model_that_answered_by_its_one_name() {
    let fallback = "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"fallback\",\
        \"to\":{\"model\":\"claude-sonnet-5-5\"}}}\n\n";
    let switched = [start(), fallback.to_owned(), last_50(), stop()];
    for case in [
        answered_by("its own name", MODEL, WHOLE),
        answered_by("a date", "claude-opus-5-5-20990101", WHOLE),
        answered_by("capitals", "Claude-Opus-5-5", WHOLE),
        answered_by("a cloud", "us.anthropic.claude-opus-5-5-20261101-v1:0", WHOLE),
        answered_by("the long context", "claude-opus-5-5[1m]", WHOLE),
        answered_by("another model", "claude-sonnet-5-5", WHOLE / 2).of_model("claude-sonnet-5-5"),
        answered_by("a dearer model", "claude-fable-5-1", 12_500_000).of_model("claude-fable-5-1"),
        answered_by("an unheard-of model", "claude-next", WHOLE).because(UnknownModel),
        answered_by("no name", "", WHOLE).because(UnknownModel),
        Case::stream("a model that took over", &switched, WHOLE / 2).of_model("claude-sonnet-5-5"),
    ] {
        case.check();
    }
}

#[test]
fn charges_an_unknown_end_what_is_held() {
    let unended = last_50().trim_end().to_owned();
    for case in [
        Case::stream("cut after the start", &[start()], HELD).because(Cut),
        Case::stream("cut in the text", &[start(), text("Hi")], HELD).because(Cut).broken(Cut),
        Case::stream("stalled", &[start(), text("Hi")], HELD).because(Stalled).broken(Stalled),
        Case::stream("cut after a report", &[start(), report(json!({"output_tokens": 20}))], HELD).because(Cut),
        Case::stream("cut after the last report", &[start(), last_50()], WHOLE).broken(Cut),
        Case::stream("without a last blank line", &[start(), unended.clone()], WHOLE),
        Case::stream("cut in the last report", &[start(), unended], HELD).because(Cut).broken(Cut),
        Case::stream("an error instead", &[error()], 0),
        Case::stream("a ping and an error", &[event("ping", json!({})), error()], 0),
        Case::stream("an error in the middle", &[start(), text("Hi"), error()], HELD).because(ErrorInAnswer),
        Case::stream("an error after the last report", &[start(), last_50(), error()], WHOLE),
        Case::stream("an error after a report alone", &[report(json!({"input_tokens": 1_000})), error()], HELD)
            .because(ErrorInAnswer),
    ] {
        case.check();
    }
}

#[test]
fn charges_a_stream_that_cannot_be_believed_what_is_held() {
    let garbled = "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":\n\n".to_owned();
    let foreign = "event: brand_new\ndata: not json\n\n".to_owned();
    let long = "x".repeat(2_000);
    let huge = text(&"x".repeat(2 * 1024 * 1024));
    let huge_report = format!("data: {{\"type\":\"message_delta\",\"x\":\"{}\"}}\n\n", "x".repeat(2 * 1024 * 1024));
    for case in [
        Case::stream("two answers", &[start(), start(), last_50(), stop()], HELD).because(Unreadable),
        Case::stream("a garbled report", &[start(), garbled, last_50(), stop()], HELD).because(Unreadable),
        Case::stream("what is no event of the API's", &[start(), foreign, last_50(), stop()], WHOLE),
        Case::stream(
            "a long text and no output",
            &[start(), text(&long), last(json!({"output_tokens": 0})), stop()],
            HELD,
        )
        .because(InvalidUsage),
        Case::stream(
            "a short text and no output",
            &[start(), text("Hi"), last(json!({"output_tokens": 0})), stop()],
            KNOWN_INPUT + 20_000,
        ),
        Case::stream("a report before the start", &[last_50(), start(), stop()], WHOLE),
        Case::stream(
            "a report of another event",
            &[start(), event("usage", json!({"usage": {"input_tokens": 2_000}})), last_50(), stop()],
            WHOLE + KNOWN_INPUT,
        ),
        Case::stream(
            "a stop and a later report",
            &[start(), last_50(), report(json!({"output_tokens": 60})), stop()],
            WHOLE + 200_000,
        ),
        Case::stream(
            "a stop without a report",
            &[
                start(),
                report(json!({"output_tokens": 50})),
                event("message_delta", json!({"delta": {"stop_reason": "x"}})),
                stop(),
            ],
            HELD,
        )
        .because(NoUsage),
        Case::stream(
            "a huge text",
            &[start(), huge, last(json!({"output_tokens": 900})), stop()],
            KNOWN_INPUT + 18_000_000,
        ),
        Case::stream("a huge report", &[start(), huge_report, last_50(), stop()], HELD).because(Unreadable),
    ] {
        case.check();
    }
}

#[test]
fn nothing_was_heard_of_what_is_unknown() {
    let bill = meter().finish(Some(Stalled));
    assert_eq!(bill, Bill::unknown(MODEL, Stalled));
    assert_eq!(cost(&bill).as_nanos(), INPUT + OUTPUT);
}
