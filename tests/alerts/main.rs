//! The alerts of `dashboards/alerts.yaml`: each is whole, asks for what there is, is tested both ways, and is explained in
//! the runbook.

#![expect(clippy::unwrap_used, reason = "an alert that cannot be read has failed")]

mod expressions;
mod runbook;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_norway::Value;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn yaml(name: &str) -> Value {
    serde_norway::from_str(&std::fs::read_to_string(file(name)).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Every rule there is.
fn rules() -> Vec<Value> {
    let rules = yaml("dashboards/alerts.yaml");
    let groups = rules["groups"].as_sequence().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_sequence().unwrap().clone()).collect()
}

/// Every alert.
fn alerts() -> Vec<Value> {
    rules().into_iter().filter(|rule| rule.get("alert").is_some()).collect()
}

/// What is recorded, by its name.
fn recorded() -> BTreeMap<String, String> {
    let rules = rules();
    let records = rules.iter().filter(|rule| rule.get("record").is_some());
    records.map(|rule| (text(&rule["record"]).to_owned(), text(&rule["expr"]).to_owned())).collect()
}

/// Where an alert is explained.
fn anchor(alert: &str) -> String {
    format!("#{}", alert.to_lowercase())
}

#[test]
fn every_alert_is_whole() {
    let mut names = BTreeSet::new();
    for alert in alerts() {
        let name = text(&alert["alert"]);
        assert!(name.starts_with("Innkeeper") && names.insert(name.to_owned()), "{name:?} is no name, or twice");
        let severity = text(&alert["labels"]["severity"]);
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity:?} says nothing");
        let told = &alert["annotations"];
        assert!(!text(&told["summary"]).contains("{{"), "{name}: a summary is the same for all, to be grouped by");
        assert!(text(&told["description"]).ends_with('.'), "{name}: says what is the matter");
        let link = format!(r#"{{{{ or $externalLabels.runbook "docs/runbook.md" }}}}{}"#, anchor(name));
        assert_eq!(text(&told["runbook_url"]), link, "{name}");
    }
}

#[test]
fn every_alert_fires_in_one_case_and_is_quiet_in_another() {
    let cases = yaml("dashboards/alerts.test.yaml");
    let (mut fires, mut quiet) = (BTreeSet::new(), BTreeSet::new());
    for case in cases["tests"].as_sequence().unwrap() {
        for asked in case["alert_rule_test"].as_sequence().unwrap() {
            let expected = asked["exp_alerts"].as_sequence().unwrap();
            if expected.is_empty() { &mut quiet } else { &mut fires }.insert(text(&asked["alertname"]).to_owned());
        }
    }
    let all: BTreeSet<_> = alerts().iter().map(|alert| text(&alert["alert"]).to_owned()).collect();
    assert_eq!(fires, all, "an alert never fires in dashboards/alerts.test.yaml, or a case is of none");
    assert_eq!(quiet, all, "an alert is never quiet in dashboards/alerts.test.yaml, or a case is of none");
}

#[test]
fn every_expression_asks_for_what_there_is() {
    for alert in alerts() {
        let faults = expressions::faults(text(&alert["expr"]));
        assert!(faults.is_empty(), "{}: {faults:?}", text(&alert["alert"]));
    }
}

#[test]
fn what_is_recorded_is_asked_for_more_than_once() {
    let rules = std::fs::read_to_string(file("dashboards/alerts.yaml")).unwrap();
    for (name, expression) in recorded() {
        let faults = expressions::faults(&expression);
        assert!(faults.is_empty(), "{name}: {faults:?}");
        assert!(name.starts_with("innkeeper:"), "{name}");
        assert!(rules.matches(&name).count() > 2, "{name} is recorded for a single use");
    }
    assert!(!recorded().is_empty());
}

#[test]
fn promtool_accepts_the_rules_and_their_tests() {
    promtool(&["check", "rules", "dashboards/alerts.yaml"]);
    promtool(&["test", "rules", "dashboards/alerts.test.yaml"]);
}

#[test]
fn promtool_accepts_the_configuration_and_finds_the_rules_by_it() {
    let said = promtool(&["check", "config", "docker/prometheus.yml"]);
    let found = format!("{} rules found", rules().len());
    assert!(said.contains(&found), "the configuration does not lead to the rules: {said}");
}

fn promtool(arguments: &[&str]) -> String {
    let ran = Command::new("promtool").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let ran = ran.expect("promtool is there: run scripts/prometheus.sh");
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "promtool {}: {said}", arguments.join(" "));
    said
}
