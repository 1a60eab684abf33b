//! What a board is made of, and how Grafana's classic JSON says it.

use serde_json::{Value, json};

use crate::panel::Panel;

/// The columns of Grafana's grid.
const COLUMNS: u32 = 24;

/// A board.
pub(crate) struct Board {
    /// Its file's name and the end of its uid.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    /// Whether it can be narrowed to tenants.
    pub(crate) by_tenant: bool,
    /// The time it opens on, as Grafana says it: `now-6h`.
    pub(crate) opens_on: &'static str,
    /// Whether its days are those of UTC, which budgets begin by, and not the reader's.
    pub(crate) in_utc: bool,
    pub(crate) rows: Vec<(&'static str, Vec<Panel>)>,
}

/// The histogram's quantile over the matchers of `@`.
pub(crate) fn quantile(q: f64, family: &str, by: &str) -> String {
    quantile_of(q, family, "@", by)
}

/// The histogram's quantile over these matchers.
pub(crate) fn quantile_of(q: f64, family: &str, matchers: &str, by: &str) -> String {
    let by = if by.is_empty() { "le".to_owned() } else { format!("le, {by}") };
    format!("histogram_quantile({q}, sum by ({by}) (rate({family}_bucket{{{matchers}}}[$__rate_interval])))")
}

/// Gives each tenant of an expression its name. The server names whatever has a series, all others together and what bounds
/// all tenants too, so that the join drops no money.
pub(crate) fn named(expression: &str) -> String {
    format!(
        "({expression}) * on (tenant) group_left (tenant_name) max by (tenant, tenant_name) (innkeeper_tenant_info{{@}})"
    )
}

/// The same for days: by a name that a tenant had on each.
pub(crate) fn named_by_day(expression: &str) -> String {
    format!(
        "({expression}) * on (tenant) group_left (tenant_name) topk by (tenant) (1, max by (tenant, tenant_name) (last_over_time(innkeeper_tenant_info{{@}}[1d] offset -1d)))"
    )
}

/// The data source that the reader chose.
pub(crate) fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

impl Board {
    /// Its uid, which never changes: links and bookmarks hold it.
    pub(crate) fn uid(&self) -> String {
        format!("innkeeper-{}", self.name)
    }

    /// What Grafana reads.
    pub(crate) fn json(&self, all: &[Board]) -> Value {
        let (mut panels, mut top) = (Vec::new(), 0);
        for (title, row) in &self.rows {
            let at = json!({ "h": 1, "w": COLUMNS, "x": 0, "y": top });
            let id = panels.len() + 1;
            panels.push(
                json!({ "id": id, "type": "row", "title": title, "collapsed": false, "gridPos": at, "panels": [] }),
            );
            top += 1;
            let (mut left, mut height) = (0, 0);
            for panel in row {
                let (width, tall) = panel.size;
                if left + width > COLUMNS {
                    (left, top, height) = (0, top + height, 0);
                }
                panels.push(panel.json(panels.len() + 1, [left, top]));
                (left, height) = (left + width, height.max(tall));
            }
            top += height;
        }
        let links: Vec<_> = all
            .iter()
            .filter(|other| other.name != self.name)
            .map(|other| {
                json!({ "type": "link", "title": other.title, "url": format!("/d/{}", other.uid()), "icon": "dashboard",
                    "keepTime": true, "includeVars": true, "targetBlank": false, "asDropdown": false, "tags": [],
                    "tooltip": other.about })
            })
            .collect();
        json!({
            "uid": self.uid(), "title": format!("innkeeper / {}", self.title), "description": self.about,
            "tags": ["innkeeper"], "schemaVersion": 39, "version": 1, "editable": false, "graphTooltip": 1,
            "time": { "from": self.opens_on, "to": "now" },
            "timezone": if self.in_utc { "utc" } else { "browser" }, "refresh": "30s", "weekStart": "",
            "fiscalYearStartMonth": 0, "links": links, "annotations": { "list": [] },
            "templating": { "list": self.variables() }, "panels": panels,
        })
    }

    fn variables(&self) -> Vec<Value> {
        let ask = |name: &str, label: &str, query: &str, regex: &str| {
            json!({ "type": "query", "name": name, "label": label, "datasource": source(), "query": { "query": query, "refId": name },
                "definition": query, "refresh": 2, "sort": 1, "multi": true, "includeAll": true,
                "current": { "selected": true, "text": ["All"], "value": ["$__all"] }, "hide": 0, "options": [], "regex": regex })
        };
        let mut variables = vec![
            json!({ "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "hide": 0,
                "current": {}, "options": [], "refresh": 1, "regex": "", "multi": false, "includeAll": false }),
            ask("job", "Job", "label_values(innkeeper_build_info, job)", ""),
            ask("instance", "Instance", r#"label_values(innkeeper_build_info{job=~"$job"}, instance)"#, ""),
        ];
        if self.by_tenant {
            // Chosen by name, asked for by id.
            let query = r#"query_result(innkeeper_tenant_info{job=~"$job",instance=~"$instance",tenant!=""})"#;
            let regex = r#"/tenant_name="(?<text>[^"]+)|tenant="(?<value>[^"]+)/g"#;
            let mut tenant = ask("tenant", "Tenant", query, regex);
            // All of them is everything, what belongs to no tenant too. All jobs are only those that are listed: `up` and
            // `process_` are told by whatever else Prometheus watches.
            tenant["allValue"] = json!(".*");
            variables.push(tenant);
        }
        for (name, label, address) in [
            ("api", "Address of the API", "http://localhost:8000"),
            ("traces", "Address of Jaeger", "http://localhost:16686"),
        ] {
            if self.has_sessions() {
                let option = json!({ "selected": true, "text": address, "value": address });
                variables.push(json!({ "type": "textbox", "name": name, "label": label, "query": address, "hide": 0,
                    "current": option, "options": [option] }));
            }
        }
        variables
    }

    /// Whether a table leads from a session to elsewhere.
    fn has_sessions(&self) -> bool {
        self.rows.iter().flat_map(|(_, row)| row).any(Panel::names_sessions)
    }
}
