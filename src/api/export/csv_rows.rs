//! Rows as CSV. No cell is a formula: spreadsheets run what begins like one.

use crate::domain::Day;
use crate::store::ExportRow;

/// The columns, in their order. New ones are added at the end.
pub(super) const COLUMNS: [&str; 22] = [
    "day",
    "tenant_id",
    "tenant",
    "session_id",
    "model",
    "key_id",
    "kind",
    "calls",
    "estimated_calls",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "web_search_requests",
    "cost_usd",
    "currency",
    "price_version",
    "final",
    "corrects_call",
    "corrects_day",
    "reason",
];

/// Writes rows as lines.
pub(super) struct CsvRows {
    /// The first day that is not final.
    pub(super) final_before: Day,
    /// Whether the operators' reasons for corrections are told.
    pub(super) with_reasons: bool,
}

impl CsvRows {
    /// The line of names.
    pub(super) fn head() -> Vec<u8> {
        let mut line = COLUMNS.join(",").into_bytes();
        line.push(b'\n');
        line
    }

    /// The lines of `rows`.
    pub(super) fn write(&self, rows: &[ExportRow]) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in rows {
            writer.write_record(self.cells(row)).expect("every line has as many cells, and memory takes it");
        }
        writer.into_inner().expect("memory takes what is left")
    }

    fn cells(&self, row: &ExportRow) -> [String; COLUMNS.len()] {
        let correction = row.correction.as_ref();
        [
            row.day.to_string(),
            row.tenant.to_string(),
            plain(&row.tenant_name),
            row.session.to_string(),
            plain(&row.model),
            row.key.as_ref().map(|key| plain(key.as_str())).unwrap_or_default(),
            if correction.is_some() { "correction" } else { "usage" }.to_owned(),
            row.calls.to_string(),
            row.estimated.to_string(),
            row.usage.input_tokens.to_string(),
            row.usage.output_tokens.to_string(),
            row.usage.cache_read_tokens.to_string(),
            row.usage.cache_write_5m_tokens.to_string(),
            row.usage.cache_write_1h_tokens.to_string(),
            row.usage.web_search_requests.to_string(),
            row.cost.to_string(),
            "USD".to_owned(),
            plain(&row.price_version),
            (row.day < self.final_before).to_string(),
            correction.map(|correction| correction.call.to_string()).unwrap_or_default(),
            correction.map(|correction| correction.call_day.to_string()).unwrap_or_default(),
            correction.filter(|_| self.with_reasons).map(|correction| plain(&correction.reason)).unwrap_or_default(),
        ]
    }
}

/// Text that somebody else chose, with an apostrophe before it when a spreadsheet would take it for a formula.
fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text.to_owned() }
}
