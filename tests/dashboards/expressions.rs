//! What an expression of `PromQL` is made of, as far as it can be wrong: its families, labels and ranges.

use std::collections::BTreeSet;

use innkeeper::metrics::{Family, Kind, Source, catalogue};
use promql_parser::parser::{AggregateExpr, Call, Expr, MatrixSelector, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};

/// Labels that Prometheus adds.
const ADDED: [&str; 5] = ["job", "instance", "le", "alertname", "alertstate"];

/// What every Prometheus knows of whom it asks, and every process tells of itself.
const EVERYBODYS: [&str; 3] = ["up", "process_", "ALERTS"];

/// What may be asked of what begins anew at each start.
const RATES: [&str; 2] = ["rate", "increase"];

/// What is said in an expression.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Every family, by its own name.
    pub(crate) families: BTreeSet<&'static str>,
    /// What is wrong.
    pub(crate) faults: Vec<String>,
    /// The labels of its families.
    labels: BTreeSet<&'static str>,
    rated: bool,
}

/// Reads an expression of a board, whose variables stand for anything.
pub(crate) fn read(expression: &str) -> Said {
    let plain = filled(expression);
    let mut said = Said::default();
    match parse(&plain) {
        Ok(parsed) => {
            let _ = walk_expr(&mut said, &parsed);
            said.check_grouping(&parsed);
        }
        Err(error) => said.faults.push(format!("cannot be read: {error}")),
    }
    said
}

/// With values for Grafana's own variables.
pub(crate) fn filled(expression: &str) -> String {
    let variables = [
        ("$__rate_interval", "5m"),
        ("$__range_s", "21600"),
        ("$__range", "6h"),
        ("$__interval_ms", "300000"),
        ("$__interval", "5m"),
    ];
    variables.into_iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// The family that a name of a series belongs to.
fn family(name: &str) -> Option<&'static Family> {
    catalogue::families().find(|family| match family.kind {
        Kind::Histogram => {
            name.strip_prefix(family.name).is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end))
        }
        _ => family.name == name,
    })
}

impl Said {
    fn select(&mut self, selector: &VectorSelector) {
        let Some(name) = &selector.name else {
            return self.faults.push("a selector without a name".to_owned());
        };
        let matched = |label: &str| selector.matchers.matchers.iter().any(|matcher| matcher.name == label);
        if name != "ALERTS" && !(matched("job") && matched("instance")) {
            self.faults.push(format!("{name} is not narrowed to job and instance"));
        }
        let Some(family) = family(name) else {
            if !EVERYBODYS.iter().any(|prefix| name.starts_with(prefix)) {
                self.faults.push(format!("{name} is in no catalogue"));
            }
            return;
        };
        self.families.insert(family.name);
        self.labels.extend(family.labels.iter().map(|label| label.name));
        for matcher in &selector.matchers.matchers {
            let known = family.labels.iter().any(|label| label.name == matcher.name);
            if !known && !ADDED.contains(&matcher.name.as_str()) {
                self.faults.push(format!("{name} has no label {}", matcher.name));
            }
        }
        // What is collected survives a restart, and may be shown as it is; what is recorded begins anew.
        if family.kind != Kind::Gauge && family.source == Source::Recorded && !self.rated {
            self.faults.push(format!("{name} begins anew at each start: show its rate or increase"));
        }
    }

    /// Whatever is grouped by must be a label of something.
    fn check_grouping(&mut self, expression: &Expr) {
        struct Groupings(Vec<String>);
        impl ExprVisitor for Groupings {
            type Error = ();

            fn pre_visit(&mut self, expression: &Expr) -> Result<bool, ()> {
                if let Expr::Aggregate(AggregateExpr { modifier: Some(modifier), .. }) = expression {
                    self.0.extend(modifier.labels().labels.iter().cloned());
                }
                Ok(true)
            }
        }
        let mut groupings = Groupings(Vec::new());
        let _ = walk_expr(&mut groupings, expression);
        for label in groupings.0 {
            if !self.labels.contains(label.as_str()) && !ADDED.contains(&label.as_str()) {
                self.faults.push(format!("grouped by {label}, which nothing here has"));
            }
        }
    }
}

impl ExprVisitor for Said {
    type Error = ();

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, ()> {
        match expression {
            Expr::Call(Call { func, .. }) if RATES.contains(&func.name) => self.rated = true,
            Expr::MatrixSelector(MatrixSelector { vs, .. }) => self.select(vs),
            Expr::VectorSelector(selector) => self.select(selector),
            _ => {}
        }
        Ok(true)
    }

    fn post_visit(&mut self, expression: &Expr) -> Result<bool, ()> {
        if let Expr::Call(Call { func, .. }) = expression
            && RATES.contains(&func.name)
        {
            self.rated = false;
        }
        Ok(true)
    }
}

#[test]
fn what_is_wrong_is_found() {
    for (expression, fault) in [
        ("sum(", "cannot be read"),
        (r#"innkeeper_sessions_open{job="a",instance="b"}"#, "in no catalogue"),
        (r#"rate(innkeeper_sessions_created_total{job="a"}[5m])"#, "not narrowed"),
        (r#"innkeeper_sessions_created_total{job="a",instance="b"}"#, "begins anew"),
        (r#"innkeeper_sessions{job="a",instance="b",stage="x"}"#, "no label stage"),
        (r#"sum by (model) (innkeeper_sessions{job="a",instance="b"})"#, "grouped by model"),
    ] {
        let faults = read(expression).faults;
        assert!(faults.iter().any(|found| found.contains(fault)), "{expression}: {faults:?}");
    }
    let good =
        r#"sum by (le) (rate(innkeeper_turn_rounds_bucket{job=~"$job",instance=~"$instance"}[$__rate_interval]))"#;
    assert!(read(good).faults.is_empty(), "{:?}", read(good).faults);
}
