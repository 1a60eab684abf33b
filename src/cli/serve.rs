//! `innkeeper serve`: the server.

#![expect(clippy::print_stdout, reason = "a command's output")]

use crate::app::App;
use crate::cli::CommandResult;
use crate::config::Config;
use crate::telemetry;

/// Runs the server until it is told to end.
///
/// # Errors
/// When it cannot start, or a part of it crashed.
pub(super) async fn serve(config: Config) -> CommandResult {
    let traces = telemetry::init(&config.log, &config.traces)?;
    let app = App::start(config).await?;
    if let Some(key) = &app.operator_key {
        println!("operator key (shown once, keep it): {}", key.expose());
    }
    println!("innkeeper listens on http://{} (operators: http://{})", app.public, app.operator);
    let ended_well = app.run().await?;
    traces.end().await;
    if ended_well { Ok(()) } else { Err("a part of the server crashed; the log above says which".into()) }
}
