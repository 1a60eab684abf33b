//! What a board is made of, and how Grafana's classic JSON says it.
//!
//! In expressions `@` stands for the matchers of job and instance, `@t` for those and the tenant.

use serde_json::{Value, json};

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
    pub(crate) rows: Vec<(&'static str, Vec<Panel>)>,
}

/// A panel.
pub(crate) struct Panel {
    kind: &'static str,
    title: &'static str,
    about: &'static str,
    unit: &'static str,
    targets: Vec<Target>,
    size: (u32, u32),
    steps: Vec<(f64, &'static str)>,
    stacked: bool,
    bounds: (Option<f64>, Option<f64>),
    meanings: Vec<(&'static str, &'static str, &'static str)>,
    shows_names: bool,
}

/// A query of a panel; in a table a column.
struct Target {
    legend: &'static str,
    unit: &'static str,
    expression: String,
}

impl Panel {
    const fn new(kind: &'static str, title: &'static str, about: &'static str, unit: &'static str) -> Self {
        Self {
            kind,
            title,
            about,
            unit,
            targets: Vec::new(),
            size: (8, 8),
            steps: Vec::new(),
            stacked: false,
            bounds: (None, None),
            meanings: Vec::new(),
            shows_names: false,
        }
    }

    /// A number.
    pub(crate) const fn stat(title: &'static str, about: &'static str, unit: &'static str) -> Self {
        let mut panel = Self::new("stat", title, about, unit);
        panel.size = (4, 4);
        panel
    }

    /// What the series are called, instead of their numbers.
    pub(crate) const fn names(title: &'static str, about: &'static str) -> Self {
        let mut panel = Self::stat(title, about, "none");
        panel.shows_names = true;
        panel
    }

    /// Lines over time.
    pub(crate) const fn lines(title: &'static str, about: &'static str, unit: &'static str) -> Self {
        Self::new("timeseries", title, about, unit)
    }

    /// Bars beside each other.
    pub(crate) const fn bars(title: &'static str, about: &'static str, unit: &'static str) -> Self {
        Self::new("bargauge", title, about, unit)
    }

    /// How often values were in which range, over time.
    pub(crate) const fn heat(title: &'static str, about: &'static str, unit: &'static str) -> Self {
        Self::new("heatmap", title, about, unit)
    }

    /// A table with a row for each combination of labels.
    pub(crate) const fn table(title: &'static str, about: &'static str) -> Self {
        let mut panel = Self::new("table", title, about, "none");
        panel.size = (24, 9);
        panel
    }

    /// What fires.
    pub(crate) const fn alerts(title: &'static str, about: &'static str) -> Self {
        Self::new("alertlist", title, about, "none")
    }

    /// A query, and what its series are called.
    pub(crate) fn ask(mut self, legend: &'static str, expression: impl Into<String>) -> Self {
        self.targets.push(Target { legend, unit: self.unit, expression: selected(&expression.into()) });
        self
    }

    /// A column of a table.
    pub(crate) fn column(mut self, name: &'static str, unit: &'static str, expression: impl Into<String>) -> Self {
        self.targets.push(Target { legend: name, unit, expression: selected(&expression.into()) });
        self
    }

    /// Columns and rows of the grid it takes.
    pub(crate) const fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    /// Colours from a value on; below the first it is green.
    pub(crate) fn steps(mut self, steps: &[(f64, &'static str)]) -> Self {
        self.steps = steps.to_vec();
        self
    }

    /// What values mean: a word and its colour instead of a number.
    pub(crate) fn meaning(mut self, meanings: &[(&'static str, &'static str, &'static str)]) -> Self {
        self.meanings = meanings.to_vec();
        self
    }

    /// Lines upon each other.
    pub(crate) const fn stacked(mut self) -> Self {
        self.stacked = true;
        self
    }

    /// The least and the greatest value that is drawn.
    pub(crate) const fn between(mut self, least: f64, greatest: f64) -> Self {
        self.bounds = (Some(least), Some(greatest));
        self
    }
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

fn selected(expression: &str) -> String {
    let ours = r#"job=~"$job",instance=~"$instance""#;
    expression.replace("@t", &format!(r#"{ours},tenant=~"$tenant""#)).replace('@', ours)
}

fn source() -> Value {
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
            "time": { "from": "now-6h", "to": "now" }, "timezone": "browser", "refresh": "30s", "weekStart": "",
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
        variables
    }
}

impl Panel {
    fn json(&self, id: usize, [x, y]: [u32; 2]) -> Value {
        let (w, h) = self.size;
        let mut steps = vec![json!({ "color": if self.steps.is_empty() { "blue" } else { "green" }, "value": null })];
        steps.extend(self.steps.iter().map(|(value, color)| json!({ "color": color, "value": value })));
        let mut defaults = json!({ "unit": self.unit, "thresholds": { "mode": "absolute", "steps": steps },
            "color": { "mode": if self.kind == "timeseries" { "palette-classic" } else { "thresholds" } }, "custom": self.custom() });
        if let (Some(least), Some(greatest)) = self.bounds {
            defaults["min"] = json!(least);
            defaults["max"] = json!(greatest);
        }
        if self.kind == "stat" && self.unit == "none" {
            // `increase` reckons between scrapes, and 1 thing comes out as 1.01.
            defaults["decimals"] = json!(0);
        }
        let mut panel = json!({
            "id": id, "type": self.kind, "title": self.title, "description": self.about, "datasource": source(),
            "gridPos": { "h": h, "w": w, "x": x, "y": y }, "targets": self.targets(),
            "fieldConfig": { "defaults": defaults, "overrides": self.overrides() }, "options": self.options(),
        });
        if self.kind == "heatmap" {
            // As many columns as can be told from each other.
            panel["maxDataPoints"] = json!(60);
        }
        if self.kind == "table" {
            let names: serde_json::Map<_, _> = self.columns().collect();
            let places = self.columns().enumerate().map(|(at, (name, _))| (name, json!(at)));
            let places: serde_json::Map<_, _> = places.collect();
            let hidden = ["Time", "job", "instance", "__name__"].map(|name| (name.to_owned(), json!(true)));
            panel["transformations"] = json!([
                { "id": "merge", "options": {} },
                { "id": "organize", "options": { "renameByName": names,
                    "excludeByName": serde_json::Map::from_iter(hidden), "indexByName": places } },
            ]);
        }
        panel
    }

    fn targets(&self) -> Vec<Value> {
        let instant = matches!(self.kind, "stat" | "bargauge" | "table");
        let format = match self.kind {
            "table" => "table",
            "heatmap" => "heatmap",
            _ => "time_series",
        };
        let target = |(at, target): (usize, &Target)| {
            json!({ "refId": letter(at), "datasource": source(), "expr": target.expression, "instant": instant,
                "range": !instant, "format": format, "editorMode": "code",
                "legendFormat": if self.kind == "table" { "__auto" } else { target.legend } })
        };
        self.targets.iter().enumerate().map(target).collect()
    }

    /// What Grafana calls a table's columns, and what we do, from left to right.
    fn columns(&self) -> impl Iterator<Item = (String, Value)> {
        let one = self.targets.len() == 1;
        let value = move |at| if one { "Value".to_owned() } else { format!("Value #{}", letter(at)) };
        let columns = self.targets.iter().enumerate().map(move |(at, target)| (value(at), json!(target.legend)));
        let labels = [
            ("tenant_name", "Tenant"),
            ("session", "Session"),
            ("model", "Model"),
            ("scope", "Scope"),
            ("period", "Period"),
            ("enforcement", "Enforcement"),
            ("probe", "Probe"),
        ];
        let ids = [("budget", "Budget"), ("tenant", "Tenant id")];
        let label = |(label, name): (&str, &str)| (label.to_owned(), json!(name));
        labels.into_iter().map(label).chain(columns).chain(ids.into_iter().map(label))
    }

    fn overrides(&self) -> Vec<Value> {
        if self.kind != "table" {
            return Vec::new();
        }
        let words: serde_json::Map<_, _> = self
            .meanings
            .iter()
            .map(|(value, word, color)| ((*value).to_owned(), json!({ "text": word, "color": color })))
            .collect();
        let column = |target: &Target| {
            let mut properties = vec![json!({ "id": "unit", "value": target.unit })];
            if !words.is_empty() {
                properties.push(json!({ "id": "mappings", "value": [{ "type": "value", "options": words }] }));
                properties.push(json!({ "id": "custom.cellOptions", "value": { "type": "color-text" } }));
            }
            json!({ "matcher": { "id": "byName", "options": target.legend }, "properties": properties })
        };
        // From a tenant's name to its sessions.
        let url = r#"/d/innkeeper-sessions?${__url_time_range}&var-datasource=${datasource}&var-tenant=${__data.fields["Tenant id"]}"#;
        let link = json!({ "matcher": { "id": "byName", "options": "Tenant" },
            "properties": [{ "id": "links", "value": [{ "title": "Its sessions", "url": url }] }] });
        let names_tenants = self.targets.iter().any(|target| target.expression.contains("tenant_name"));
        self.targets.iter().map(column).chain(names_tenants.then_some(link)).collect()
    }

    fn custom(&self) -> Value {
        match self.kind {
            "timeseries" => {
                json!({ "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "showPoints": "never",
                "fillOpacity": if self.stacked { 40 } else { 8 }, "spanNulls": false, "axisSoftMin": 0,
                "stacking": { "mode": if self.stacked { "normal" } else { "none" }, "group": "A" },
                "thresholdsStyle": { "mode": if self.steps.is_empty() { "off" } else { "dashed" } } })
            }
            "table" => json!({ "align": "auto", "cellOptions": { "type": "auto" }, "filterable": true }),
            _ => json!({}),
        }
    }

    fn options(&self) -> Value {
        let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
        match self.kind {
            "stat" => json!({ "reduceOptions": last, "colorMode": "value", "graphMode": "none",
                "textMode": if self.shows_names { "name" } else { "auto" },
                "justifyMode": "auto", "orientation": "auto", "wideLayout": true }),
            "bargauge" => json!({ "reduceOptions": last, "displayMode": "gradient", "orientation": "horizontal",
                "showUnfilled": true, "valueMode": "color", "namePlacement": "auto", "minVizHeight": 16, "minVizWidth": 8 }),
            "timeseries" => {
                json!({ "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
                "tooltip": { "mode": "multi", "sort": "desc" } })
            }
            "heatmap" => {
                json!({ "calculate": false, "cellGap": 1, "yAxis": { "unit": self.unit, "axisPlacement": "left" },
                "rowsFrame": { "layout": "auto" }, "cellValues": { "unit": "short", "decimals": 0 }, "filterValues": { "le": 1e-9 },
                "color": { "mode": "scheme", "scheme": "Oranges", "steps": 64, "scale": "exponential", "exponent": 0.5, "fill": "dark-orange", "reverse": false },
                "legend": { "show": true }, "tooltip": { "mode": "single", "yHistogram": false, "showColorScale": false } })
            }
            "alertlist" => {
                json!({ "alertInstanceLabelFilter": "", "alertName": "", "dashboardAlerts": false, "groupMode": "default",
                "maxItems": 20, "sortOrder": 3, "viewMode": "list",
                "stateFilter": { "error": true, "firing": true, "noData": false, "normal": false, "pending": true } })
            }
            _ => {
                json!({ "showHeader": true, "cellHeight": "sm", "footer": { "show": false, "reducer": ["sum"], "fields": "" } })
            }
        }
    }
}

fn letter(at: usize) -> char {
    char::from(b'A' + u8::try_from(at).expect("no panel has so many queries"))
}
