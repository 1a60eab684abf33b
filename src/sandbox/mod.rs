//! A session's sandbox: opened through the spawner, trusted once it has shown what confines it, spoken to by its shim.

mod error;
mod link;
mod maker;
mod meter;
mod model_socket;
mod posture;
mod resources;
#[cfg(test)]
mod tests;

pub use error::OpenError;
pub use link::{LinkHandle, Report};
pub use maker::{Closing, Maker, Sandbox, Wish};
pub use meter::Overfull;
pub use model_socket::{Activity, Caller, ModelSocket, Signs};
pub use resources::{LatestResources, Resources};
