//! The catalogue as a page for people: `docs/metrics.md`.

use std::fmt::Write;

use super::catalogue;
use super::family::{Family, Kind, Source};

/// The catalogue in Markdown.
pub fn document() -> String {
    let mut text = String::from(include_str!("preface.md"));
    for (title, about, families) in catalogue::CHAPTERS {
        let _ = write!(text, "\n## {title}\n\n{about}\n\n");
        text.push_str("| family | kind | labels | tells |\n|---|---|---|---|\n");
        for family in *families {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                family.name,
                kind(family),
                family.labels.iter().map(|label| format!("`{}`", label.name)).collect::<Vec<_>>().join(", "),
                family.help.trim(),
            );
        }
        labels(&mut text, families);
        buckets(&mut text, families);
    }
    text
}

fn kind(family: &Family) -> String {
    let how = if family.source == Source::Collected { ", collected" } else { "" };
    format!("{}{how}", family.kind.as_str())
}

/// What each label says; one that says the same in several families is told of once.
fn labels(text: &mut String, families: &[&Family]) {
    let mut told = Vec::new();
    for label in families.iter().flat_map(|family| family.labels) {
        if !told.contains(label) {
            told.push(*label);
        }
    }
    if !told.is_empty() {
        text.push('\n');
    }
    for label in told {
        let _ = writeln!(text, "- `{}`: {}", label.name, label.meaning);
    }
}

fn buckets(text: &mut String, families: &[&Family]) {
    for family in families.iter().filter(|family| family.kind == Kind::Histogram) {
        let bounds: Vec<_> = family.buckets.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "\nBuckets of `{}`: {}.", family.name, bounds.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With `UPDATE_DOCS=1` the page is written anew.
    #[test]
    fn the_page_in_docs_is_the_catalogue() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, document()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == document(),
            "docs/metrics.md is not the catalogue: run `UPDATE_DOCS=1 cargo test --lib metrics`"
        );
    }
}
