//! Keys in the OpenAPI document, so that its readers know how to send one and its console asks for it.

use serde_json::{Value, json};
use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, Response};

/// Adds the ways to send a key to a document. Operations ask for them by name: `security(("bearer" = []))`.
#[derive(Clone, Copy, Debug)]
pub struct KeySchemes;

impl Modify for KeySchemes {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        components.add_security_scheme("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
        let header = ApiKey::Header(ApiKeyValue::new("x-api-key"));
        components.add_security_scheme("x-api-key", SecurityScheme::ApiKey(header));
    }
}

/// Adds to every call that wants a key how the gate may refuse it, beside what the call itself says.
pub fn describe_refusals(document: &mut OpenApi) {
    for path in document.paths.paths.values_mut() {
        let calls = [&mut path.get, &mut path.put, &mut path.post, &mut path.delete, &mut path.patch];
        for call in calls.into_iter().flatten().filter(|call| call.security.is_some()) {
            let ways = serde_json::to_value(&call.security).unwrap_or_default();
            let mut scopes =
                ways.as_array().into_iter().flatten().filter_map(Value::as_object).flat_map(|way| way.values());
            let wants_one = scopes.any(|scopes| *scopes != json!([]));
            describe(
                call,
                "429",
                "Calls come too fast, or too many keys from this address open nothing; `Retry-After` says when to come again",
            );
            if wants_one {
                describe(call, "403", "The key does not have the scope; the answer names it");
            }
        }
    }
}

fn describe(call: &mut Operation, status: &str, what: &str) {
    call.responses.responses.entry(status.to_owned()).or_insert_with(|| Response::new(what).into());
}
