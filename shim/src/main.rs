//! The sandbox's PID 1: connects to the server, starts the agent it is told to, and carries its lines.

mod agent;
mod desk;
mod egress;
mod files;
mod inbox;
mod journal;
mod lines;
mod link;
mod pipes;
mod posture;
mod reaper;
mod run;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use innkeeper_shim::contract::{Contract, EXIT_FAULT, EXIT_FINISHED, EXIT_USAGE};
use innkeeper_shim::protocol::VERSION;
use rustix::process::{DumpableBehavior, getpid, set_child_subreaper, set_dumpable_behavior};

const USAGE: &str = "usage: innkeeper-shim [--protocol-version]

Runs as the first process of a sandbox, with its contract in the environment.";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let done = match arguments.as_slice() {
        [] => serve(),
        [only] if only == "--protocol-version" => print_version(),
        _ => {
            complain(USAGE);
            Ok(EXIT_USAGE)
        }
    };
    ExitCode::from(done.unwrap_or_else(|error| {
        complain(&format!("innkeeper-shim: {error}"));
        EXIT_FAULT
    }))
}

fn serve() -> Result<u8, Box<dyn Error>> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    set_child_subreaper(Some(getpid()))?;
    let contract = Contract::read(|name| std::env::var_os(name)?.into_string().ok())?;
    let posture = posture::read(&contract.workspace);
    let fault = posture::check_workspace(&posture, &contract).err();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(run::run(&contract, posture, fault))?)
}

fn print_version() -> Result<u8, Box<dyn Error>> {
    writeln!(io::stdout(), "{VERSION}")?;
    Ok(EXIT_FINISHED)
}

/// Says something to whoever runs the shim by hand; in a sandbox nobody listens, and that is no error.
fn complain(message: &str) {
    let _unheard = writeln!(io::stderr(), "{message}");
}
