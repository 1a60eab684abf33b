//! Counts as requests give them: whole numbers that fit the store's 64 bits with a sign.

use serde::de::{Deserialize, Deserializer, Error};

/// For a field: `#[serde(deserialize_with = "optional_count")]`.
///
/// # Errors
/// When it is something else.
pub(super) fn optional_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let count = Option::<u64>::deserialize(deserializer)?;
    match count {
        Some(count) if i64::try_from(count).is_err() => {
            Err(D::Error::custom(format!("{count} is too large: at most {} can be given", i64::MAX)))
        }
        count => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::{SessionLimits, TenantLimits};

    #[test]
    fn a_count_that_does_not_fit_is_refused() {
        for name in ["turn_timeout_ms", "total_timeout_ms"] {
            let read = |count: u64| serde_json::from_str::<SessionLimits>(&format!(r#"{{"{name}": {count}}}"#));
            assert!(read(1 << 62).is_ok(), "{name}");
            assert!(read(1 << 63).unwrap_err().to_string().contains("too large"), "{name}");
        }
        for name in ["max_waiting_bytes", "max_stored_bytes", "turn_timeout_ms", "total_timeout_ms"] {
            let read = |count: u64| serde_json::from_str::<TenantLimits>(&format!(r#"{{"{name}": {count}}}"#));
            assert!(read(1 << 62).is_ok(), "{name}");
            assert!(read(u64::MAX).is_err(), "{name}");
        }
    }
}
