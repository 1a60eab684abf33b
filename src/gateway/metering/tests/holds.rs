//! What is held for a call as more of it becomes known.

use serde_json::json;

use super::{HELD, INPUT, KNOWN_INPUT, MODEL, OUTPUT, exposure, last_50, meter, prices, start, start_with, stop, text};
use crate::domain::{Ask, Usd};
use crate::gateway::metering::{Exposure, Meter};
use http::{HeaderMap, StatusCode};

fn read(meter: &mut Meter, events: &[String]) {
    meter.begin(StatusCode::OK, &HeaderMap::new());
    meter.read(events.concat().as_bytes());
}

/// A call with 20 searches, each of which reads the input again.
fn searching() -> Exposure {
    let one = exposure();
    let input_picos = one.ask.input_picos * 21;
    let ask = Ask { input_picos, output_picos: one.ask.output_picos * 21, ..one.ask };
    let amount = ask.amount(ask.max_tokens);
    Exposure { ask, later_picos: input_picos - one.ask.input_picos, steps: 21, amount, ..one }
}

#[test]
fn gives_back_what_the_input_does_not_need_once() {
    let mut meter = meter();
    assert!(meter.take_known_input().is_none());
    read(&mut meter, &[start()]);
    let bill = meter.take_known_input().unwrap();
    assert_eq!(exposure().cost(&bill, &prices()).as_nanos(), HELD);
    read(&mut meter, &[text("Hi"), last_50()]);
    assert!(meter.take_known_input().is_none());
}

#[test]
fn gives_nothing_back_for_an_input_that_cannot_be_true() {
    for input in [json!("1"), json!(-1), json!(2_000_000)] {
        let mut meter = meter();
        read(&mut meter, &[start_with(json!({"input_tokens": input}))]);
        assert!(meter.take_known_input().is_none(), "{input}");
    }
}

#[test]
fn keeps_what_later_steps_may_cost() {
    let exposure = searching();
    let mut meter = meter();
    read(&mut meter, &[start()]);
    let held = exposure.cost(&meter.take_known_input().unwrap(), &prices()).as_nanos();
    assert_eq!(held, KNOWN_INPUT + 20 * INPUT + 21 * OUTPUT);
    assert!(held < exposure.amount.as_nanos());
    // The end tells what the steps did cost.
    let searched = json!({"input_tokens": 40_000, "output_tokens": 50, "server_tool_use": {"web_search_requests": 20}});
    read(&mut meter, &[super::last(searched), stop()]);
    let bill = meter.finish(None);
    let cost = exposure.cost(&bill, &prices()).as_nanos();
    assert_eq!((bill.estimated, cost), (None, 160_000_000 + 1_000_000 + 200_000_000));
}

#[test]
fn holds_the_tier_of_the_prompt_that_is_known() {
    // Above 100000 tokens of prompt the model costs five times as much.
    let ask = Ask { input_picos: 500_000 * 120_000, output_picos: 2_500_000, max_tokens: 1_000, least_tokens: 1_000 };
    let exposure = Exposure { ask, amount: ask.amount(1_000), ..exposure() };
    let mut meter = meter();
    read(&mut meter, &[super::start_of("claude-haiku-5-5", json!({"input_tokens": 1_000}))]);
    let held = exposure.cost(&meter.take_known_input().unwrap(), &prices());
    assert_eq!(held, Usd::from_nanos(1_000 * 100 + 1_000 * 500));
    assert_ne!(MODEL, "claude-haiku-5-5");
}
