//! What a sandbox is made of: the workspace, the mounts, the limits, the sockets, and the server's side of the shim.

mod model_socket;

pub use model_socket::{Activity, Caller, ModelSocket};
