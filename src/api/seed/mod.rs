//! The seed API: the paths, shapes, words and faults of `claude-multi-agent-api-server`, the server innkeeper grew out
//! of, so that its clients work unchanged. Every call needs a tenant's key, except `GET /`, which tells nothing, and
//! the redirects of misspelt paths.
//!
//! What its clients could rely on is kept to the letter. These of its faults are not:
//!
//! | there | here |
//! |---|---|
//! | anybody lists, reads, cancels and deletes everything | a key opens its tenant's sessions; another's is a 404 |
//! | any web page may call the API | none may, unless the operator lists its origin |
//! | `env` may redirect the model's key or load a library into the agent | such names are refused with 400 |
//! | any `cwd`, and a bad one fails only later | a directory below the tenant's roots, or 400 at once |
//! | all is forgotten at a restart | all is kept |
//! | of two resumes at once both are accepted, and one prompt is lost | one is accepted, the other gets 400 |
//! | a session that has not started cannot be cancelled; deleted, it runs on unseen | it can; it cannot be deleted |
//! | a first turn that was cancelled or failed cannot be resumed | it can, once the agent has spoken |
//! | cost is `null` on error and on cancel, and the last turn's while the next one runs | `null` while a turn runs, then what the gateway counted, however it ended |
//! | `result` of the last turn is shown while the next one runs | `null` until the turn is completed |
//! | `error` may be null in a failed session | it says why |
//! | a field that is not known is ignored | it is ignored, and the answer's `warnings` name it |
//! | half of a surrogate pair, said by a tool, makes the status 500 for ever | the status is shown |
//! | half of a surrogate pair or a huge number in a request: 500 | 422; a huge `max_age_hours` deletes nothing |
//! | an agent's line of a new type ends the session | it is kept, and shown if it is a message |
//! | NUL in `system_prompt` or `env` cuts it short | 422 |
//! | bodies, prompts, texts and lists of any size, stored without end | limits: 413, 422, 429 |
//! | `max_age_hours=-1` deletes every session that has ended | 422 |
//! | a cancel may hold up every other call for a minute | it returns once it is stored |
//! | times without a zone | with one |
//!
//! What the agent's first line tells of its surroundings (`data` of the `init` message) is passed on: it knows only the
//! sandbox.

mod body;
mod cancel;
mod cleanup;
mod delete;
mod error;
mod execute;
mod fault;
mod fields;
mod integer;
mod json_fault;
mod list;
mod long_answer;
mod messages;
mod redirect;
mod root;
mod run_result;
mod schema;
mod session_name;
mod status;
#[cfg(test)]
mod tests;
mod validate;
mod warnings;

use std::future::{Ready, ready};

use axum::response::{IntoResponse, Response};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::ApiState;
use error::SeedError;

/// The seed API, to be served where tenants are.
pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(only("GET", routes!(root::root)))
        .routes(only("POST", routes!(execute::execute)))
        .routes(only("GET", routes!(status::status)))
        .routes(only("POST", routes!(cancel::cancel)))
        .routes(only("GET", routes!(list::list)))
        .routes(only("DELETE", routes!(cleanup::cleanup)))
        .routes(only("DELETE", routes!(delete::delete)))
        .merge(redirect::routes().into())
}

/// The answer to a path that does not exist: for the listener's fallback.
pub fn not_found() -> Ready<Response> {
    ready(SeedError::NotFound.into_response())
}

/// Refuses every other method the way the API does, `HEAD` included.
fn only<S: Clone + Send + Sync + 'static>(
    method: &'static str,
    routes: UtoipaMethodRouter<S>,
) -> UtoipaMethodRouter<S> {
    let refuse = move || async move { SeedError::MethodNotAllowed { allow: method } };
    routes.map(|methods| if method == "GET" { methods.head(refuse) } else { methods }.fallback(refuse))
}
