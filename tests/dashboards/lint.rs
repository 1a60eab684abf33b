//! The rules of boards: those of Grafana's own linter that apply here, and some of ours.

use std::collections::BTreeSet;

use innkeeper::metrics::catalogue;
use serde_json::Value;

use crate::expressions::read;
use crate::{boards, file};

const UNITS: [&str; 9] = ["none", "s", "h", "bytes", "Bps", "currencyUSD", "percentunit", "reqps", "short"];

/// Ranges that may be asked for: of the time that is shown, and of what is told by the hour.
const RANGES: [&str; 8] = [
    "[$__rate_interval]",
    "[$__interval]",
    "[$__range]",
    "[$__range:$__interval]",
    "[1h]",
    "[1h:1m]",
    "[1d]",
    "[1s:1s]",
];

fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    board["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

#[test]
fn every_board_is_whole() {
    let (boards, mut uids) = (boards(), BTreeSet::new());
    for json in boards.iter().map(|board| board.json(&boards)) {
        let title = json["title"].as_str().unwrap();
        assert!(uids.insert(json["uid"].as_str().unwrap().to_owned()), "{title}: its uid is another's");
        assert!(json["uid"].as_str().unwrap().len() <= 40, "{title}: Grafana takes no uid of more than 40 letters");
        assert_eq!(json["links"].as_array().unwrap().len(), boards.len() - 1, "{title}: links to all other boards");
        assert!(json.get("id").is_none() && json["editable"] == false, "{title}");
        let names: Vec<_> = json["templating"]["list"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert!(names.starts_with(&[&"datasource".into(), &"job".into(), &"instance".into()]), "{title}: {names:?}");
        for variable in json["templating"]["list"].as_array().unwrap() {
            let everything = variable.get("allValue").is_some();
            assert_eq!(everything, variable["name"] == "tenant", "{title}: {}: others' targets too", variable["name"]);
        }
        let tenants = names.iter().any(|name| **name == "tenant");
        assert_eq!(json.to_string().contains("$tenant"), tenants, "{title}: narrowed to tenants or not");
    }
}

#[test]
fn every_panel_says_what_it_shows_and_stands_on_none() {
    let all = boards();
    for board in all.iter().map(|board| board.json(&all)) {
        let (mut titles, mut taken, mut ids) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for panel in board["panels"].as_array().unwrap() {
            let title = format!("{} / {}", board["title"], panel["title"]);
            assert!(ids.insert(panel["id"].as_u64()), "{title}: its id is another's");
            let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            for x in at("x")..at("x") + at("w") {
                assert!(x < 24, "{title} leaves the grid");
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{title} stands on another");
                }
            }
        }
        for panel in panels(&board) {
            let title = format!("{} / {}", board["title"], panel["title"]);
            assert!(titles.insert(panel["title"].to_string()), "{title}: twice");
            assert!(panel["description"].as_str().unwrap().ends_with('.'), "{title}: says what it shows");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
            let units = panel["fieldConfig"]["overrides"].as_array().unwrap().iter();
            let units = units.flat_map(|one| one["properties"].as_array().unwrap());
            let units = units.filter(|property| property["id"] == "unit").map(|property| &property["value"]);
            for unit in units.chain([&panel["fieldConfig"]["defaults"]["unit"]]) {
                assert!(UNITS.contains(&unit.as_str().unwrap()), "{title}: {unit}");
            }
            assert_eq!(panel["targets"].as_array().unwrap().is_empty(), panel["type"] == "alertlist", "{title}");
        }
    }
}

#[test]
fn every_expression_asks_for_what_there_is() {
    let (all, mut used) = (boards(), BTreeSet::new());
    for board in all.iter().map(|board| board.json(&all)) {
        for panel in panels(&board) {
            for target in panel["targets"].as_array().unwrap() {
                let expression = target["expr"].as_str().unwrap();
                let title = format!("{} / {}: {expression}", board["title"], panel["title"]);
                let said = read(expression);
                assert!(said.faults.is_empty(), "{title}: {:?}", said.faults);
                used.extend(said.families);
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
                let ranges = expression.match_indices('[').map(|(at, _)| &expression[at..]);
                for range in ranges {
                    assert!(RANGES.iter().any(|allowed| range.starts_with(allowed)), "{title}");
                }
                let legend = target["legendFormat"].as_str().unwrap();
                assert!(!legend.is_empty(), "{title}: no legend");
                for name in legend.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap()) {
                    let given = expression.contains(&format!("({name}")) || expression.contains(&format!(", {name}"));
                    assert!(given, "{title}: nothing gives {name} to the legend");
                }
                if expression.contains("histogram_quantile") {
                    assert!(expression.contains("by (le"), "{title}: a quantile of nothing");
                }
            }
        }
    }
    let alerts = std::fs::read_to_string(file("alerts.yaml")).unwrap_or_default();
    let unseen: Vec<_> = catalogue::families()
        .map(|family| family.name)
        .filter(|name| !used.contains(name) && !alerts.contains(name))
        .collect();
    assert!(unseen.is_empty(), "{unseen:?} are on no board and in no alert: show them or do not export them");
}
