//! The command line: what a person types, and what it does.

mod data;
mod keys;
mod output;
pub mod stand_in;
mod tenants;

pub use keys::KeysCommand;
pub use output::CommandResult;
pub use tenants::TenantsCommand;
