//! What a call costs: to the nano-dollar what the provider charges, and in the ledger before the caller has its answer.

use futures_util::future::join_all;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::by_hand::{ByHand, Pieces, REPORT, START, STOP, TEXT, WHOLE_COST, event_stream};
use super::harness::House;
use super::wire::{OPUS, Told, read_until, scripted, streamed, with};
use crate::domain::{Usage, Usd};

/// A usage in which every class is different, as the provider tells it.
fn told() -> Value {
    json!({
        "input_tokens": 1_000, "output_tokens": 50, "cache_read_input_tokens": 3_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 2_000, "ephemeral_1h_input_tokens": 700},
        "server_tool_use": {"web_search_requests": 3},
    })
}

/// The same usage, as the ledger keeps it.
const KEPT: Usage = Usage {
    input_tokens: 1_000,
    output_tokens: 50,
    cache_read_tokens: 3_000,
    cache_write_5m_tokens: 2_000,
    cache_write_1h_tokens: 700,
    web_search_requests: 3,
};

/// Calls `model`, streaming and not, with an answer by `script`, and checks what the ledger says at once.
async fn assert_costs(model: &str, script: &Value, answering: &str, usage: Usage, nanos: i64) {
    let house = House::new().await;
    for call in [streamed(scripted(script)), scripted(script)] {
        let told = house.told(&with(call, "model", model)).await;
        let row = house.rows().await.pop().unwrap();
        assert_eq!(told.status, 200, "{}", told.text());
        assert_eq!((row.status.as_str(), row.model.as_str()), ("exact", answering), "{model}");
        assert_eq!((row.usage, row.cost.as_nanos()), (usage, nanos), "{model}");
        assert_eq!((row.turn, row.price_version.as_str()), (house.caller.turn, "2026-11-30"));
    }
    assert_eq!(house.rows().await.len(), 2);
    assert_eq!(house.turn_cost().await.as_nanos(), 2 * nanos);
}

#[tokio::test]
async fn every_class_of_tokens_is_paid_at_its_model_s_price() {
    let searches = 30_000_000;
    for (model, nanos) in [
        ("claude-opus-5-5", 4_000_000 + 1_000_000 + 600_000 + 10_000_000 + 5_600_000),
        ("claude-opus-5-5[1m]", 4_000_000 + 1_000_000 + 600_000 + 10_000_000 + 5_600_000),
        ("claude-opus-4-8", 5_000_000 + 1_250_000 + 1_500_000 + 12_500_000 + 7_000_000),
        ("claude-sonnet-5-5", 2_000_000 + 500_000 + 300_000 + 5_000_000 + 2_800_000),
        ("claude-haiku-4-5-20251001", 1_000_000 + 250_000 + 300_000 + 2_500_000 + 1_400_000),
        ("claude-haiku-5-5", 100_000 + 25_000 + 30_000 + 250_000 + 140_000),
    ] {
        let name = model.trim_end_matches("[1m]").trim_end_matches("-20251001");
        assert_costs(model, &json!({"usage": told()}), name, KEPT, nanos + searches).await;
    }
}

#[tokio::test]
async fn a_long_prompt_makes_the_whole_call_dearer() {
    let long = json!({"input_tokens": 1, "cache_read_input_tokens": 100_000, "output_tokens": 10});
    let just_not = with(long.clone(), "input_tokens", 0);
    let kept = Usage { input_tokens: 1, cache_read_tokens: 100_000, output_tokens: 10, ..Usage::default() };
    assert_costs("claude-haiku-5-5", &json!({"usage": long}), "claude-haiku-5-5", kept, 500 + 5_000_000 + 25_000).await;
    let kept = Usage { input_tokens: 0, ..kept };
    assert_costs("claude-haiku-5-5", &json!({"usage": just_not}), "claude-haiku-5-5", kept, 1_000_000 + 5_000).await;
}

#[tokio::test]
async fn steps_of_a_call_are_paid_each_at_the_model_that_took_it() {
    let usage = json!({
        "input_tokens": 10, "output_tokens": 20,
        "iterations": [
            {"type": "message", "input_tokens": 100, "output_tokens": 30},
            {"type": "advisor_message", "model": "claude-haiku-4-5", "input_tokens": 7, "output_tokens": 3},
        ],
    });
    let kept = Usage { input_tokens: 107, output_tokens: 33, ..Usage::default() };
    let (own, advice) = (400_000 + 600_000, 7_000 + 15_000);
    assert_costs(OPUS, &json!({"usage": usage}), OPUS, kept, own + advice).await;
}

#[tokio::test]
async fn the_model_that_answered_is_paid() {
    let script = json!({"model": "claude-sonnet-5-5", "usage": {"input_tokens": 10, "output_tokens": 10}});
    let kept = Usage { input_tokens: 10, output_tokens: 10, ..Usage::default() };
    assert_costs(OPUS, &script, "claude-sonnet-5-5", kept, 20_000 + 100_000).await;
}

#[tokio::test]
async fn made_up_names_of_models_are_one_model_in_the_ledger() {
    let house = House::new().await;
    let usage = json!({"input_tokens": 10, "output_tokens": 10});
    for number in 0..30 {
        for (name, status) in [("claude-opus-5-5-209901", "exact"), ("claude-made-up-209901", "estimated")] {
            let script = json!({"model": format!("{name}{number:02}"), "usage": usage});
            house.told(&scripted(&script)).await;
            let row = house.rows().await.pop().unwrap();
            assert_eq!((row.status.as_str(), row.model.as_str(), row.cost.as_nanos()), (status, OPUS, 240_000));
            let unknown = (status == "estimated").then_some("unknown_model");
            assert_eq!(row.estimate_reason.as_deref(), unknown);
        }
    }
    let totals = house.store.ledger().totals().await.unwrap();
    assert_eq!(totals.iter().map(|total| (total.model.as_str(), total.calls)).collect::<Vec<_>>(), [(OPUS, 60)]);
}

#[tokio::test]
async fn every_price_of_the_table_is_the_one_that_is_charged() {
    let house = House::new().await;
    let table: toml::Value = toml::from_str(include_str!("../../../config/prices.toml")).unwrap();
    let mut sum = 0;
    for model in table["model"].as_array().unwrap() {
        for tier in model["tier"].as_array().unwrap() {
            let above = tier.get("above_prompt_tokens").map_or(0, |bound| bound.as_integer().unwrap());
            let tokens = [
                ("input", above + 13),
                ("output", 1_009),
                ("cache_read", 107),
                ("cache_write_5m", 211),
                ("cache_write_1h", 307),
            ];
            let usage = json!({
                "input_tokens": tokens[0].1, "output_tokens": tokens[1].1, "cache_read_input_tokens": tokens[2].1,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": tokens[3].1, "ephemeral_1h_input_tokens": tokens[4].1,
                },
            });
            let nanos_a_million = |class: &str| {
                let dollars: Decimal = tier[class].as_str().unwrap().parse().unwrap();
                dollars * Decimal::from(1_000_000_000)
            };
            let million = Decimal::from(1_000_000);
            let cost: Decimal =
                tokens.iter().map(|(class, count)| nanos_a_million(class) * Decimal::from(*count)).sum();
            let aliases = model.get("aliases").map(|aliases| aliases.as_array().unwrap().as_slice());
            for name in std::iter::once(&model["id"]).chain(aliases.unwrap_or_default()) {
                let name = name.as_str().unwrap();
                let call = streamed(scripted(&json!({"usage": usage})));
                house.told(&with(call, "model", name)).await;
                let row = house.rows().await.pop().unwrap();
                assert_eq!(row.model, model["id"].as_str().unwrap(), "a model has one name");
                assert_eq!(Decimal::from(row.cost.as_nanos()), (cost / million).ceil(), "{name} above {above}");
                sum += row.cost.as_nanos();
            }
        }
    }
    assert_eq!(house.turn_cost().await.as_nanos(), sum);
}

#[tokio::test]
async fn prices_of_one_s_own_are_charged_and_rounded_up_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prices.toml");
    let tier = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h"].map(|name| (name, "0.0003"));
    let tier = tier.map(|(name, price)| format!("{name} = '{price}'\n")).concat();
    let head = "version = 'ours'\neffective = '2026-01-01T00:00:00Z'\nweb_search_per_1k = '10'\n";
    std::fs::write(&path, format!("{head}[[model]]\nid = 'tiny'\n[[model.tier]]\n{tier}")).unwrap();
    let house = House::with(|config| config.prices_file = path).await;
    let usage = json!({"input_tokens": 3, "output_tokens": 1});
    house.told(&with(scripted(&json!({"usage": usage})), "model", "tiny")).await;
    let row = house.row().await;
    assert_eq!((row.cost, row.price_version.as_str()), (Usd::from_nanos(2), "ours"));
    assert_eq!(house.told(&scripted(&json!({}))).await.status, 404);
}

#[tokio::test]
async fn a_call_is_settled_before_its_end_is_seen() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let (pieces, body) = Pieces::new();
    let mut answer = model.answer(&house, event_stream(body)).await;
    assert_eq!(house.row().await.status, "open");
    let (end, rest) = STOP.split_at(STOP.len() - 1);
    for piece in [START, TEXT, REPORT, end] {
        pieces.say(piece).await;
    }
    let seen = read_until(&mut answer, end).await;
    assert_eq!(seen, [START, TEXT, REPORT, end].concat());
    assert_eq!(house.row().await.status, "open");
    pieces.say(rest).await;
    assert_eq!(read_until(&mut answer, rest).await, rest);
    let row = house.row().await;
    assert_eq!((row.status.as_str(), row.cost.as_nanos()), ("exact", WHOLE_COST));
    drop(pieces);
    assert_eq!(answer.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn calls_at_the_same_time_add_up() {
    let house = House::new().await;
    let call = |number: u64| {
        let usage = json!({"input_tokens": number, "output_tokens": 1});
        streamed(scripted(&json!({"usage": usage, "chunks": 5, "chunk_delay_ms": 1})))
    };
    let calls = join_all((1..=30).map(async |number| house.call(&call(number)).await)).await;
    join_all(calls.into_iter().map(Told::of)).await;
    let rows = house.rows().await;
    assert!(rows.iter().all(|row| row.status == "exact"), "{rows:?}");
    let expected = Usd::from_nanos((1..=30).map(|number| number * 4_000 + 20_000).sum());
    assert_eq!(rows.iter().map(|row| row.cost).sum::<Usd>(), expected);
    assert_eq!(house.turn_cost().await, expected);
}

#[tokio::test]
async fn each_sandbox_pays_for_its_own_calls() {
    let house = House::new().await;
    let neighbour = house.neighbour().await;
    let call = |tokens: u64| scripted(&json!({"usage": {"input_tokens": tokens, "output_tokens": 1}}));
    let (own, other) = (call(1), call(2));
    tokio::join!(house.told(&own), neighbour.told(&other));
    assert_eq!((house.row().await.cost.as_nanos(), house.turn_cost().await.as_nanos()), (24_000, 24_000));
    assert_eq!((neighbour.row().await.cost.as_nanos(), neighbour.turn_cost().await.as_nanos()), (28_000, 28_000));
}
