//! What an export is asked for: whole days in UTC, one tenant or all, and a format.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Day, TenantId, Timestamp};
use crate::store::{ExportFilter, Store, StoreError};

/// What an export is asked for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ExportAsk {
    /// From this day in UTC on, as `2026-11-01`. Left out: the first of this month.
    #[param(format = Date)]
    pub from: Option<String>,
    /// Before this day in UTC. Left out: through today.
    #[param(format = Date)]
    pub to: Option<String>,
    /// `csv`, or `focus` for JSON lines with the columns of FOCUS. Left out: `csv`.
    #[param(inline, value_type = Option<ExportFormat>)]
    pub format: Option<String>,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum ExportFormat {
    /// CSV with a line of names first.
    Csv,
    /// A JSON object a line, with the columns of the `FinOps` Open Cost and Usage Specification.
    Focus,
}

/// An export that can be made.
#[derive(Clone, Copy, Debug)]
pub struct ExportPlan {
    /// What is exported.
    pub filter: ExportFilter,
    /// How it is written.
    pub format: ExportFormat,
}

/// Why nothing is exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// What was asked for cannot be; the text says why.
    #[error("{0}")]
    Invalid(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ExportFormat {
    /// The names of the formats.
    pub const NAMES: [&str; 2] = ["csv", "focus"];

    fn parse(name: &str) -> Option<Self> {
        match name {
            "csv" => Some(Self::Csv),
            "focus" => Some(Self::Focus),
            _ => None,
        }
    }

    /// What an answer of this format is called over HTTP.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Focus => "application/x-ndjson",
        }
    }

    /// How a file of this format ends.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Focus => "jsonl",
        }
    }
}

impl ExportAsk {
    /// The export that is asked for, of one tenant or of all.
    ///
    /// # Errors
    /// When a day or the format cannot be understood, or the days are none.
    pub fn plan(&self, tenant: Option<TenantId>, now: Timestamp) -> Result<ExportPlan, ExportError> {
        let today = Day::of(now);
        let from = self.from.as_deref().map(day).transpose()?.unwrap_or_else(|| today.month_start());
        let to = self.to.as_deref().map(day).transpose()?.unwrap_or_else(|| today.next());
        if from >= to {
            let why = format!("there is no day from {from} on and before {to}: `to` is the day after the last");
            return Err(ExportError::Invalid(why));
        }
        let name = self.format.as_deref().unwrap_or("csv");
        let format = ExportFormat::parse(name);
        let format = format.ok_or_else(|| {
            ExportError::Invalid(format!("`format` is {}, not `{name}`", ExportFormat::NAMES.join(" or ")))
        })?;
        Ok(ExportPlan { filter: ExportFilter { tenant, from, to }, format })
    }
}

impl ExportPlan {
    /// A name for a file of it.
    pub fn file_name(&self) -> String {
        let ExportFilter { from, to, .. } = self.filter;
        format!("innkeeper-usage-{from}-{to}.{}", self.format.extension())
    }
}

/// The tenant of this id or name, archived ones too: what they spent is still billed.
///
/// # Errors
/// When there is none, or the store fails.
pub async fn tenant_named(store: &Store, text: &str) -> Result<TenantId, ExportError> {
    let tenant = match text.parse() {
        Ok(id) => store.tenants().find(id).await?,
        Err(_) => store.tenants().find_by_name(text).await?,
    };
    let tenant =
        tenant.ok_or_else(|| ExportError::Invalid(format!("there is no tenant with the name or id `{text}`")))?;
    Ok(tenant.id)
}

fn day(text: &str) -> Result<Day, ExportError> {
    let why = || format!("`{text}` is no day like 2026-11-01: usage is exported by whole days in UTC");
    Day::parse(text).ok_or_else(|| ExportError::Invalid(why()))
}
