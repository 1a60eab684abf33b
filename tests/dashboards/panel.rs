//! A panel of a board as it is declared.
//!
//! In expressions `@` stands for the matchers of job and instance, `@t` for those and the tenant.

/// A panel.
pub(crate) struct Panel {
    pub(crate) kind: &'static str,
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) targets: Vec<Target>,
    pub(crate) size: (u32, u32),
    pub(crate) steps: Vec<(f64, &'static str)>,
    pub(crate) stacked: bool,
    pub(crate) style: Style,
    pub(crate) sorted_by: Option<&'static str>,
    pub(crate) bounds: (Option<f64>, Option<f64>),
    pub(crate) meanings: Vec<(&'static str, &'static str, &'static str)>,
    pub(crate) shows_names: bool,
}

/// How values over time are drawn.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Style {
    /// As what changes steadily.
    Line,
    /// As what happened in each span of time, by the least span.
    Bars(&'static str),
}

/// A query of a panel; in a table a column.
pub(crate) struct Target {
    pub(crate) legend: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) expression: String,
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
            style: Style::Line,
            sorted_by: None,
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

    /// Bars next to each other.
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

    /// Columns: for what happened in each step, which is to be some minutes at least.
    pub(crate) const fn steps_over_time(mut self) -> Self {
        self.style = Style::Bars("2m");
        self.stacked = true;
        self
    }

    /// A column for each day.
    pub(crate) const fn days(mut self) -> Self {
        self.style = Style::Bars("1d");
        self.stacked = true;
        self
    }

    /// The column of a table whose greatest values come first.
    pub(crate) const fn sorted_by(mut self, column: &'static str) -> Self {
        self.sorted_by = Some(column);
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

fn selected(expression: &str) -> String {
    let ours = r#"job=~"$job",instance=~"$instance""#;
    expression.replace("@t", &format!(r#"{ours},tenant=~"$tenant""#)).replace('@', ours)
}
