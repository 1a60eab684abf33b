//! From a request to the reply it is due: finds the script, the turn's next answer, and whether this time it fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use super::answer::Answer;
use super::errors::ApiError;
use super::request::{MessagesRequest, Turn};
use super::script::{Ending, Failure, Script};
use super::{auxiliary, natural};

/// How many prompts with a `times` are counted at once; the least used ones start anew.
const MOST_COUNTED: u64 = 10_000;

/// What is to be sent.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// How long to wait before the response begins.
    pub(super) delay: Duration,
    /// Headers to add to the response.
    pub(super) headers: Vec<(String, String)>,
    /// An answer, or the error in its place.
    pub(super) outcome: Result<Delivered, ApiError>,
}

/// An answer, and how it is delivered.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    /// What the model says.
    pub(super) answer: Answer,
    /// Whether it comes as server-sent events.
    pub(super) streams: bool,
    /// How it breaks off, and after how many deltas.
    pub(super) breaks: Option<(u64, Ending)>,
}

/// How often each prompt has failed: the only thing that the conversation in a request does not tell.
#[derive(Clone, Debug)]
pub(super) struct FailureCounts(Cache<Prompted, Arc<AtomicU32>>);

/// One prompt in one conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Prompted {
    /// Who asks.
    caller: String,
    /// How many prompts came before it.
    place: usize,
    /// What was asked.
    prompt: String,
}

impl Reply {
    /// The reply to a Messages request.
    pub(super) fn to(body: &[u8], failures: &FailureCounts) -> Self {
        Self::find(body, failures).unwrap_or_else(Self::refusing)
    }

    /// `error`, at once.
    pub(super) fn refusing(error: ApiError) -> Self {
        Self { delay: Duration::ZERO, headers: Vec::new(), outcome: Err(error) }
    }

    fn find(body: &[u8], failures: &FailureCounts) -> Result<Self, ApiError> {
        let request: MessagesRequest =
            serde_json::from_slice(body).map_err(|error| ApiError::invalid(error.to_string()))?;
        let turn = request.turn().ok_or_else(|| ApiError::invalid("messages: no user message says anything"))?;
        let script = script_for(&turn, &request)?;
        let (_, call) = script.next(turn.tool_calls);
        let is_due = |_: &Failure| failures.is_due(&script, &turn, &request);
        let failure = script.failure_of(call).filter(is_due);
        let answer = || Answer::new(&script, &request, body.len(), turn.tool_calls);
        let streams = request.stream;
        let outcome = match failure {
            Some(Failure::Refused(error)) => Err(error),
            // Without a stream there is no event to tell it in: the response itself is the error.
            Some(Failure::Broken { ending: Ending::Error(error), .. }) if !streams => Err(error),
            Some(Failure::Broken { after_chunks, ending }) => {
                let breaks = Some((after_chunks, ending));
                Ok(Delivered { answer: answer(), streams, breaks })
            }
            None => Ok(Delivered { answer: answer(), streams, breaks: None }),
        };
        Ok(Self {
            delay: Duration::from_millis(script.delay_ms),
            headers: script.headers.into_iter().collect(),
            outcome,
        })
    }
}

impl FailureCounts {
    /// Whether one more failure is due to this prompt; counts it.
    fn is_due(&self, script: &Script, turn: &Turn<'_>, request: &MessagesRequest) -> bool {
        let Some(times) = script.times else {
            return true;
        };
        let prompted =
            Prompted { caller: request.caller().to_owned(), place: turn.earlier.len(), prompt: turn.prompt.to_owned() };
        let failed = self.0.get_with(prompted, Arc::default);
        failed.fetch_add(1, Ordering::Relaxed) < times
    }

    /// Starts anew.
    pub(super) fn forget(&self) {
        self.0.invalidate_all();
    }
}

impl Default for FailureCounts {
    fn default() -> Self {
        Self(Cache::new(MOST_COUNTED))
    }
}

/// The script in the prompt, or the one that suits it.
fn script_for(turn: &Turn<'_>, request: &MessagesRequest) -> Result<Script, ApiError> {
    if let Some(script) = auxiliary::script(turn, request) {
        return Ok(script);
    }
    Ok(Script::find(turn.prompt)?.unwrap_or_else(|| natural::script(turn, request)))
}
