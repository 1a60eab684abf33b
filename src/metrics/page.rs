//! What is collected, in the text format Prometheus reads (version 0.0.4).

use std::collections::BTreeSet;
use std::fmt::{Display, Write};

use super::family::Collected;

/// A page of collected families.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    series: usize,
    seen: BTreeSet<&'static str>,
}

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a family: every series with its labels' values and its own. To be called once for each family, because
    /// Prometheus wants a family's series together. Of two series with the same labels nobody could tell which is right; see
    /// that there are none.
    pub fn write<L, V, const N: usize>(&mut self, family: Collected<N>, series: impl IntoIterator<Item = ([L; N], V)>)
    where
        L: AsRef<str>,
        V: Display,
    {
        let family = family.0;
        debug_assert!(self.seen.insert(family.name), "{} is written twice", family.name);
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return;
        }
        let _ = writeln!(self.text, "# HELP {} {}", family.name, family.help.trim());
        let _ = writeln!(self.text, "# TYPE {} {}", family.name, family.kind.as_str());
        for (values, value) in series {
            self.text.push_str(family.name);
            for (at, (label, value)) in family.labels.iter().zip(values).enumerate() {
                let _ = write!(self.text, "{}{}=\"", if at == 0 { '{' } else { ',' }, label.name);
                escape(&mut self.text, value.as_ref());
                self.text.push('"');
            }
            let _ = writeln!(self.text, "{} {value}", if N == 0 { "" } else { "}" });
            self.series += 1;
        }
    }

    /// How many series it has.
    pub fn series(&self) -> usize {
        self.series
    }

    /// The page's text.
    pub fn into_text(self) -> String {
        self.text
    }
}

fn escape(text: &mut String, value: &str) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::catalogue::{SESSIONS_CAPACITY, TENANT_INFO};

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let mut page = Page::new();
        page.write(SESSIONS_CAPACITY, [([""; 0], 8)]);
        page.write(TENANT_INFO, [(["ten_1", "a \"b\"\\\nc", "active"], 1)]);
        assert_eq!(page.series(), 2);
        let text = page.into_text();
        assert!(text.contains("# TYPE innkeeper_sessions_capacity gauge\ninnkeeper_sessions_capacity 8\n"), "{text}");
        assert!(text.contains(r#"{tenant="ten_1",tenant_name="a \"b\"\\\nc",state="active"} 1"#), "{text}");
    }

    #[test]
    fn a_family_without_series_is_left_out() {
        let mut page = Page::new();
        page.write(SESSIONS_CAPACITY, std::iter::empty::<([&str; 0], u64)>());
        assert_eq!(page.into_text(), "");
    }
}
