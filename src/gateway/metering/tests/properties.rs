//! What holds for any answer, however it is cut.

use http::{HeaderMap, StatusCode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::super::bill::Bill;
use super::{MAX_TOKENS, event, exposure, last, meter, prices, report, start_of, start_with, stop, text};
use crate::domain::{EstimateReason, Usd};

/// Counters as an API may report them, and as none should.
fn counter() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (0_u64..2_000).prop_map(Value::from),
        1 => (0_u64..2_000_000).prop_map(Value::from),
        1 => select(vec![json!(null), json!(u64::MAX), json!(-1), json!(1.5), json!("7"), json!([]), json!({})]),
    ]
}

fn usage() -> impl Strategy<Value = Value> {
    let fields = ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "speed"];
    vec((select(fields.to_vec()), counter()), 0..4).prop_map(|fields| fields.into_iter().collect())
}

fn any_event() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => usage().prop_map(start_with),
        1 => usage().prop_map(|usage| start_of("claude-next", usage)),
        3 => "[a-z ]{0,40}".prop_map(|words| text(&words)),
        3 => usage().prop_map(report),
        2 => usage().prop_map(last),
        1 => Just(stop()),
        1 => Just(super::error()),
        1 => Just(event("ping", json!({}))),
        1 => Just("data: {\"type\":\n\n".to_owned()),
        1 => Just(": a comment\r\n\r\n".to_owned()),
    ]
}

fn bill(stream: &[u8], cuts: &[usize], broken: Option<EstimateReason>) -> Bill {
    let mut meter = meter();
    meter.begin(StatusCode::OK, &HeaderMap::new());
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    for piece in cuts.windows(2) {
        meter.read(&stream[piece[0]..piece[1]]);
    }
    meter.finish(broken)
}

fn cost(bill: &Bill) -> Usd {
    exposure().cost(bill, &prices())
}

proptest! {
    #[test]
    fn a_bill_does_not_depend_on_how_the_bytes_were_cut(events in vec(any_event(), 0..8), cuts in vec(any::<usize>(), 0..20)) {
        let stream = events.concat().into_bytes();
        prop_assert_eq!(bill(&stream, &cuts, None), bill(&stream, &[], None));
    }

    #[test]
    fn a_bill_is_never_less_than_what_was_seen_nor_more_than_was_held(events in vec(any_event(), 0..8), cut in any::<usize>()) {
        let stream = events.concat().into_bytes();
        let heard = &stream[..cut % (stream.len() + 1)];
        for broken in [None, Some(EstimateReason::Cut)] {
            let bill = bill(heard, &[], broken);
            let seen = prices().cost_with(&bill.parts, bill.modifiers);
            let cost = cost(&bill);
            prop_assert!(cost >= seen);
            prop_assert!(cost == seen || cost <= exposure().amount, "{cost} of {bill:?}");
            prop_assert!(bill.estimated.is_some() || cost == seen);
        }
    }

    #[test]
    fn a_later_report_never_lowers_a_counter(events in vec(usage(), 1..6)) {
        let mut before = [0; 4];
        for heard in 1..=events.len() {
            let stream: String = events[..heard].iter().cloned().map(report).collect();
            let bill = bill(stream.as_bytes(), &[], Some(EstimateReason::Cut));
            if bill.estimated == Some(EstimateReason::InvalidUsage) {
                break;
            }
            let used = bill.parts[0].1;
            let now = [used.input_tokens, used.output_tokens, used.cache_read_tokens, used.cache_write_5m_tokens];
            prop_assert!(now.iter().zip(before).all(|(now, before)| *now >= before), "{now:?} after {before:?}");
            before = now;
        }
    }

    #[test]
    fn an_answer_cut_anywhere_costs_no_less_than_the_whole(
        input in 0_u64..2_500,
        outputs in vec(1..=MAX_TOKENS, 1..4),
        words in "[a-z ]{0,60}",
        cut in any::<usize>(),
    ) {
        let mut outputs = outputs;
        outputs.sort_unstable();
        let end = outputs.pop().unwrap();
        let mut events = vec![start_with(json!({"input_tokens": input, "output_tokens": 1})), text(&words)];
        events.extend(outputs.into_iter().map(|output| report(json!({"output_tokens": output}))));
        events.extend([last(json!({"input_tokens": 0, "output_tokens": end})), stop()]);
        let stream = events.concat().into_bytes();
        let whole = bill(&stream, &[], None);
        prop_assert_eq!(whole.estimated, None);
        let heard = bill(&stream[..cut % (stream.len() + 1)], &[], Some(EstimateReason::Cut));
        prop_assert!(cost(&heard) >= cost(&whole), "{heard:?}");
    }
}
