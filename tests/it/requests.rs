//! The HTTP around the sessions: keys, errors, redirects, the page, the documentation.

use reqwest::{Method, header};
use serde_json::json;

use crate::harness::{PLAIN_PROMPT, Server, eventually, last_words};

#[tokio::test]
async fn a_key_is_taken_in_three_ways_and_every_failure_is_the_same_401() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = || http.get(format!("{}/sessions/", server.url));
    for good in [
        get().header("x-api-key", &tenant.key),
        get().bearer_auth(&tenant.key),
        get().basic_auth(&tenant.key, Some("")),
        get().basic_auth("anything", Some(&tenant.key)),
    ] {
        assert_eq!(good.send().await.unwrap().status().as_u16(), 200);
    }
    let mut other = tenant.key.clone();
    other.replace_range(tenant.key.len() - 8.., "AAAAAAAA");
    let operator = server.operator_key.clone().unwrap();
    let mut answers = Vec::new();
    for bad in [
        get(),
        get().header("x-api-key", ""),
        get().header("x-api-key", "nonsense"),
        get().header("x-api-key", &other),
        get().header("x-api-key", &operator),
        get().bearer_auth("x"),
    ] {
        let response = bad.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 401);
        assert!(response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic"));
        answers.push(response.text().await.unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn what_is_open_to_everybody_is_open_and_the_rest_is_not() {
    let server = Server::start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let root: serde_json::Value = http.get(format!("{}/", server.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(root["message"], "Claude Agent SDK API");
    assert_eq!(root["endpoints"]["execute"], "POST /execute/ - Execute a new agent session");
    let document: serde_json::Value =
        http.get(format!("{}/openapi.json", server.url)).send().await.unwrap().json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/execute/"]["post"].is_object());
    let page = http.get(format!("{}/docs/", server.url)).send().await.unwrap();
    assert_eq!(page.status().as_u16(), 200);
    let page = page.text().await.unwrap();
    assert!(!page.contains("https://"), "the documentation needs the network: {page}");
    for path in ["/ui", "/ui/", "/sessions/", "/status/x"] {
        assert_ne!(http.get(format!("{}{path}", server.url)).send().await.unwrap().status().as_u16(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_page_an_operator_puts_there_is_served_behind_a_key() {
    let pages = tempfile::tempdir().unwrap();
    std::fs::write(pages.path().join("index.html"), "<h1>hello</h1>").unwrap();
    let server = Server::start_with(&[("http.static_dir", pages.path().to_str().unwrap())]).await;
    let tenant = server.tenant("acme").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = http.get(format!("{}/ui/", server.url)).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 401);
    assert!(response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic"));
    for path in ["/ui", "/ui/", "/ui/index.html"] {
        let response =
            http.get(format!("{}{path}", server.url)).basic_auth(&tenant.key, Some("x")).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "<h1>hello</h1>", "{path}");
    }
    let (status, _) = tenant.get("/ui/../innkeeper.db").await;
    assert_eq!(status.as_u16(), 404);
}

#[tokio::test]
async fn paths_without_their_slash_are_redirected_and_unknown_ones_are_not_there() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let send = async |method: Method, path: &str| {
        http.request(method, format!("{}{path}", server.url)).header("x-api-key", &tenant.key).send().await.unwrap()
    };
    for (method, path, target) in [
        (Method::POST, "/execute?a=b", "/execute/?a=b"),
        (Method::GET, "/sessions", "/sessions/"),
        (Method::GET, "/status/x/", "/status/x"),
    ] {
        let response = send(method, path).await;
        assert_eq!(response.status().as_u16(), 307, "{path}");
        assert!(response.headers()[header::LOCATION].to_str().unwrap().ends_with(target), "{path}");
    }
    let unknown = send(Method::GET, "/nothing").await;
    assert_eq!(
        (unknown.status().as_u16(), unknown.text().await.unwrap()),
        (404, r#"{"detail":"Not Found"}"#.to_owned())
    );
    let wrong = send(Method::GET, "/execute/").await;
    assert_eq!(wrong.status().as_u16(), 405);
    assert_eq!(wrong.headers()[header::ALLOW], "POST");
}

#[tokio::test]
async fn cross_origin_pages_are_refused_until_they_are_named() {
    let preflight = async |server: &Server| {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = http
            .request(Method::OPTIONS, format!("{}/execute/", server.url))
            .header("origin", "https://console.example.com")
            .header("access-control-request-method", "POST")
            .send()
            .await
            .unwrap();
        response.headers().get("access-control-allow-origin").map(|origin| origin.to_str().unwrap().to_owned())
    };
    assert_eq!(preflight(&Server::start().await).await, None);
    let server = Server::start_with(&[("http.cors_origins", "https://console.example.com")]).await;
    assert_eq!(preflight(&server).await.as_deref(), Some("https://console.example.com"));
}

#[tokio::test]
async fn sessions_are_deleted_one_by_one_and_by_age() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let running = tenant.start(&json!({"prompt": "Please count from 1 to 1000"})).await;
    let (status, body) = tenant.delete(&format!("/sessions/{running}")).await;
    let detail = format!("Cannot delete running session {running}. Please cancel it first.");
    assert_eq!((status.as_u16(), body), (400, json!({"detail": detail})));
    tenant.cancel(&running).await;
    let (status, body) = tenant.delete(&format!("/sessions/{running}")).await;
    let message = format!("Session {running} deleted successfully");
    assert_eq!(
        (status.as_u16(), body),
        (200, json!({"session_id": running, "status": "cancelled", "message": message}))
    );
    assert_eq!(tenant.get(&format!("/status/{running}")).await.0.as_u16(), 404);

    let done = tenant.run(&json!({"prompt": "Say hello"})).await;
    assert_eq!(
        tenant.delete("/sessions/cleanup").await.1,
        json!({"removed": 0, "message": "Cleaned up 0 old sessions"})
    );
    assert_eq!(tenant.delete("/sessions/cleanup?max_age_hours=-1").await.0.as_u16(), 422);
    assert_eq!(tenant.delete("/sessions/cleanup?max_age_hours=0").await.1["removed"], 1);
    assert_eq!(tenant.get(&format!("/status/{}", done["session_id"].as_str().unwrap())).await.0.as_u16(), 404);
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_refused_with_all_its_faults() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let (status, body) = tenant.execute(&json!({"prompt": " ", "max_turns": 101, "env": {"A": 1}})).await;
    assert_eq!(status.as_u16(), 422);
    let faults: Vec<_> = body["detail"].as_array().unwrap().iter().map(|fault| &fault["loc"]).collect();
    assert_eq!(faults, [&json!(["body", "prompt"]), &json!(["body", "max_turns"]), &json!(["body", "env", "A"])]);
    let response =
        tenant.request(Method::POST, "/execute/").header("content-type", "application/json").body("{").send();
    assert_eq!(response.await.unwrap().status().as_u16(), 422);
    assert_eq!(tenant.get("/sessions/").await.1, json!([]));
}

#[tokio::test]
async fn a_key_made_beside_a_running_server_opens_it_at_once() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let key = server.command(&["keys", "create", "--tenant", "acme", "--name", "second"]).await.trim().to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let status =
        async || http.get(format!("{}/sessions/", server.url)).bearer_auth(&key).send().await.unwrap().status();
    eventually(async || (status().await.as_u16() == 200).then_some(())).await;
    let said = server.command(&["run", "--url", &server.url, "--key", &tenant.key, "Say hello"]).await;
    assert!(said.contains("[scripted answer]") && said.contains("done"), "{said}");
}

#[tokio::test]
async fn what_a_call_does_not_take_is_refused_in_words() {
    let server = Server::start_with(&[("http.cors_origins", "https://app.example")]).await;
    let tenant = server.tenant("acme").await;
    let tokens = |body: &'static str| tenant.request(Method::POST, "/v1/tokens").body(body);
    let json = |body| tokens(body).header(header::CONTENT_TYPE, "application/json");
    let get = |path| tenant.request(Method::GET, path);
    let put = |path| tenant.request(Method::PUT, path);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (request, status, words) in [
        (json("[]"), 422, "expected an object"),
        (json(r#"{"ttl": 5}"#), 422, "unknown field `ttl`"),
        (json(r#"{"ttl_seconds": "5"}"#), 422, "`ttl_seconds`"),
        (json("{"), 400, "not JSON"),
        (json(r#"{"ttl_seconds": 5} {}"#), 400, "not JSON"),
        (tokens("{}"), 415, "no content type"),
        (tokens("{}").header(header::CONTENT_TYPE, "text/plain"), 415, "`text/plain`"),
        (get("/v1/session"), 404, "`/v1/session`"),
        (put("/v1/me"), 405, "`Allow`"),
        (get("/v1/usage?limits=5"), 400, "unknown field `limits`"),
        (http.get(format!("{}/v1/usage", server.url)), 401, "ink_live_"),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{words}");
        assert_eq!(response.headers().contains_key(header::ALLOW), status == 405);
        let body: serde_json::Value = response.json().await.unwrap();
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{words}: {body}");
    }
    // Where no field is needed no body is.
    assert_eq!(tenant.request(Method::POST, "/v1/tokens").send().await.unwrap().status().as_u16(), 201);
    let unknown = reqwest::get(format!("{}/admin/v1/tenant", server.operator_url)).await.unwrap();
    assert_eq!(unknown.status().as_u16(), 404);
    assert!(unknown.text().await.unwrap().contains("there is no path `/admin/v1/tenant` here"));
    let page = get("/v1/me").header(header::ORIGIN, "https://app.example").send().await.unwrap();
    let exposed = page.headers()[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
    for name in ["retry-after", "ratelimit", "ratelimit-policy", "request-id"] {
        assert!(exposed.split(',').any(|exposed| exposed.trim() == name), "{name}: {exposed}");
    }
}

#[tokio::test]
async fn a_list_takes_a_limit_a_cursor_and_a_status() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let status = tenant.run(&json!({"prompt": PLAIN_PROMPT})).await;
        assert_eq!(status["answer"], last_words(&status));
        ids.push(status["session_id"].clone());
    }
    let list = async |query: &str| {
        let (status, list) = tenant.get(&format!("/sessions/{query}")).await;
        assert_eq!(status.as_u16(), 200, "{query}: {list}");
        list.as_array().unwrap().iter().map(|entry| entry["session_id"].clone()).collect::<Vec<_>>()
    };
    let after = |place: usize| ids[place].as_str().unwrap();
    assert_eq!(list("").await, ids);
    assert_eq!(list("?limit=2").await, ids[..2]);
    assert_eq!(list(&format!("?limit=2&after={}", after(1))).await, ids[2..]);
    assert_eq!(list(&format!("?after={}", after(2))).await, ids[3..]);
    assert_eq!(list("?status=completed&limit=1").await, ids[..1]);
    assert_eq!(list("?status=error").await, ids[3..]);
    for bad in [
        "?limit=0",
        "?limit=1001",
        "?limit=x",
        "?status=done",
        "?after=x",
        "?after=00000000-0000-4000-8000-000000000000",
    ] {
        let (status, faults) = tenant.get(&format!("/sessions/{bad}")).await;
        assert_eq!(status.as_u16(), 422, "{bad}: {faults}");
        assert_eq!(faults["detail"][0]["loc"][0], "query", "{bad}: {faults}");
    }
    let (_, started) = tenant.execute(&json!({"prompt": PLAIN_PROMPT, "max_turn": 1})).await;
    assert!(started["warnings"][0].as_str().unwrap().contains("did you mean `max_turns`?"), "{started}");
    let other = server.tenant("other").await;
    let foreign = other.get(&format!("/sessions/?after={}", after(0))).await;
    assert_eq!(foreign.0.as_u16(), 422);
}

#[tokio::test]
async fn a_tenant_sees_the_models_it_may_use() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let (_, all) = tenant.get("/v1/models").await;
    let names = |models: &serde_json::Value| {
        let models = models["data"].as_array().unwrap().iter();
        models.map(|model| (model["id"].clone(), model["names"].clone())).collect::<Vec<_>>()
    };
    assert!(names(&all).len() > 3);
    assert!(all["data"][0]["tiers"][0]["input_usd"].as_str().unwrap().parse::<f64>().unwrap() > 0.0);
    server.command(&["limits", "set", "acme", r#"models=["claude-haiku-4-5-20251001"]"#]).await;
    let few = eventually(async || {
        let (_, models) = tenant.get("/v1/models").await;
        (models["data"].as_array().unwrap().len() == 1).then_some(models)
    })
    .await;
    assert_eq!(names(&few), [(json!("claude-haiku-4-5"), json!(["claude-haiku-4-5-20251001"]))]);
}
