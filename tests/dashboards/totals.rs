//! What was added to totals in a span of time: the difference of two totals, exact to the last digit, because the ledger's and the
//! store's totals never fall.
//!
//! A series that did not exist when the span began counts from 0 if it is known to be newer than that: by the time of its first
//! call, or because Prometheus watched the server then. Otherwise Prometheus is younger than the series, and it counts from the
//! first value that was seen.

/// A family of totals.
#[derive(Clone, Copy)]
pub(crate) struct Total {
    family: &'static str,
    matchers: &'static str,
    labels: &'static str,
    /// The labels that the time of the first call is known by; none where it is not.
    dated_by: Option<&'static str>,
}

/// A span of time that ends at the moment an expression is evaluated at.
#[derive(Clone, Copy)]
struct Span {
    range: &'static str,
    seconds: &'static str,
    /// Whether to look for the first value within the span, which is not worth it for short ones.
    searched: bool,
}

const SHOWN: Span = Span { range: "$__range", seconds: "$__range_s", searched: true };
const HOUR: Span = Span { range: "1h", seconds: "3600", searched: true };
const STEP: Span = Span { range: "$__interval", seconds: "$__interval_ms / 1000", searched: false };

pub(crate) const COST: Total = Total {
    family: "innkeeper_model_cost_usd_total",
    matchers: "@t",
    labels: "tenant, model",
    dated_by: Some("tenant, model"),
};
pub(crate) const CALLS: Total = Total { family: "innkeeper_model_calls_total", ..COST };
pub(crate) const TURNS: Total =
    Total { family: "innkeeper_turns_ended_total", matchers: "@t", labels: "tenant, reason", dated_by: None };
pub(crate) const TURN_SECONDS: Total =
    Total { family: "innkeeper_turns_ended_seconds_total", labels: "tenant", ..TURNS };

impl Total {
    /// The same of what other matchers select.
    pub(crate) const fn of(self, matchers: &'static str) -> Self {
        Self { matchers, ..self }
    }

    /// What was added in the time that is shown.
    pub(crate) fn shown(self, by: &str) -> String {
        self.added(by, SHOWN)
    }

    /// What was added in the time of the same length before.
    pub(crate) fn before(self, by: &str) -> String {
        format!("last_over_time(({})[1s:1s] offset $__range)", self.added(by, SHOWN))
    }

    /// What was added in the last hour.
    pub(crate) fn hour(self, by: &str) -> String {
        self.added(by, HOUR)
    }

    /// What was added since the point before, on a chart.
    pub(crate) fn step(self, by: &str) -> String {
        self.added(by, STEP)
    }

    /// What was added in the day that begins at each point of a chart with a point for each midnight; of today so far.
    pub(crate) fn day(self, by: &str) -> String {
        let Self { family, matchers, labels, .. } = self;
        let series = format!("{family}{{{matchers}}}");
        let last = format!("max by (job, {labels}) (last_over_time({series}[1d] offset -1d))");
        let now = format!("sum by ({labels}) ({last})");
        let then = format!("sum by ({labels}) (max by (job, {labels}) (last_over_time({series}[1d])))");
        let first = format!(
            "min by ({labels}) (last_over_time(innkeeper_model_first_call_timestamp_seconds{{{matchers}}}[1d] offset -1d))"
        );
        let new = format!("({now} * 0 and {first} >= time())");
        let seen = format!("sum by ({labels}) (min_over_time({series}[1d] offset -1d))");
        grouped(by, &format!("{now} - ({then} or {new} or {seen})"))
    }

    fn added(self, by: &str, Span { range, seconds, searched }: Span) -> String {
        let Self { family, matchers, labels, dated_by } = self;
        let series = format!("{family}{{{matchers}}}");
        let total = format!("sum by ({labels}) ({series})");
        // While a server is down its series are gone, and count what they did an hour ago or less.
        let last = format!("max by ({labels}) (last_over_time({series}[1h]");
        let now = format!("({total} or {last})))");
        let then = format!("sum by ({labels}) ({series} offset {range}) or {last} offset {range}))");
        let new = match dated_by {
            Some(labels) => format!(
                "(min by ({labels}) (last_over_time(innkeeper_model_first_call_timestamp_seconds{{{matchers}}}[1h])) >= time() - {seconds}) * 0"
            ),
            None => format!("({now} * 0 and on () last_over_time(innkeeper_build_info{{@}}[1h] offset {range}))"),
        };
        let seen = if searched {
            let step = if range == "$__range" { "$__interval" } else { "1m" };
            format!(" or min_over_time({total}[{range}:{step}])")
        } else {
            String::new()
        };
        grouped(by, &format!("{now} - ({then} or {new}{seen})"))
    }
}

fn grouped(by: &str, difference: &str) -> String {
    if by.is_empty() { format!("sum({difference})") } else { format!("sum by ({by}) ({difference})") }
}
