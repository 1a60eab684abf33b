//! The engine in a process of its own, beside a server that runs as an ordinary user.

mod process;
mod sessions;
mod takeover;

use process::{SERVER_USER, Spawner, server_user};
