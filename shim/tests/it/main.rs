//! The shim as its server meets it: frames over any stream, and the real binary with a server that comes and goes.

mod agent;
mod confinement;
mod egress;
mod ending;
mod frames;
mod harness;
mod inputs;
mod reconnection;
mod resources;
