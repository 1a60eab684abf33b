//! The runbook: a section for each alert, and nothing in it that there is not.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::expressions::{self, family};
use crate::{alerts, anchor, file, text};

fn runbook() -> String {
    std::fs::read_to_string(file("docs/runbook.md")).unwrap()
}

/// The sections of alerts: name and text.
fn sections(runbook: &str) -> BTreeMap<&str, &str> {
    let sections = runbook.split("\n### ").skip(1);
    sections.map(|section| section.split_once('\n').unwrap()).collect()
}

/// What is set as code: lines of blocks, and spans in the text.
fn code(runbook: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, part) in runbook.split("```").enumerate() {
        if at % 2 == 1 {
            found.extend(part.lines().map(str::to_owned));
        } else {
            found.extend(part.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " ")));
        }
    }
    assert!(found.len() > 200, "the runbook's code was not found");
    found
}

/// The words of the commands of ours in a piece of code, up to a pipe, a remark or the end.
fn commands(code: &str) -> Vec<Vec<&str>> {
    let words: Vec<_> = code.split_whitespace().collect();
    let begins = |at: &usize| words[*at].trim_start_matches("KEY=$(") == "innkeeper";
    let starts = (0..words.len()).filter(begins);
    let ours = starts.map(|at| {
        let ends = |word: &&&str| !["|", "#", "#:"].contains(*word);
        words[at + 1..].iter().take_while(ends).map(|word| word.trim_end_matches([';', ')', ',', ':'])).collect()
    });
    ours.filter(|command: &Vec<_>| command.first().is_some_and(|word| !word.starts_with('-'))).collect()
}

#[test]
fn every_alert_has_a_section_that_can_be_followed() {
    let text_of_all = runbook();
    let sections = sections(&text_of_all);
    let named: BTreeSet<_> = sections.keys().map(ToString::to_string).collect();
    let all: BTreeSet<_> = alerts().iter().map(|alert| text(&alert["alert"]).to_owned()).collect();
    assert_eq!(named, all, "an alert has no section in docs/runbook.md, or a section no alert");
    for (name, section) in sections {
        for part in ["**Means**", "**Do**"] {
            assert!(section.contains(part) || section.contains("and **do** as"), "{name}: {part} is missing");
        }
        for link in section.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            assert!(all.iter().any(|alert| anchor(alert)[1..] == *link), "{name}: #{link} leads nowhere");
        }
    }
    for link in text_of_all.split("](../").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        assert!(file(link).exists(), "{link} is not there");
    }
}

#[test]
fn every_command_is_one() {
    let mut seen = 0;
    for code in code(&runbook()) {
        for command in commands(&code) {
            let is_name = |word: &&&str| word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
            let name: Vec<_> =
                command.iter().take(2).take_while(is_name).filter(|word| !word.starts_with('-')).collect();
            let ran = Command::new(env!("CARGO_BIN_EXE_innkeeper")).args(&name).arg("--help").output().unwrap();
            let help = String::from_utf8_lossy(&ran.stdout);
            assert!(ran.status.success(), "`{code}`: {}", String::from_utf8_lossy(&ran.stderr));
            for option in command.iter().filter(|word| word.starts_with("--")) {
                assert!(
                    help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n")),
                    "`{code}`: {option}"
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 50, "the runbook's commands were not found: {seen}");
}

#[test]
fn every_family_question_and_setting_is_one() {
    let text = runbook();
    let names = text.split(|one: char| !(one.is_ascii_alphanumeric() || one == '_'));
    for name in names.filter(|name| name.starts_with("innkeeper_")) {
        assert!(family(name).is_some(), "{name} is in no catalogue");
    }
    let asked = code(&text).into_iter().filter_map(|code| Some(code.strip_prefix("q ")?.to_owned()));
    let asked: Vec<_> =
        asked.map(|code| code.split('#').next().unwrap().trim().trim_matches('\'').to_owned()).collect();
    assert!(asked.len() > 25, "the runbook's questions to Prometheus were not found");
    for expression in asked {
        let faults = expressions::faults(&expression);
        assert!(faults.is_empty(), "`{expression}`: {faults:?}");
    }
    let settings = std::fs::read_to_string(file("config/default.toml")).unwrap();
    let settings: toml::Table = settings.parse().unwrap();
    let mut seen = BTreeSet::new();
    for code in code(&text) {
        let word = code.split([' ', '=']).next().unwrap();
        let Some((section, key)) = word.split_once('.') else { continue };
        if let Some(section) = settings.get(section).and_then(toml::Value::as_table) {
            assert!(section.contains_key(key), "{word} is no setting");
            seen.insert(word.to_owned());
        }
    }
    assert!(seen.len() > 15, "the runbook's settings were not found: {seen:?}");
}
