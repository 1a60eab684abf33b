//! What an export is asked for, and how its rows are written.

use serde_json::Value;

use super::csv_rows::{COLUMNS, CsvRows};
use super::focus::FocusRows;
use super::{ExportAsk, ExportFormat};
use crate::domain::{CallId, Day, KeyId, SessionId, TenantId, Timestamp, Usage, Usd};
use crate::store::{Correction, ExportRow};

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn row(date: &str, nanos: i64) -> ExportRow {
    ExportRow {
        day: day(date),
        tenant: TenantId::generate(),
        tenant_name: "acme".to_owned(),
        session: SessionId::generate(),
        model: "claude-sonnet-5-5".to_owned(),
        key: Some(KeyId::new("k1")),
        price_version: "2026-11-22".to_owned(),
        calls: 2,
        estimated: 1,
        usage: Usage {
            input_tokens: 1,
            output_tokens: 20,
            cache_read_tokens: 300,
            cache_write_5m_tokens: 4_000,
            cache_write_1h_tokens: 50_000,
            web_search_requests: 6,
        },
        cost: Usd::from_nanos(nanos),
        correction: None,
    }
}

fn correction(made: &str, called: &str, reason: &str) -> ExportRow {
    let correction = Correction { call: CallId::generate(), call_day: day(called), reason: reason.to_owned() };
    ExportRow { calls: 0, estimated: 0, usage: Usage::default(), correction: Some(correction), ..row(made, -1) }
}

/// The cells of rows as a reader of CSV sees them, by column.
fn csv(rows: &[ExportRow], with_reasons: bool) -> Vec<Vec<(&'static str, String)>> {
    let text = [CsvRows::head(), CsvRows { final_before: day("2026-11-20"), with_reasons }.write(rows)].concat();
    let mut reader = csv::Reader::from_reader(&text[..]);
    assert_eq!(reader.headers().unwrap(), COLUMNS.as_slice());
    let lines = reader.records().map(|line| line.unwrap());
    lines.map(|line| COLUMNS.into_iter().zip(line.iter().map(str::to_owned)).collect()).collect()
}

fn cell(line: &[(&str, String)], column: &str) -> String {
    line.iter().find(|(name, _)| *name == column).unwrap().1.clone()
}

fn focus(row: &ExportRow, with_reasons: bool) -> (String, Value) {
    let format = FocusRows { installation: "here".to_owned(), final_before: day("2026-11-20"), with_reasons };
    let text = String::from_utf8(format.write(std::slice::from_ref(row))).unwrap();
    assert_eq!(text.matches('\n').count(), 1);
    let value = serde_json::from_str(&text).unwrap();
    (text, value)
}

#[test]
fn a_line_of_csv_has_every_class_and_the_whole_cost() {
    let lines = csv(&[row("2026-11-19", 1_000_000_001), row("2026-11-20", 5)], true);
    let told: Vec<_> = lines[0].iter().skip(6).map(|(_, cell)| cell.as_str()).collect();
    assert_eq!(
        told,
        [
            "usage",
            "2",
            "1",
            "1",
            "20",
            "300",
            "4000",
            "50000",
            "6",
            "1.000000001",
            "USD",
            "2026-11-22",
            "true",
            "",
            "",
            ""
        ]
    );
    assert_eq!((cell(&lines[0], "tenant"), cell(&lines[0], "key_id")), ("acme".to_owned(), "k1".to_owned()));
    assert_eq!((cell(&lines[1], "cost_usd"), cell(&lines[1], "final")), ("0.000000005".to_owned(), "false".to_owned()));
}

#[test]
fn no_cell_of_csv_is_a_formula() {
    for evil in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0,\"x\"\n=2"] {
        let evil = ExportRow {
            tenant_name: evil.to_owned(),
            model: evil.to_owned(),
            price_version: evil.to_owned(),
            key: Some(KeyId::new(evil)),
            ..correction("2026-11-20", "2026-11-19", evil)
        };
        let [line] = &csv(std::slice::from_ref(&evil), true)[..] else { panic!("not one line") };
        for column in ["tenant", "model", "price_version", "key_id", "reason"] {
            assert_eq!(cell(line, column), format!("'{}", evil.tenant_name));
        }
        // An amount is a number, also when it is less than nothing.
        assert_eq!(cell(line, "cost_usd"), "-0.000000001");
    }
}

#[test]
fn an_operator_s_reason_is_for_operators() {
    let row = correction("2026-11-20", "2026-11-19", "they called us");
    assert_eq!(cell(&csv(std::slice::from_ref(&row), true)[0], "reason"), "they called us");
    assert_eq!(cell(&csv(std::slice::from_ref(&row), false)[0], "reason"), "");
    assert_eq!(focus(&row, true).1["x_CorrectionReason"], "they called us");
    assert_eq!(focus(&row, false).1["x_CorrectionReason"], Value::Null);
}

#[test]
fn a_line_of_focus_says_when_who_what_and_how_much_with_all_digits() {
    let row = row("2026-11-19", 123_456_789_000_000_001);
    let (text, line) = focus(&row, true);
    // A reader that takes decimals for what they are loses nothing.
    for column in ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"] {
        assert!(text.contains(&format!("\"{column}\":123456789.000000001,")), "{text}");
    }
    for (column, value) in [
        ("BillingAccountId", "here"),
        ("BillingCurrency", "USD"),
        ("BillingPeriodStart", "2026-11-01T00:00:00Z"),
        ("BillingPeriodEnd", "2026-12-01T00:00:00Z"),
        ("ChargePeriodStart", "2026-11-19T00:00:00Z"),
        ("ChargePeriodEnd", "2026-11-20T00:00:00Z"),
        ("ChargeCategory", "Usage"),
        ("ChargeFrequency", "Usage-Based"),
        ("ServiceCategory", "AI and Machine Learning"),
        ("ServiceSubcategory", "Generative AI"),
        ("SkuId", "claude-sonnet-5-5"),
        ("SubAccountName", "acme"),
        ("ConsumedUnit", "Tokens"),
    ] {
        assert_eq!(line[column], value, "{column}");
    }
    assert_eq!(
        (&line["SubAccountId"], &line["ResourceId"]),
        (&row.tenant.to_string().into(), &row.session.to_string().into())
    );
    assert_eq!((&line["ChargeClass"], &line["ListUnitPrice"]), (&Value::Null, &Value::Null));
    assert_eq!((line["ConsumedQuantity"].as_u64(), line["PricingQuantity"].as_u64()), (Some(54_321), Some(54_321)));
    let classes =
        ["x_InputTokens", "x_OutputTokens", "x_CacheReadTokens", "x_CacheWrite5mTokens", "x_CacheWrite1hTokens"];
    assert_eq!(classes.iter().map(|class| line[class].as_u64().unwrap()).sum::<u64>(), 54_321);
    assert_eq!((line["x_WebSearchRequests"].as_u64(), &line["x_Final"]), (Some(6), &Value::Bool(true)));
    assert_eq!(line["Tags"]["innkeeper/key"], "k1");
}

#[test]
fn a_correction_of_an_earlier_month_is_billed_in_its_own_and_classed_as_one() {
    let (_, later) = focus(&correction("2026-12-03", "2026-11-19", "why"), true);
    assert_eq!(later["ChargeClass"], "Correction");
    assert_eq!(
        (&later["BillingPeriodStart"], &later["ChargePeriodStart"]),
        (&"2026-12-01T00:00:00Z".into(), &"2026-11-19T00:00:00Z".into())
    );
    let (text, same) = focus(&correction("2026-11-20", "2026-11-19", "why"), true);
    assert_eq!((&same["ChargeClass"], &same["ChargeFrequency"]), (&Value::Null, &"One-Time".into()));
    assert!(text.contains("\"BilledCost\":-0.000000001,"), "{text}");
    assert!(same["x_CorrectsCallId"].as_str().unwrap().starts_with("call_"));
}

#[test]
fn an_export_is_of_this_month_until_now_unless_it_is_said() {
    let now = Timestamp::parse("2026-11-27T13:00:00Z").unwrap();
    let plan = ExportAsk::default().plan(None, now).unwrap();
    assert_eq!(
        (plan.filter.from, plan.filter.to, plan.format),
        (day("2026-11-01"), day("2026-11-28"), ExportFormat::Csv)
    );
    assert_eq!(plan.file_name(), "innkeeper-usage-2026-11-01-2026-11-28.csv");
    let ask = |from: &str, to: &str, format: &str| {
        let text = |text: &str| Some(text.to_owned());
        ExportAsk { from: text(from), to: text(to), format: text(format) }.plan(None, now)
    };
    let plan = ask("2026-10-01", "2026-11-01T00:00:00Z", "focus").unwrap();
    assert_eq!(
        (plan.filter.to, plan.file_name().as_str()),
        (day("2026-11-01"), "innkeeper-usage-2026-10-01-2026-11-01.jsonl")
    );
    for (from, to, format, word) in [
        ("yesterday", "2026-11-01", "csv", "no day like"),
        ("2026-11-01T12:00:00Z", "2026-11-03", "csv", "whole days"),
        ("2026-11-01", "2026-11-01", "csv", "the day after the last"),
        ("2026-11-02", "2026-11-01", "csv", "no day from 2026-11-02"),
        ("2026-11-01", "2026-11-02", "xlsx", "csv or focus, not `xlsx`"),
    ] {
        let error = ask(from, to, format).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
