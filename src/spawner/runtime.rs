//! The OCI runtime a sandbox runs with: the engine's own, the installation's, or its tenant's.

use super::SpawnerError;
use crate::engine::Engine;

/// How the names of containerd's shims begin, which Docker finds by themselves and does not list.
const BY_SHIM: &str = "io.containerd.";

/// Checks that the engine can run sandboxes with the runtime `name`.
///
/// # Errors
/// When it has no such runtime, or fails.
pub(super) async fn check_runtime(engine: &dyn Engine, name: &str) -> Result<(), SpawnerError> {
    if name.starts_with(BY_SHIM) {
        return Ok(());
    }
    let known = engine.runtimes().await?;
    if known.iter().any(|known| known == name) {
        return Ok(());
    }
    Err(SpawnerError::Runtime { name: name.to_owned(), known })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::FakeEngine;

    #[tokio::test]
    async fn a_runtime_is_one_the_engine_has() {
        let engine = FakeEngine::default();
        assert!(check_runtime(&engine, "runc").await.is_ok());
        assert!(check_runtime(&engine, "io.containerd.kata.v2").await.is_ok());
        let refused = check_runtime(&engine, "runsc").await.unwrap_err().to_string();
        assert!(refused.contains("no runtime `runsc`") && refused.contains("it has: runc"), "{refused}");
    }
}
