//! How Grafana's classic JSON says what a panel is.

use serde_json::{Value, json};

use crate::board::source;
use crate::panel::{Panel, Style, Target};

impl Panel {
    /// What Grafana reads.
    pub(crate) fn json(&self, id: usize, [x, y]: [u32; 2]) -> Value {
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
        if let Style::Bars(least) = self.style {
            panel["interval"] = json!(least);
        }
        if self.kind == "heatmap" {
            // As many columns as can be distinguished.
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
        // From a session to how it stands, and to where its time went.
        let status = "${api}/status/${__value.text}";
        let trace = "${traces}/search?service=innkeeper&tags=%7B%22session%22%3A%22${__value.text}%22%7D";
        let links = [("Its status", status), ("Its traces", trace)]
            .map(|(title, url)| json!({ "title": title, "url": url, "targetBlank": true }));
        let session = json!({ "matcher": { "id": "byName", "options": "Session" },
            "properties": [{ "id": "links", "value": links }] });
        let names_tenants = self.targets.iter().any(|target| target.expression.contains("tenant_name"));
        let links = names_tenants.then_some(link).into_iter().chain(self.names_sessions().then_some(session));
        self.targets.iter().map(column).chain(links).collect()
    }

    /// Whether it leads from a session to elsewhere.
    pub(crate) fn names_sessions(&self) -> bool {
        self.kind == "table" && self.targets.iter().any(|target| target.expression.contains("by (tenant, session)"))
    }

    fn custom(&self) -> Value {
        match self.kind {
            "timeseries" => {
                // Between two turns nothing is known of how long turns take.
                let is_measured = self.targets.iter().any(|target| target.expression.contains("histogram_quantile"));
                let (style, points, fill) = match self.style {
                    Style::Line if is_measured => ("points", "always", 0),
                    Style::Line => ("line", "auto", if self.stacked { 40 } else { 8 }),
                    Style::Bars(_) => ("bars", "never", 70),
                };
                json!({ "drawStyle": style, "lineInterpolation": "linear", "lineWidth": 1, "showPoints": points,
                "pointSize": 5, "fillOpacity": fill, "spanNulls": false, "axisSoftMin": 0,
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
                let sort: Vec<_> =
                    self.sorted_by.iter().map(|column| json!({ "displayName": column, "desc": true })).collect();
                json!({ "showHeader": true, "cellHeight": "sm", "sortBy": sort,
                    "footer": { "show": false, "reducer": ["sum"], "fields": "" } })
            }
        }
    }
}

fn letter(at: usize) -> char {
    char::from(b'A' + u8::try_from(at).expect("no panel has so many queries"))
}
