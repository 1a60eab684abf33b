//! Rows to domain values: every column is read through here, so that a value nobody wrote is an error that names it.

use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{Row, ValueRef};

use super::StoreError;
use crate::domain::{Timestamp, Usd};

/// A column's text.
pub(super) fn text(row: &AnyRow, column: &'static str) -> Result<String, StoreError> {
    Ok(row.try_get(column)?)
}

/// A column's text, or nothing.
pub(super) fn maybe_text(row: &AnyRow, column: &'static str) -> Result<Option<String>, StoreError> {
    if row.try_get_raw(column)?.is_null() { Ok(None) } else { text(row, column).map(Some) }
}

/// A column's whole number.
pub(super) fn number(row: &AnyRow, column: &'static str) -> Result<i64, StoreError> {
    Ok(row.try_get(column)?)
}

/// A column's whole number that counts something.
pub(super) fn count(row: &AnyRow, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(number(row, column)?).map_err(|_| StoreError::Corrupt { column })
}

/// A column's amount of money. One wrong value must not take all budgets away, or keep the server from starting: what is not a
/// whole number is read as the nearest one, and what is not a number as nothing.
pub(super) fn amount(row: &AnyRow, column: &'static str) -> Result<Usd, StoreError> {
    let kind = row.try_get_raw(column)?.type_info().kind();
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, which is the nearest whole number")]
    let nanos = match kind {
        AnyTypeInfoKind::Real | AnyTypeInfoKind::Double => row.try_get::<f64, _>(column)? as i64,
        AnyTypeInfoKind::Null | AnyTypeInfoKind::Text | AnyTypeInfoKind::Blob | AnyTypeInfoKind::Bool => 0,
        AnyTypeInfoKind::SmallInt | AnyTypeInfoKind::Integer | AnyTypeInfoKind::BigInt => number(row, column)?,
    };
    Ok(Usd::from_nanos(nanos))
}

/// A column's moment.
pub(super) fn time(row: &AnyRow, column: &'static str) -> Result<Timestamp, StoreError> {
    number(row, column).map(Timestamp::from_micros)
}

/// A column's moment, or nothing.
pub(super) fn maybe_time(row: &AnyRow, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    if row.try_get_raw(column)?.is_null() { Ok(None) } else { time(row, column).map(Some) }
}

/// A column's id, or another text with one spelling.
pub(super) fn parsed<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<T, StoreError> {
    text(row, column)?.parse().map_err(|_| StoreError::Corrupt { column })
}

/// A column that holds one of a closed list of words.
pub(super) fn word<T>(row: &AnyRow, column: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    parse(&text(row, column)?).ok_or(StoreError::Corrupt { column })
}

/// A column that holds JSON.
pub(super) fn json<T: DeserializeOwned>(row: &AnyRow, column: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(&text(row, column)?).map_err(|_| StoreError::Corrupt { column })
}

/// A value as the JSON a column holds.
pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our own records have text keys and no failing serializer")
}

/// A count as a column holds it.
pub(super) fn as_number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
