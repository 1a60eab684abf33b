//! The model's place during a drill: every call is kept and refused, and the real model is never called.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use serde_json::json;
use tokio::sync::mpsc;

use crate::domain::SessionId;
use crate::lifecycle::Tasks;
use crate::sandbox::ModelSocket;

/// How many sockets may be on their way.
const SOCKETS: usize = 16;

/// How much of a call is kept, and how many calls of a session.
const KEPT_BYTES: usize = 4 << 20;
const KEPT_CALLS: usize = 16;

/// The model that refuses. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct RefusingModel(Arc<Mutex<HashMap<SessionId, Vec<Bytes>>>>);

impl RefusingModel {
    /// Begins to refuse, until nobody can hand it sockets any more or the process stops.
    pub(super) fn start(tasks: &Tasks) -> (Self, mpsc::Sender<ModelSocket>) {
        let model = Self::default();
        let (sender, mut sockets) = mpsc::channel(SOCKETS);
        let (refusing, spawner) = (model.clone(), tasks.clone());
        tasks.spawn("drill's model", async move {
            let stopping = spawner.stopping().clone();
            while let Some(Some(socket)) = stopping.run_until_cancelled(sockets.recv()).await {
                spawner.spawn("drill's model socket", refusing.clone().serve(socket));
            }
        });
        (model, sender)
    }

    /// What a session has asked the model so far.
    pub(super) fn asked(&self, session: SessionId) -> Vec<Bytes> {
        self.lock().get(&session).cloned().unwrap_or_default()
    }

    /// Forgets a session.
    pub(super) fn forget(&self, session: SessionId) {
        self.lock().remove(&session);
    }

    async fn serve(self, socket: ModelSocket) {
        let ModelSocket { listener, caller, closed } = socket;
        let app = Router::new().fallback(move |body: Bytes| async move {
            let mut calls = self.lock();
            let calls = calls.entry(caller.session).or_default();
            if calls.len() < KEPT_CALLS && body.len() <= KEPT_BYTES {
                calls.push(body);
            }
            let refusal =
                json!({ "type": "error", "error": { "type": "authentication_error", "message": "this is a drill" } });
            (StatusCode::UNAUTHORIZED, [(header::CONTENT_TYPE, "application/json")], refusal.to_string())
        });
        tokio::select! {
            () = closed.cancelled() => {}
            served = axum::serve(listener, app).into_future() => if let Err(error) = served {
                tracing::warn!(%error, "the drill's end of a sandbox's way to the model broke");
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Vec<Bytes>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
