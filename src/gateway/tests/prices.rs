//! Prices that are loaded again while calls run: each call is charged by the one table it was opened with.

use std::path::PathBuf;

use tempfile::TempDir;

use super::by_hand::{ByHand, REPORT, START, STOP, TEXT, WHOLE_COST, event_stream};
use super::harness::House;
use super::wire::{OPUS, Told, read_until, scripted};
use crate::gateway::Reloaded;

/// A price table with one model.
fn table(version: &str, model: &str, input: &str, output: &str) -> String {
    format!(
        "version = '{version}'\neffective = '2026-01-01T00:00:00Z'\nweb_search_per_1k = '10'\n[[model]]\nid = '{model}'\n\
         [[model.tier]]\ninput = '{input}'\noutput = '{output}'\ncache_write_5m = '{input}'\n\
         cache_write_1h = '{input}'\ncache_read = '0.2'\n"
    )
}

/// A gateway before `upstream` whose prices are in a file, and the file.
async fn house(upstream: &str) -> (House, PathBuf, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prices.toml");
    std::fs::write(&path, table("old", OPUS, "4", "20")).unwrap();
    let file = path.clone();
    let house = House::with(|config| {
        config.prices_file = file;
        upstream.clone_into(&mut config.upstream_url);
    })
    .await;
    (house, path, directory)
}

fn reloaded(old: &str, new: &str) -> Reloaded {
    Reloaded { old: old.to_owned(), new: new.to_owned() }
}

#[tokio::test]
async fn a_call_is_settled_at_the_prices_it_was_opened_with() {
    let mut model = ByHand::serve().await;
    let (house, path, _directory) = house(&model.url).await;
    let (mut answer, pieces) = model.begin(&house).await;

    std::fs::write(&path, table("new", OPUS, "8", "40")).unwrap();
    assert_eq!(house.prices.reload(false).unwrap(), reloaded("old", "new"));
    assert_eq!((house.prices.version().as_str(), house.row().await.status.as_str()), ("new", "open"));
    pieces.say([REPORT, STOP].concat()).await;
    read_until(&mut answer, STOP).await;
    let row = house.row().await;
    assert_eq!((row.status.as_str(), row.cost.as_nanos(), row.price_version.as_str()), ("exact", WHOLE_COST, "old"));

    let whole = [START, TEXT, REPORT, STOP].concat();
    Told::of(model.answer(&house, event_stream(whole)).await).await;
    let row = house.rows().await.pop().unwrap();
    assert_eq!((row.status.as_str(), row.cost.as_nanos()), ("exact", 2 * WHOLE_COST));
    assert_eq!(row.price_version, "new");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_leaves_the_prices_as_they_are() {
    let (house, path, _directory) = house("http://127.0.0.1:1").await;
    let before = house.prices.list();
    for (text, force, words) in [
        ("version = ".to_owned(), true, "cannot be used"),
        (table("new", OPUS, "0", "20"), true, "`input` must be more than 0"),
        (table("old", OPUS, "4", "21"), true, "version `old`"),
        (table("new", "other", "4", "20"), false, "lacks the model `claude-opus-5-5`"),
        (table("new", OPUS, "1.9", "20"), false, "model `claude-opus-5-5`: `input` falls from 4 to 1.9"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = house.prices.reload(force).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!(house.prices.list(), before, "{words}");
    }
    std::fs::remove_file(&path).unwrap();
    let error = house.prices.reload(true).unwrap_err().to_string();
    assert!(error.contains("cannot read the price file") && error.contains("prices.toml"), "{error}");
    assert_eq!(house.prices.list(), before);
}

#[tokio::test]
async fn a_fall_that_is_meant_can_be_forced_and_a_model_that_is_gone_is_not_asked() {
    let (house, path, _directory) = house("http://127.0.0.1:1").await;
    std::fs::write(&path, table("cheap", "other", "0.4", "2")).unwrap();
    house.prices.reload(false).unwrap_err();
    assert_eq!(house.prices.reload(true).unwrap(), reloaded("old", "cheap"));
    let list = house.prices.list();
    assert_eq!((list.version.as_str(), list.file), ("cheap", Some(path)));
    assert_eq!((list.models[0].id.as_str(), list.models[0].tiers[0].input.as_str()), ("other", "0.4"));
    assert_eq!(house.told(&scripted(&serde_json::json!({}))).await.status, 404);
}

#[tokio::test]
async fn built_in_prices_stay_as_they_are() {
    let house = House::new().await;
    let before = house.prices.list();
    assert_eq!(before.file, None);
    assert_eq!(house.prices.reload(false).unwrap(), reloaded(&before.version, &before.version));
    assert_eq!((house.prices.list(), house.prices.effective()), (before.clone(), before.effective));
}
