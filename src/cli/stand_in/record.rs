//! What the stand-in received, and what became of each answer, so that tests can look from the model's side.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::watch;

/// How many requests are remembered.
const MOST_REQUESTS: usize = 10_000;

/// How many bytes of bodies are remembered.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// A request as it arrived, and what became of its answer so far.
#[derive(Clone, Debug, Serialize)]
pub struct Received {
    /// Counts requests from 0 since the stand-in started.
    pub seq: u64,
    /// The HTTP method.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Headers by lower-case name, values as sent, `x-api-key` too; repeated ones joined by a comma.
    pub headers: BTreeMap<String, String>,
    /// The body as sent.
    #[serde(serialize_with = "json_or_text")]
    pub body: Bytes,
    /// The status of the answer, once there is one.
    pub answered_status: Option<u16>,
    /// How many deltas of the answer were sent; the answer itself, when it did not stream.
    pub chunks_sent: u64,
    /// The client left before it had the whole answer.
    pub client_gone: bool,
    /// The answer came to its end, were it a scripted failure.
    pub finished: bool,
}

/// The requests received. Cheap to clone; all clones see the same ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    log: Mutex<Log>,
    /// Wakes whoever waits for something to happen.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Log {
    requests: VecDeque<Received>,
    /// The number of the next request.
    next: u64,
    /// How long the bodies of `requests` are together.
    bytes: usize,
}

/// An answer on its way. Dropped before it is finished, it tells that the client left.
#[derive(Debug)]
pub(super) struct Delivery {
    recorder: Recorder,
    seq: u64,
    is_finished: bool,
}

impl Received {
    /// The body as JSON; `null` when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Recorder {
    /// Takes down a request, and answers where to tell what becomes of it.
    pub(super) fn receive(&self, request: &Parts, body: Bytes) -> Delivery {
        let mut log = self.log();
        let seq = log.next;
        log.next += 1;
        log.bytes += body.len();
        log.requests.push_back(Received {
            seq,
            method: request.method.to_string(),
            path: request.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            headers: by_name(&request.headers),
            body,
            answered_status: None,
            chunks_sent: 0,
            client_gone: false,
            finished: false,
        });
        while log.requests.len() > MOST_REQUESTS || log.bytes > MOST_BYTES {
            let forgotten = log.requests.pop_front().map_or(0, |request| request.body.len());
            log.bytes -= forgotten;
        }
        drop(log);
        self.0.changed.send_replace(());
        Delivery { recorder: self.clone(), seq, is_finished: false }
    }

    /// Everything remembered, oldest first.
    pub(super) fn received(&self) -> Vec<Received> {
        self.log().requests.iter().cloned().collect()
    }

    /// Waits until `condition` holds, and answers what it held for.
    pub(super) async fn wait_until(&self, mut condition: impl FnMut(&[Received]) -> bool) -> Vec<Received> {
        let mut changed = self.0.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let received = self.received();
            if condition(&received) || changed.changed().await.is_err() {
                return received;
            }
        }
    }

    /// Forgets everything. Numbers go on.
    pub(super) fn forget(&self) {
        let mut log = self.log();
        log.requests.clear();
        log.bytes = 0;
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delivery {
    /// The response has begun.
    pub(super) fn answer(&self, status: StatusCode) {
        self.update(|request| request.answered_status = Some(status.as_u16()));
    }

    /// One more piece of content is handed to the connection.
    pub(super) fn send_chunk(&self) {
        self.update(|request| request.chunks_sent += 1);
    }

    /// The response has ended as it was meant to.
    pub(super) fn finish(&mut self) {
        self.is_finished = true;
        self.update(|request| request.finished = true);
    }

    fn update(&self, change: impl FnOnce(&mut Received)) {
        let mut log = self.recorder.log();
        let place = log.requests.binary_search_by_key(&self.seq, |request| request.seq);
        if let Some(request) = place.ok().and_then(|place| log.requests.get_mut(place)) {
            change(request);
        }
        drop(log);
        self.recorder.0.changed.send_replace(());
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.is_finished {
            self.update(|request| request.client_gone = true);
        }
    }
}

fn by_name(headers: &HeaderMap) -> BTreeMap<String, String> {
    let values = |name| {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        values.collect::<Vec<_>>().join(", ")
    };
    headers.keys().map(|name| (name.to_string(), values(name))).collect()
}

fn json_or_text<S: Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_slice::<&RawValue>(body) {
        Ok(json) => json.serialize(serializer),
        Err(_) => String::from_utf8_lossy(body).serialize(serializer),
    }
}
