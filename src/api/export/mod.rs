//! The usage export: what was spent by tenant, day, session, model and key, for whoever bills it on. The same for tenants,
//! operators and the command line.

mod ask;
mod csv_rows;
mod focus;
mod pages;
#[cfg(test)]
mod tests;

pub use ask::{ExportAsk, ExportError, ExportFormat, ExportPlan, tenant_named};
pub use pages::ExportPages;
pub(super) use pages::respond;
