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
    telemetry::init(&config.log)?;
    let app = App::start(config).await?;
    if let Some(key) = &app.operator_key {
        println!("operator key (shown once, keep it): {}", key.expose());
    }
    println!("innkeeper listens on http://{} (operators: http://{})", app.public, app.operator);
    if app.run().await? { Ok(()) } else { Err("a part of the server crashed; the log above says which".into()) }
}
