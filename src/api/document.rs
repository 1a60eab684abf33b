//! What the OpenAPI documents say of every call alike: where the server is, how a call may be refused, which bodies may be
//! left out.

use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, Server};

/// Completes a document whose calls were collected.
pub(super) fn complete(document: &mut OpenApi) {
    document.servers = Some(vec![Server::new("/")]);
    let optional = bodies_without_required_fields(document);
    for (path, item) in &mut document.paths.paths {
        let error = if path.starts_with("/v1/") || path.starts_with("/admin/") { "ErrorBody" } else { "Refusal" };
        let calls = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for call in calls.into_iter().flatten() {
            describe_refusals(call, error);
            if let Some(RefOr::T(body)) = &mut call.request_body
                && call.operation_id.as_ref().is_some_and(|id| optional.contains(id))
            {
                body.required = Some(Required::False);
            }
        }
    }
}

/// Adds how a call may be refused to what it says itself.
fn describe_refusals(call: &mut Operation, error: &str) {
    if let Some(security) = call.security.clone() {
        describe(
            call,
            "429",
            error,
            "Calls come too fast, or too many keys from this address open nothing; `Retry-After` says when to come again",
        );
        let ways = serde_json::to_value(security).unwrap_or_default();
        let mut scopes =
            ways.as_array().into_iter().flatten().filter_map(Value::as_object).flat_map(|way| way.values());
        if scopes.any(|scopes| *scopes != json!([])) {
            describe(call, "403", error, "The key does not have the scope; the answer names it");
        }
    }
    describe(call, "4XX", error, "The request is refused; the answer says why");
    describe(call, "5XX", error, "The server cannot answer at present; `Retry-After` says when to come again");
}

fn describe(call: &mut Operation, status: &str, error: &str, what: &str) {
    let described = || -> Response {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(error))).build();
        ResponseBuilder::new().description(what).content("application/json", content).build()
    };
    call.responses.responses.entry(status.to_owned()).or_insert_with(|| described().into());
}

/// The calls whose bodies need no field: they may be left out.
fn bodies_without_required_fields(document: &OpenApi) -> Vec<String> {
    let document = serde_json::to_value(document).unwrap_or_default();
    let calls = document["paths"].as_object().into_iter().flatten().filter_map(|(_, item)| item.as_object());
    let optional = calls.flat_map(|item| item.values()).filter(|call| {
        let schema = &call["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let name = schema.as_str().and_then(|name| name.rsplit('/').next());
        name.is_some_and(|name| document["components"]["schemas"][name]["required"].is_null())
    });
    optional.filter_map(|call| call["operationId"].as_str()).map(str::to_owned).collect()
}
