//! What a sandbox is made of: the workspace, the mounts, the limits, the sockets, and the server's side of the shim.

mod directory;
mod error;
mod image;
mod link;
mod maker;
mod meter;
mod model_socket;
mod posture;
mod runtime;
mod usage;
mod workspace;

pub use directory::MODEL_SOCKET_INSIDE;
pub use error::OpenError;
pub use image::find_image;
pub use link::{LinkHandle, Report};
pub use maker::{Maker, Sandbox};
pub use meter::Overfull;
pub use model_socket::{Activity, Caller, ModelSocket, Signs};
pub use runtime::check_runtime;
pub use workspace::{Workspace, WorkspaceError};
