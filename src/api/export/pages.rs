//! An export under way: pages of text, one after the other, so that no more than one is ever in memory.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};

use super::ask::{ExportError, ExportFormat, ExportPlan};
use super::csv_rows::CsvRows;
use super::focus::FocusRows;
use crate::domain::Timestamp;
use crate::store::{Export, Store, StoreError};

/// An export under way.
pub struct ExportPages {
    export: Export,
    rows: Rows,
    /// What stands before everything, until it is written.
    head: Option<Vec<u8>>,
}

enum Rows {
    Csv(CsvRows),
    Focus(FocusRows),
}

impl ExportPages {
    /// Begins it. Operators' reasons for corrections are for operators.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin(
        store: &Store,
        plan: &ExportPlan,
        with_reasons: bool,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let export = store.ledger().export(plan.filter, now).await?;
        let final_before = export.final_before();
        let (rows, head) = match plan.format {
            ExportFormat::Csv => (Rows::Csv(CsvRows { final_before, with_reasons }), Some(CsvRows::head())),
            ExportFormat::Focus => {
                let installation = store.installation().await?;
                (Rows::Focus(FocusRows { installation, final_before, with_reasons }), None)
            }
        };
        Ok(Self { export, rows, head })
    }

    /// The next page; nothing when there are no more.
    ///
    /// # Errors
    /// When the store fails: what was written until then is not the whole.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.export.next_page().await?;
        let head = self.head.take();
        if rows.is_empty() {
            return Ok(head);
        }
        let lines = match &self.rows {
            Rows::Csv(format) => format.write(&rows),
            Rows::Focus(format) => format.write(&rows),
        };
        Ok(Some(head.into_iter().flatten().chain(lines).collect()))
    }
}

/// Answers with an export. What goes wrong before the first page is an answer of its own; what goes wrong later breaks the
/// answer off, so that nobody takes a part for the whole.
///
/// # Errors
/// When the store fails before the first page.
pub(in crate::api) async fn respond(
    store: &Store,
    plan: &ExportPlan,
    with_reasons: bool,
    now: Timestamp,
) -> Result<Response, ExportError> {
    let mut pages = ExportPages::begin(store, plan, with_reasons, now).await?;
    let first = pages.next().await?;
    let rest = stream::try_unfold(pages, async |mut pages| {
        let page = pages.next().await.inspect_err(|error| {
            tracing::error!(error = error as &dyn std::error::Error, "a usage export broke off");
        })?;
        Ok::<_, StoreError>(page.map(|page| (Bytes::from(page), pages)))
    });
    let body = stream::iter(first.map(|page| Ok(Bytes::from(page)))).chain(rest);
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(plan.format.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{}\"", plan.file_name())) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
