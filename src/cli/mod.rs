//! The command line: what a person types, and what it does.

mod audit;
mod budgets;
mod calls;
mod cleanup;
mod command;
mod data;
mod drill;
mod keys;
mod limits;
#[cfg(test)]
mod odd_arguments;
mod output;
mod run;
mod serve;
mod sessions;
mod spawner;
pub mod stand_in;
mod tenants;
mod usage;

pub use budgets::BudgetsCommand;
pub use command::Cli;
pub use keys::KeysCommand;
pub use output::CommandResult;
pub use tenants::TenantsCommand;
