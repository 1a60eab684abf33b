//! Faults of the database that pass: the same statement may succeed later.

use std::fmt;

use sqlx::Error;

/// Why the database cannot be used at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No space is left for the file.
    Full,
    /// Another process holds the lock.
    Locked,
    /// The file cannot be written.
    ReadOnly,
    /// The file cannot be read or written.
    Io,
    /// No memory is left.
    Memory,
    /// All connections are in use.
    Busy,
    /// The connection broke. It is replaced.
    Connection,
}

impl Fault {
    /// The fault behind an error; `None` when the same statement would fail again.
    pub(super) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Database(error) => Self::of_code(&error.code()?),
            Error::PoolTimedOut => Some(Self::Busy),
            Error::Io(_) | Error::WorkerCrashed | Error::BeginFailed | Error::InvalidSavePointStatement => {
                Some(Self::Connection)
            }
            _ => None,
        }
    }

    /// The fault behind a result code of SQLite. Extended codes keep the primary code in their lowest byte.
    fn of_code(code: &str) -> Option<Self> {
        match code.parse::<i32>().ok()? & 0xff {
            5 | 6 => Some(Self::Locked),
            7 => Some(Self::Memory),
            8 => Some(Self::ReadOnly),
            9 => Some(Self::Connection),
            10 | 14 => Some(Self::Io),
            13 => Some(Self::Full),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full => "the disk is full",
            Self::Locked => "another process holds the lock of the database",
            Self::ReadOnly => "the database file is read-only",
            Self::Io => "the database file cannot be read or written",
            Self::Memory => "no memory is left",
            Self::Busy => "all connections are in use",
            Self::Connection => "the connection to the database broke",
        })
    }
}
