//! What can go wrong with the store.

use std::path::PathBuf;

/// The store failed. Callers treat every kind alike: what they wanted did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database file cannot be used.
    #[error("cannot open the database `{path}`; check that its directory exists and is writable")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The tables could not be brought up to date.
    #[error("cannot bring the database's tables up to date; was it made by a newer innkeeper?")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the database refused a statement")]
    Statement(#[from] sqlx::Error),
    /// A row holds what innkeeper does not write.
    #[error("the database holds a value in `{column}` that innkeeper did not write")]
    Corrupt {
        /// The column.
        column: &'static str,
    },
    /// A name that must be unique is taken.
    #[error("the name `{name}` is taken")]
    NameTaken {
        /// The name.
        name: String,
    },
}
