//! Rows as JSON lines with the columns of FOCUS 1.2, the `FinOps` Open Cost and Usage Specification, and of 1.3 the service
//! provider's name.
//!
//! The ledger knows what a call cost, not what each class of its tokens did: tiers and the rounding are of the whole call. So
//! a row is one SKU price for all of a model's tokens, its cost is exact, and there is no unit price. The classes are in
//! columns of our own.

use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::domain::{Day, Usage, Usd};
use crate::store::ExportRow;

/// Who sells usage on: whoever runs the installation.
const ISSUER: &str = "innkeeper";

/// Writes rows as lines.
pub(super) struct FocusRows {
    /// The name of the installation, which bills.
    pub(super) installation: String,
    /// The first day that is not final.
    pub(super) final_before: Day,
    /// Whether the operators' reasons for corrections are told.
    pub(super) with_reasons: bool,
}

/// A row; money and numbers are JSON numbers with all their digits.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    billed_cost: &'a RawValue,
    billing_account_id: &'a str,
    billing_account_name: &'a str,
    billing_currency: &'a str,
    billing_period_end: String,
    billing_period_start: String,
    charge_category: &'a str,
    charge_class: Option<&'a str>,
    charge_description: String,
    charge_frequency: &'a str,
    charge_period_end: String,
    charge_period_start: String,
    consumed_quantity: u64,
    consumed_unit: &'a str,
    contracted_cost: &'a RawValue,
    contracted_unit_price: Option<&'a RawValue>,
    effective_cost: &'a RawValue,
    invoice_issuer_name: &'a str,
    list_cost: &'a RawValue,
    list_unit_price: Option<&'a RawValue>,
    pricing_category: &'a str,
    pricing_currency: &'a str,
    pricing_quantity: u64,
    pricing_unit: &'a str,
    provider_name: &'a str,
    publisher_name: &'a str,
    resource_id: String,
    resource_type: &'a str,
    service_category: &'a str,
    service_name: &'a str,
    service_provider_name: &'a str,
    service_subcategory: &'a str,
    sku_id: &'a str,
    sku_price_id: &'a str,
    sub_account_id: String,
    sub_account_name: &'a str,
    sub_account_type: &'a str,
    tags: serde_json::Value,
    #[serde(flatten)]
    ours: Ours<'a>,
}

/// The columns that FOCUS does not have.
#[derive(Serialize)]
struct Ours<'a> {
    #[serde(rename = "x_Calls")]
    calls: u64,
    #[serde(rename = "x_EstimatedCalls")]
    estimated_calls: u64,
    #[serde(rename = "x_InputTokens")]
    input_tokens: u64,
    #[serde(rename = "x_OutputTokens")]
    output_tokens: u64,
    #[serde(rename = "x_CacheReadTokens")]
    cache_read_tokens: u64,
    #[serde(rename = "x_CacheWrite5mTokens")]
    cache_write_5m_tokens: u64,
    #[serde(rename = "x_CacheWrite1hTokens")]
    cache_write_1h_tokens: u64,
    #[serde(rename = "x_WebSearchRequests")]
    web_search_requests: u64,
    #[serde(rename = "x_PriceVersion")]
    price_version: &'a str,
    #[serde(rename = "x_Final")]
    is_final: bool,
    #[serde(rename = "x_CorrectsCallId")]
    corrects_call: Option<String>,
    #[serde(rename = "x_CorrectionReason")]
    reason: Option<&'a str>,
}

impl FocusRows {
    /// The lines of `rows`.
    pub(super) fn write(&self, rows: &[ExportRow]) -> Vec<u8> {
        let mut lines = Vec::new();
        for row in rows {
            self.write_row(row, &mut lines);
            lines.push(b'\n');
        }
        lines
    }

    fn write_row(&self, row: &ExportRow, lines: &mut Vec<u8>) {
        let cost = &*number(row.cost);
        let tokens = tokens(&row.usage);
        let correction = row.correction.as_ref();
        let charge_day = correction.map_or(row.day, |correction| correction.call_day);
        // A correction in the month of its call is a charge like others; one of a month that was billed is told apart.
        let charge_class = (charge_day.month_start() < row.day.month_start()).then_some("Correction");
        let charge_description = match correction {
            Some(correction) => format!("Correction of call {}", correction.call),
            None => format!("{} model calls, {tokens} tokens, {}", row.calls, row.model),
        };
        let line = Line {
            billed_cost: cost,
            billing_account_id: &self.installation,
            billing_account_name: ISSUER,
            billing_currency: "USD",
            billing_period_end: midnight(row.day.month_end()),
            billing_period_start: midnight(row.day.month_start()),
            charge_category: "Usage",
            charge_class,
            charge_description,
            charge_frequency: if correction.is_some() { "One-Time" } else { "Usage-Based" },
            charge_period_end: midnight(charge_day.next()),
            charge_period_start: midnight(charge_day),
            consumed_quantity: tokens,
            consumed_unit: "Tokens",
            contracted_cost: cost,
            contracted_unit_price: None,
            effective_cost: cost,
            invoice_issuer_name: ISSUER,
            list_cost: cost,
            list_unit_price: None,
            pricing_category: "Standard",
            pricing_currency: "USD",
            pricing_quantity: tokens,
            pricing_unit: "Tokens",
            provider_name: ISSUER,
            publisher_name: "Anthropic",
            resource_id: row.session.to_string(),
            resource_type: "Session",
            service_category: "AI and Machine Learning",
            service_name: "Claude API",
            service_provider_name: ISSUER,
            service_subcategory: "Generative AI",
            sku_id: &row.model,
            sku_price_id: &row.model,
            sub_account_id: row.tenant.to_string(),
            sub_account_name: &row.tenant_name,
            sub_account_type: "Tenant",
            tags: row.key.as_ref().map_or_else(|| json!({}), |key| json!({ "innkeeper/key": key.as_str() })),
            ours: self.ours(row),
        };
        serde_json::to_writer(lines, &line).expect("a line is a plain record, and memory takes it");
    }

    fn ours<'a>(&self, row: &'a ExportRow) -> Ours<'a> {
        let correction = row.correction.as_ref();
        Ours {
            calls: row.calls,
            estimated_calls: row.estimated,
            input_tokens: row.usage.input_tokens,
            output_tokens: row.usage.output_tokens,
            cache_read_tokens: row.usage.cache_read_tokens,
            cache_write_5m_tokens: row.usage.cache_write_5m_tokens,
            cache_write_1h_tokens: row.usage.cache_write_1h_tokens,
            web_search_requests: row.usage.web_search_requests,
            price_version: &row.price_version,
            is_final: row.day < self.final_before,
            corrects_call: correction.map(|correction| correction.call.to_string()),
            reason: correction.filter(|_| self.with_reasons).map(|correction| correction.reason.as_str()),
        }
    }
}

/// All tokens; the classes are disjoint.
const fn tokens(usage: &Usage) -> u64 {
    usage.prompt_tokens().saturating_add(usage.output_tokens)
}

/// An amount as a JSON number with all its digits, which a binary fraction would not have.
fn number(amount: Usd) -> Box<RawValue> {
    RawValue::from_string(amount.to_string())
        .unwrap_or_else(|_| to_raw_value(&amount).expect("an amount is a plain text"))
}

fn midnight(day: Day) -> String {
    format!("{day}T00:00:00Z")
}
