//! Which headers pass the gateway. All do, known or not, but those that belong to one connection, name a credential or a
//! trace, or say something about the account behind the key.

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName,
    HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use crate::telemetry::TraceContext;

/// Where the model API takes its key.
pub(super) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Headers that speak of a connection, and those that say how long a body is, which each side finds out by itself.
const OF_CONNECTION: [HeaderName; 11] = [
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    PROXY_AUTHENTICATE,
];

/// The headers of a sandbox's request as they go out, with the real key. The answer is asked for uncompressed, because
/// it is read in passing.
pub(super) fn outgoing(mut headers: HeaderMap, key: &HeaderValue) -> HeaderMap {
    remove_connection(&mut headers);
    for credential in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
        headers.remove(credential);
    }
    TraceContext::remove_from(&mut headers);
    headers.insert(API_KEY, key.clone());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// The headers of the model API's answer as they go to the sandbox.
pub(super) fn incoming(mut headers: HeaderMap) -> HeaderMap {
    remove_connection(&mut headers);
    headers.remove(SET_COOKIE);
    remove_if(&mut headers, |name| {
        name.as_str().starts_with("anthropic-ratelimit-") || name.as_str() == "anthropic-organization-id"
    });
    headers
}

fn remove_connection(headers: &mut HeaderMap) {
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    remove_if(headers, |name| OF_CONNECTION.contains(name) || named.iter().any(|named| named == name.as_str()));
}

fn remove_if(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for &(name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_request_keeps_what_is_not_known_and_loses_the_sandbox_s_credentials() {
        let key = HeaderValue::from_static("sk-real");
        let sent = outgoing(
            map(&[
                ("anthropic-beta", "a"),
                ("anthropic-beta", "b"),
                ("x-brand-new", "1"),
                ("x-api-key", "dummy"),
                ("authorization", "Bearer mine"),
                ("cookie", "a=b"),
                ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                ("baggage", "tenant=acme"),
                ("accept-encoding", "gzip, br"),
                ("host", "localhost"),
                ("content-length", "12"),
                ("connection", "keep-alive, X-Hop"),
                ("x-hop", "1"),
                ("te", "trailers"),
            ]),
            &key,
        );
        let expected = map(&[
            ("anthropic-beta", "a"),
            ("anthropic-beta", "b"),
            ("x-brand-new", "1"),
            ("x-api-key", "sk-real"),
            ("accept-encoding", "identity"),
        ]);
        assert_eq!(sent, expected);
    }

    #[test]
    fn an_answer_tells_nothing_of_the_account_behind_the_key() {
        let shown = incoming(map(&[
            ("request-id", "req_1"),
            ("retry-after", "3"),
            ("set-cookie", "a=b"),
            ("anthropic-ratelimit-tokens-remaining", "5"),
            ("anthropic-ratelimit-unified-status", "allowed"),
            ("anthropic-organization-id", "org"),
            ("transfer-encoding", "chunked"),
        ]));
        assert_eq!(shown, map(&[("request-id", "req_1"), ("retry-after", "3")]));
    }
}
