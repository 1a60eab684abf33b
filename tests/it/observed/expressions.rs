//! The expressions of the dashboards and the alerts, as they are shipped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use promql_parser::parser::{Expr, MatrixSelector, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

/// An expression, and where it stands.
#[derive(Debug)]
pub(crate) struct Expression {
    /// The board's title and the panel's, or the alert's name.
    pub(crate) title: String,
    /// What Prometheus is asked.
    pub(crate) text: String,
    /// How many seconds ago it is evaluated: what reads a whole day onwards is asked at the day's beginning.
    pub(crate) ago: u32,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

/// Every query of every board. Its variables have the values that Grafana gives them: everything, and a range of so many
/// seconds, in one step.
pub(crate) fn of_boards(seconds: u64) -> Vec<Expression> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(directory()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let board: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            for panel in board["panels"].as_array().unwrap() {
                let title = format!("{} / {}", board["title"].as_str().unwrap(), panel["title"].as_str().unwrap());
                for target in panel["targets"].as_array().into_iter().flatten() {
                    let text = filled(target["expr"].as_str().unwrap(), seconds);
                    let ago = if text.contains("[1d] offset -1d") { 24 * 60 * 60 } else { 0 };
                    found.push(Expression { title: title.clone(), text, ago });
                }
            }
        }
    }
    found
}

/// Every alert, and what is recorded for them.
pub(crate) fn of_alerts() -> Vec<Expression> {
    let rules = std::fs::read_to_string(directory().join("alerts.yaml")).unwrap();
    let rules: Value = serde_norway::from_str(&rules).unwrap();
    let rules = rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap().clone());
    let expression = |rule: Value| Expression {
        title: rule["alert"].as_str().or(rule["record"].as_str()).unwrap().to_owned(),
        text: rule["expr"].as_str().unwrap().to_owned(),
        ago: 0,
    };
    rules.map(expression).collect()
}

/// The query of a panel, the `at`th of it.
pub(crate) fn of_panel(title: &str, at: usize, seconds: u64) -> String {
    let found: Vec<_> =
        of_boards(seconds).into_iter().filter(|one| one.title.ends_with(&format!("/ {title}"))).collect();
    found.into_iter().nth(at).unwrap_or_else(|| panic!("no panel is called {title}")).text
}

fn filled(expression: &str, seconds: u64) -> String {
    let (range, millis) = (format!("{seconds}s"), (seconds * 1_000).to_string());
    let seconds = seconds.to_string();
    let variables = [
        ("$job", "innkeeper"),
        ("$instance", ".*"),
        ("$tenant", ".*"),
        ("$__rate_interval", "5m"),
        ("$__range_s", &seconds),
        ("$__range", &range),
        ("$__interval_ms", &millis),
        ("$__interval", &range),
    ];
    let filled = variables.into_iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
    // Nothing is a day old in a test.
    let filled = filled.replace(" offset 1d", "");
    assert!(!filled.contains('$'), "{filled} has a variable that is not known");
    filled
}

impl Expression {
    /// The names of all series it reads.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        struct Names(BTreeSet<String>);
        impl ExprVisitor for Names {
            type Error = ();

            fn pre_visit(&mut self, expression: &Expr) -> Result<bool, ()> {
                if let Expr::VectorSelector(VectorSelector { name, .. })
                | Expr::MatrixSelector(MatrixSelector { vs: VectorSelector { name, .. }, .. }) = expression
                {
                    self.0.extend(name.clone());
                }
                Ok(true)
            }
        }
        let mut names = Names(BTreeSet::new());
        let parsed = parse(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.text));
        let _ = walk_expr(&mut names, &parsed);
        names.0
    }
}
