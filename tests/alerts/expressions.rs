//! What an alert's expression asks for: families of the catalogue, by labels they have.

use innkeeper::metrics::{Family, Kind, catalogue};
use promql_parser::parser::{Expr, MatrixSelector, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};

/// What Prometheus knows of whom it asks, and every process tells of itself.
const EVERYBODYS: [&str; 6] = [
    "up",
    "process_start_time_seconds",
    "process_open_fds",
    "process_max_fds",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
];

/// Labels that Prometheus adds.
const ADDED: [&str; 2] = ["job", "instance"];

/// What is wrong with an expression.
pub(crate) fn faults(expression: &str) -> Vec<String> {
    let mut reader = Reader::default();
    match parse(expression) {
        Ok(parsed) => drop(walk_expr(&mut reader, &parsed)),
        Err(error) => reader.0.push(format!("cannot be read: {error}")),
    }
    reader.0
}

/// The family that a name of a series belongs to.
pub(crate) fn family(name: &str) -> Option<&'static Family> {
    catalogue::families().find(|family| match family.kind {
        Kind::Histogram => {
            name.strip_prefix(family.name).is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end))
        }
        _ => family.name == name,
    })
}

#[derive(Default)]
struct Reader(Vec<String>);

impl Reader {
    fn select(&mut self, selector: &VectorSelector) {
        let name = selector.name.as_deref().unwrap_or_default();
        let labels = match family(name) {
            Some(family) => family.labels,
            // What is recorded has the labels of what it is made of.
            None if crate::recorded().contains_key(name) => return,
            None if EVERYBODYS.contains(&name) => &[],
            None => return self.0.push(format!("{name} is in no catalogue")),
        };
        for matcher in &selector.matchers.matchers {
            if !ADDED.contains(&matcher.name.as_str()) && labels.iter().all(|label| label.name != matcher.name) {
                self.0.push(format!("{name} has no label {}", matcher.name));
            }
        }
    }
}

impl ExprVisitor for Reader {
    type Error = ();

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, ()> {
        match expression {
            Expr::MatrixSelector(MatrixSelector { vs, .. }) => self.select(vs),
            Expr::VectorSelector(selector) => self.select(selector),
            _ => {}
        }
        Ok(true)
    }
}

#[test]
fn what_is_wrong_is_found() {
    assert_eq!(faults("rate(innkeeper_turns_total[5m]) > 0"), ["innkeeper_turns_total is in no catalogue"]);
    assert_eq!(faults(r#"innkeeper_sessions{stage="x"} > 0"#), ["innkeeper_sessions has no label stage"]);
    assert!(faults("sum(").concat().starts_with("cannot be read"));
    assert!(faults(r#"sum by (le) (rate(innkeeper_turn_rounds_bucket{job="innkeeper"}[5m])) > 1"#).is_empty());
}
