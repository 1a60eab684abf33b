//! The gateway as a sandbox and its payer see it: real HTTP over a real socket, a real ledger, a scripted model.

mod breaking;
mod budgets;
mod by_hand;
mod carrying;
mod cost;
mod egress;
mod egress_abuse;
mod far_host;
mod forms;
mod harness;
mod leaving;
mod pace;
mod passing;
mod prices;
mod refusals;
mod refused_key;
mod settling;
mod telemetry;
mod unread;
mod wire;
