//! A family of series, as it is declared: its full name, what it tells, its labels, and how it comes about.
//!
//! The types are what keeps code and catalogue together: a value can be recorded only by a declaration, with as many labels
//! as that has.

use metrics::{Key, KeyName, Level, Metadata, Unit};

/// How a family comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Counted by this process, from zero at its start.
    Recorded,
    /// Read from what is true at the moment it is asked for.
    Collected,
}

/// What its values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// How often values were in which range.
    Histogram,
}

/// One of a family's labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What it says, and which values it has.
    pub meaning: &'static str,
}

/// A family of series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Family {
    /// Its full name, unit and all.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// How it comes about.
    pub source: Source,
    /// What it tells, in one line.
    pub help: &'static str,
    /// Its labels, in the order in which values are given.
    pub labels: &'static [Label],
    /// The upper bounds of a histogram's ranges.
    pub buckets: &'static [f64],
}

/// A counter that is recorded, with `N` labels.
#[derive(Clone, Copy, Debug)]
pub struct Counter<const N: usize>(pub(super) &'static Family);

/// A gauge that is recorded, with `N` labels.
#[derive(Clone, Copy, Debug)]
pub struct Gauge<const N: usize>(pub(super) &'static Family);

/// A histogram that is recorded, with `N` labels.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<const N: usize>(pub(super) &'static Family);

/// A family that is collected, with `N` labels.
#[derive(Clone, Copy, Debug)]
pub struct Collected<const N: usize>(pub(super) &'static Family);

static METADATA: Metadata<'static> = Metadata::new("innkeeper", Level::INFO, None);

impl Kind {
    /// What Prometheus calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Family {
    /// Tells the recorder what it is about.
    pub(super) fn describe(&self) {
        let (name, help) = (KeyName::from_const_str(self.name), self.help.trim().into());
        metrics::with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(name, None::<Unit>, help),
            Kind::Gauge => recorder.describe_gauge(name, None::<Unit>, help),
            Kind::Histogram => recorder.describe_histogram(name, None::<Unit>, help),
        });
    }

    /// Records something in a series with these labels.
    #[cfg(test)]
    pub(crate) fn record_for_test(&self, values: &[String]) {
        let labels = self.labels.iter().zip(values);
        let labels: Vec<_> = labels.map(|(label, value)| metrics::Label::new(label.name, value.clone())).collect();
        let key = Key::from_parts(self.name, labels);
        metrics::with_recorder(|recorder| recorder.register_histogram(&key, &METADATA).record(1.0));
    }

    fn key<const N: usize>(&self, values: [&str; N]) -> Key {
        let labels = self.labels.iter().zip(values);
        Key::from_parts(
            self.name,
            labels.map(|(label, value)| metrics::Label::new(label.name, value.to_owned())).collect::<Vec<_>>(),
        )
    }
}

impl<const N: usize> Counter<N> {
    /// Adds to the series with these labels.
    pub fn add(self, labels: [&str; N], amount: u64) {
        metrics::with_recorder(|recorder| {
            recorder.register_counter(&self.0.key(labels), &METADATA).increment(amount);
        });
    }

    /// Adds one.
    pub fn one(self, labels: [&str; N]) {
        self.add(labels, 1);
    }

    /// Makes the series with these labels, so that its first event is seen as a rise from zero.
    pub fn begin(self, labels: [&str; N]) {
        self.add(labels, 0);
    }
}

impl<const N: usize> Gauge<N> {
    /// Sets the series with these labels.
    pub fn set(self, labels: [&str; N], value: f64) {
        metrics::with_recorder(|recorder| recorder.register_gauge(&self.0.key(labels), &METADATA).set(value));
    }

    /// Raises it by one until what is answered is dropped.
    #[must_use = "it falls again when this is dropped"]
    pub fn raised(self, labels: [&str; N]) -> Raised {
        let gauge = metrics::with_recorder(|recorder| recorder.register_gauge(&self.0.key(labels), &METADATA));
        gauge.increment(1.0);
        Raised(gauge)
    }
}

/// A gauge that is one higher as long as this lives.
#[must_use = "it falls again when this is dropped"]
pub struct Raised(metrics::Gauge);

impl Drop for Raised {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl std::fmt::Debug for Raised {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Raised")
    }
}

impl<const N: usize> Histogram<N> {
    /// Notes a value in the series with these labels.
    pub fn note(self, labels: [&str; N], value: f64) {
        metrics::with_recorder(|recorder| {
            recorder.register_histogram(&self.0.key(labels), &METADATA).record(value);
        });
    }

    /// Notes how long something took, in seconds.
    pub fn took(self, labels: [&str; N], duration: std::time::Duration) {
        self.note(labels, duration.as_secs_f64());
    }
}
