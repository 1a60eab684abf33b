//! Sandbox images: found by the name operators give them, used by what they hold.

use super::SpawnerError;
use crate::engine::Engine;

/// The label that says which protocol an image's shim speaks.
const PROTOCOL_LABEL: &str = "innkeeper.shim-protocol";

/// The image's content-addressed id, when its shim speaks our protocol.
///
/// # Errors
/// When there is no such image, its shim speaks another protocol, or the engine fails.
pub(super) async fn find_image(engine: &dyn Engine, reference: &str) -> Result<String, SpawnerError> {
    let Some(image) = engine.find_image(reference).await? else {
        return Err(SpawnerError::Image(format!(
            "the sandbox image `{reference}` is missing; `make image` builds ours"
        )));
    };
    let ours = innkeeper_shim::protocol::VERSION.to_string();
    match image.labels.get(PROTOCOL_LABEL) {
        Some(theirs) if *theirs == ours => Ok(image.id),
        theirs => Err(SpawnerError::Image(format!(
            "the shim in the sandbox image `{reference}` speaks protocol {}, this server speaks {ours}; run `make image`",
            theirs.map_or("none", String::as_str)
        ))),
    }
}

/// An image whose shim speaks our protocol.
#[cfg(test)]
pub(crate) fn test() -> crate::engine::Image {
    let labels = [(PROTOCOL_LABEL.to_owned(), innkeeper_shim::protocol::VERSION.to_string())];
    crate::engine::Image { id: "sha256:test".to_owned(), labels: labels.into() }
}
