//! A stand-in for the model API: real HTTP, real server-sent events, scripted answers. No model is asked.
//!
//! It serves `POST /v1/messages` (streaming or not), `POST /v1/messages/count_tokens`, `HEAD /` and `HEAD /api/hello`;
//! `GET /recorded` lists what it received and what became of each answer ([`Received`]), `DELETE /recorded` forgets it.
//!
//! # Scripts
//!
//! A prompt that contains `@stand-in ` and a JSON object is a script. The prompt is the last text of the last user
//! message that a person wrote: the agent's `<system-reminder>` texts and tool results do not count. More text may stand
//! around the script; of several, the first counts. A script that is wrong is answered with a 400 that says why.
//!
//! All fields are optional; `@stand-in {}` answers in a few words.
//!
//! | field | meaning |
//! |---|---|
//! | `text` | what the answer says, at the end of the turn |
//! | `chunks` | in exactly how many deltas `text` streams (at most one a character); without `text`: so many numbers |
//! | `count` | `[from, to]`: these numbers after `text`, one a delta |
//! | `repeat_bytes` | `text` again and again until the answer has so many bytes, in deltas of about 16 KiB |
//! | `chunk_delay_ms` | how long to wait before each delta; without a stream, all waits come before the body |
//! | `delay_ms` | how long to wait before the response headers |
//! | `thinking` | a thinking block, in each model call |
//! | `tools` | `[{name, input}, ..]`: one model call each, before the answer; an array in place of a call makes several calls at once; `nested` in a call adds so many nested arrays to its input |
//! | `turns` | so many model calls more that each run `true` with Bash, after `tools` and before the answer |
//! | `model` | the model that the answer names instead of the one asked |
//! | `stop_reason` | of the answer, instead of `end_turn` |
//! | `usage` | the usage of each model call, by the API's names. Missing: 0, `standard`, `global`, and the cache tiers from their sum or the sum from the tiers. Unknown names and odd values go out as they are |
//! | `usages` | `[usage, ..]`: one for each model call of the turn; the last goes on |
//! | `headers` | `{name: value}`: more response headers, of errors too, such as `x-should-retry` |
//! | `status` | the answer is this HTTP error, 400 to 599 |
//! | `error_after_chunks` | an `error` event after so many deltas; without a stream, an HTTP error |
//! | `cut_after_chunks` | the connection breaks after so many deltas |
//! | `stall_after_chunks` | nothing more comes after so many deltas, until the client leaves |
//! | `error_type`, `error_message` | of `status` and `error_after_chunks`; by default what goes with the status, and `overloaded_error` |
//! | `retry_after` | seconds, with `status` |
//! | `times` | how many requests fail; the next ones are answered. By default all fail |
//! | `at_call` | which model call of the turn fails, from 0. By default each |
//!
//! Only one of `status` and the three `.._after_chunks` can be there, and only one of `chunks`, `count` and
//! `repeat_bytes`. A failure comes at the latest where the answer would be complete; after 0 deltas, `message_start`
//! has been sent. `times` counts the requests with this prompt at this place of the same conversation
//! (`metadata.user_id`); all else is read off the conversation in the request, so that a retry repeats a step. A tool that
//! the request does not offer is not called: the answer says so. Scripted output tokens above the request's `max_tokens`
//! are lowered to it, with `stop_reason` `max_tokens`. Usage that is not scripted is estimated: a token is four bytes.
//!
//! # Prompts without a script
//!
//! A count from one number to another streams 20 numbers a second. Asking to make, write, create or build a file or program writes a small
//! file in the working directory, runs it and reads it back, if Write and Bash are offered. "Remember", "previous",
//! "before", "what did I" and the like list what was said before in the conversation. Anything else is quoted back. All
//! these answers begin with `[scripted answer]`. The calls that the agent makes for itself, for a title or a summary,
//! are answered with few words and a fixed usage, whatever script they quote.

mod answer;
mod auxiliary;
mod errors;
mod natural;
mod record;
mod reply;
mod request;
mod response;
mod script;
mod server;
mod stream;
mod text;
mod usage;

#[cfg(test)]
mod tests;

pub use record::Received;
pub use server::{StandIn, serve};
